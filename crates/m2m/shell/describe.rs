// SPDX-License-Identifier: Apache-2.0
//! The queries behind `\d` and its like.

use super::keywords::{literal, quoted};
use super::names::Names;

/// Schemas with the metadata of an installation, whose tables `\d` can say more about.
const META: &str = "meta";
const COLLECTIONS: &str = "collections";
/// Schemas whose tables are collections.
const HOMES: [&str; 2] = [COLLECTIONS, "stored"];

/// Which names are meant. As in psql, `*` is any text, `?` any character, a dot
/// separates the schema, and what is in double quotes is taken as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) schema: Option<Part>,
    pub(super) name: Part,
}

/// The pattern of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// For SQL's `LIKE`, with `\` before what is meant literally.
    like: String,
    /// The text without quotes.
    pub(super) plain: String,
    pub(super) has_wildcard: bool,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = vec![Part::default()];
        let mut is_quoted = false;
        for c in text.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                '.' if !is_quoted => parts.push(Part::default()),
                c => {
                    if let Some(part) = parts.last_mut() {
                        part.push(c, is_quoted);
                    }
                }
            }
        }
        // A catalog before the schema says nothing: there is one.
        let name = parts.pop().unwrap_or_default();
        Self { schema: parts.pop(), name }
    }

    /// Whether several names may be meant.
    pub(super) fn has_wildcard(&self) -> bool {
        self.name.has_wildcard || self.schema.as_ref().is_some_and(|schema| schema.has_wildcard)
    }

    /// The condition for columns with schemas and names.
    fn condition(&self, schema: &str, name: &str) -> String {
        let of_schema = self.schema.as_ref().map(|part| format!("{} AND ", part.condition(schema)));
        format!("{}{}", of_schema.unwrap_or_default(), self.name.condition(name))
    }
}

impl Part {
    fn push(&mut self, c: char, is_quoted: bool) {
        self.plain.push(c);
        match c {
            '*' if !is_quoted => self.like.push('%'),
            '?' if !is_quoted => self.like.push('_'),
            '%' | '_' | '\\' => self.like.extend(['\\', c]),
            c => self.like.push(c),
        }
        self.has_wildcard |= !is_quoted && matches!(c, '*' | '?');
    }

    fn condition(&self, column: &str) -> String {
        format!("{column} ILIKE {}", literal(&self.like))
    }
}

/// The kind of a table, what is said about it, and where that comes from.
const OF_COLLECTIONS: (&str, &str, &str) = (
    "CASE WHEN c.collection IS NULL THEN 'table' ELSE 'collection' END",
    ", coalesce(c.metric || ', ' || c.dimension || ' dimensions' || \
     CASE WHEN c.partitions > 1 THEN ', ' || c.partitions || ' partitions' ELSE '' END, '') AS about",
    " LEFT JOIN meta.collections c ON t.table_name = c.collection AND t.table_type <> 'VIEW' \
     AND t.table_schema IN ('collections', 'stored')",
);

/// What a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    All,
    Tables,
    Views,
}

/// Tables and views, the collections first. The engine's own schema is listed when it is asked for by name.
pub(super) fn tables(names: &Names, listed: Listed, pattern: Option<&Pattern>) -> String {
    let mut conditions = Vec::new();
    if pattern.is_none_or(|pattern| pattern.schema.is_none()) {
        conditions.push("t.table_schema <> 'information_schema'".to_owned());
    }
    conditions.extend(pattern.map(|pattern| pattern.condition("t.table_schema", "t.table_name")));
    match listed {
        Listed::All => {}
        Listed::Tables => conditions.push("t.table_type <> 'VIEW'".into()),
        Listed::Views => conditions.push("t.table_type = 'VIEW'".into()),
    }
    let (kind, about, join) = if has_metadata(names) { OF_COLLECTIONS } else { ("'table'", "", "") };
    let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    format!(
        "SELECT t.table_schema AS schema, t.table_name AS name, \
         CASE WHEN t.table_type = 'VIEW' THEN 'view' ELSE {kind} END AS kind{about} \
         FROM information_schema.tables t{join} WHERE {conditions} \
         ORDER BY t.table_schema <> '{COLLECTIONS}', 1, 2"
    )
}

/// Whether the session knows the collections of an installation.
fn has_metadata(names: &Names) -> bool {
    let table = names.table(Some(META), COLLECTIONS);
    table.is_some_and(|(_, table)| table.columns.iter().any(|column| column == "dimension"))
}

/// The columns of a table.
pub(super) fn columns(schema: &str, table: &str) -> String {
    format!("DESCRIBE {}.{}", quoted(schema), quoted(table))
}

/// What there is to know of a collection, if the table is one: what the metadata
/// says, and the live rows of each partition. No vector is read.
pub(super) fn collection(names: &Names, schema: &str, table: &str) -> Option<[String; 2]> {
    if !HOMES.contains(&schema) || !has_metadata(names) {
        return None;
    }
    let (_, known) = names.table(Some(schema), table)?;
    if !known.columns.iter().any(|column| column == "partition_tag") {
        return None;
    }
    let name = literal(table);
    let about = format!(
        "SELECT collection, dimension, metric, engine, index_params, partitions, segments \
         FROM meta.collections WHERE collection = {name}"
    );
    let rows = format!(
        "SELECT p.partition_tag AS partition, p.segments, coalesce(c.live, 0) AS live_rows \
         FROM meta.partitions p LEFT JOIN (SELECT partition_tag, count(*) AS live FROM {COLLECTIONS}.{} \
         GROUP BY partition_tag) c ON p.partition_tag = c.partition_tag \
         WHERE p.collection = {name} ORDER BY 1",
        quoted(table)
    );
    Some([about, rows])
}

/// Functions, each once.
pub(super) fn functions(pattern: Option<&Pattern>) -> String {
    let condition = pattern.map(|pattern| format!(" WHERE {}", pattern.name.condition("routine_name")));
    format!(
        "SELECT routine_name AS name, lower(min(function_type)) AS kind, coalesce(min(syntax_example), routine_name || '(…)') AS usage \
         FROM information_schema.routines{} GROUP BY routine_name ORDER BY 1",
        condition.unwrap_or_default()
    )
}

/// Schemas and how many tables they have.
pub(super) fn schemas(pattern: Option<&Pattern>) -> String {
    let condition = pattern.map(|pattern| format!(" WHERE {}", pattern.name.condition("s.schema_name")));
    format!(
        "SELECT s.schema_name AS schema, count(t.table_name) AS tables FROM information_schema.schemata s \
         LEFT JOIN information_schema.tables t ON s.schema_name = t.table_schema{} GROUP BY 1 ORDER BY 1",
        condition.unwrap_or_default()
    )
}
