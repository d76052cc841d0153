// SPDX-License-Identifier: Apache-2.0
//! Words of SQL: those that are highlighted and completed, and those that a
//! name cannot be without quotes.

/// The words that the engine's SQL is made of. The parser knows many more, most
/// of which are likelier to be a column's name.
pub(super) const KEYWORDS: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "ANTI",
    "ANY",
    "ARROW",
    "AS",
    "ASC",
    "AVRO",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "CASE",
    "CAST",
    "COLUMNS",
    "COPY",
    "CREATE",
    "CROSS",
    "CSV",
    "CUBE",
    "CURRENT",
    "DATABASE",
    "DATE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "EXTERNAL",
    "EXTRACT",
    "FALSE",
    "FILTER",
    "FIRST",
    "FLOAT",
    "FOLLOWING",
    "FOR",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP",
    "GROUPING",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "JSON",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "MYSQL",
    "NATURAL",
    "NDJSON",
    "NOT",
    "NPY",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OPTIONS",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARQUET",
    "PARTITION",
    "PARTITIONED",
    "PRECEDING",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "REPLACE",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SCHEMA",
    "SELECT",
    "SEMI",
    "SET",
    "SETS",
    "SHOW",
    "SIMILAR",
    "SOME",
    "SQLITE",
    "STORED",
    "TABLE",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TO",
    "TRUE",
    "TRY_CAST",
    "UNBOUNDED",
    "UNION",
    "UNNEST",
    "UPDATE",
    "USING",
    "VALUES",
    "VARCHAR",
    "VERBOSE",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Words that begin a statement.
pub(super) const BEGINNINGS: &[&str] =
    &["COPY", "CREATE", "DESCRIBE", "DROP", "EXPLAIN", "INSERT", "SELECT", "SET", "SHOW", "VALUES", "WITH"];

/// Whether a word is one that is highlighted.
pub(super) fn is_keyword(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    KEYWORDS.binary_search(&upper.as_str()).is_ok()
}

/// A name as it has to be typed: in quotes unless it is lowercase, plain, and no keyword.
pub(super) fn quoted_if_needed(name: &str) -> String {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let is_plain = begins && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain && !is_reserved(name) { name.to_owned() } else { quoted(name) }
}

/// A name in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Words of the language that are columns of the tables too need no quotes.
fn is_reserved(name: &str) -> bool {
    is_keyword(name)
        && !matches!(name, "rows" | "columns" | "tables" | "functions" | "location" | "first" | "last")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_stand_in_order_for_the_search() {
        assert!(KEYWORDS.is_sorted());
        assert!(BEGINNINGS.iter().all(|word| is_keyword(word)));
        assert!(is_keyword("select") && !is_keyword("id") && !is_keyword(""));
    }

    #[test]
    fn names_are_quoted_where_they_would_be_read_otherwise() {
        for plain in ["id", "float_l2", "_x1", "rows", "tables"] {
            assert_eq!(quoted_if_needed(plain), plain);
        }
        for (name, typed) in [
            ("Photos", "\"Photos\""),
            ("a b", "\"a b\""),
            ("1x", "\"1x\""),
            ("order", "\"order\""),
            ("a\"b", "\"a\"\"b\""),
            ("", "\"\""),
            ("größe", "\"größe\""),
        ] {
            assert_eq!(quoted_if_needed(name), typed);
        }
        assert_eq!(literal("it's"), "'it''s'");
    }
}
