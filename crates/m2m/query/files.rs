// SPDX-License-Identifier: Apache-2.0
//! What the name of a file says of it, told to the engine.

use std::path::Path;

use datafusion::sql::parser::{CopyToStatement, CreateExternalTable, Statement};
use datafusion::sql::sqlparser::ast::Value;
use url::Url;

/// Endings of compressed files, and the engine's word for each.
const COMPRESSIONS: [(&str, &str); 4] = [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz"), ("zst", "zstd")];
/// The engine's JSON has one object a line; these are other names of it.
const LINES_OF_JSON: [&str; 2] = ["NDJSON", "JSONL"];
const COMPRESSION: &str = "format.compression";

/// Has `STORED AS NDJSON` mean the engine's JSON, and files that end with `.gz`
/// and the like read as what they are, unless an option says otherwise.
pub(super) fn understood(statement: Statement) -> Statement {
    match statement {
        Statement::CreateExternalTable(table) => Statement::CreateExternalTable(of_table(table)),
        Statement::CopyTo(copy) => Statement::CopyTo(of_copy(copy)),
        other => other,
    }
}

fn of_table(mut table: CreateExternalTable) -> CreateExternalTable {
    table.file_type = form(table.file_type);
    let is_text = matches!(table.file_type.to_ascii_uppercase().as_str(), "CSV" | "JSON");
    let is_told =
        table.options.iter().any(|(option, _)| option.to_ascii_lowercase().ends_with("compression"));
    let compressions: Vec<_> = table.locations.iter().map(|location| compression(location)).collect();
    if let ([Some(first), rest @ ..], true, false) = (compressions.as_slice(), is_text, is_told)
        && rest.iter().all(|other| *other == Some(first))
    {
        table.options.push((COMPRESSION.into(), Value::SingleQuotedString((*first).into())));
    }
    table
}

fn of_copy(copy: CopyToStatement) -> CopyToStatement {
    let (target, stored_as) = (literal(copy.target), copy.stored_as.map(form));
    CopyToStatement { target, stored_as, ..copy }
}

/// The path as a URL where the engine would take it for a pattern, and write elsewhere.
fn literal(target: String) -> String {
    if target.contains("://") || !target.contains(['*', '?', '[']) {
        return target;
    }
    let is_folder = target.ends_with('/');
    let absolute = std::path::absolute(&target).ok();
    match absolute.and_then(|path| {
        if is_folder { Url::from_directory_path(path) } else { Url::from_file_path(path) }.ok()
    }) {
        Some(url) => url.into(),
        None => target,
    }
}

fn form(said: String) -> String {
    let is_json = LINES_OF_JSON.iter().any(|other| said.eq_ignore_ascii_case(other));
    if is_json { "JSON".into() } else { said }
}

fn compression(location: &str) -> Option<&'static str> {
    let ending = Path::new(location).extension()?.to_str()?.to_ascii_lowercase();
    COMPRESSIONS.iter().find(|(known, _)| *known == ending).map(|(_, word)| *word)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn shown(sql: &str) -> String {
        let statement = understood(DFParser::parse_sql(sql).unwrap().pop_back().unwrap());
        match statement {
            Statement::CreateExternalTable(table) => format!("{} {:?}", table.file_type, table.options),
            Statement::CopyTo(copy) => format!("{:?}", copy.stored_as),
            other => other.to_string(),
        }
    }

    #[test]
    fn the_ending_tells_the_compression_unless_an_option_does() {
        let gzip = r#"CSV [("format.compression", SingleQuotedString("gzip"))]"#;
        assert_eq!(shown("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'a.csv.gz'"), gzip);
        assert_eq!(shown("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/a.csv.GZ'"), gzip);
        let zstd = r#"JSON [("format.compression", SingleQuotedString("zstd"))]"#;
        assert_eq!(shown("CREATE EXTERNAL TABLE t STORED AS NDJSON LOCATION 'a.json.zst'"), zstd);
        let told =
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'a.gz' OPTIONS ('format.compression' 'xz')";
        assert!(!shown(told).contains("gzip"), "{}", shown(told));
        assert_eq!(shown("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'a.gz'"), "PARQUET []");
    }

    #[test]
    fn what_a_statement_writes_to_is_no_pattern() {
        assert_eq!(literal("/d[1]/a?.parquet".into()), "file:///d[1]/a%3F.parquet");
        assert_eq!(literal("/d*/".into()), "file:///d*/");
        assert!(literal("d[1].csv".into()).starts_with("file:///"));
        assert_eq!(literal("a b.csv".into()), "a b.csv");
        assert_eq!(literal("s3://b/a?".into()), "s3://b/a?");
    }

    #[test]
    fn lines_of_json_have_three_names() {
        for name in ["NDJSON", "jsonl", "JSON"] {
            assert_eq!(shown(&format!("CREATE EXTERNAL TABLE t STORED AS {name} LOCATION 'a'")), "JSON []");
            assert_eq!(shown(&format!("COPY t TO 'a/' STORED AS {name}")), "Some(\"JSON\")");
        }
        assert_eq!(shown("COPY t TO 'a/' STORED AS NPY"), "Some(\"NPY\")");
        assert_eq!(shown("SELECT 1"), "SELECT 1");
    }
}
