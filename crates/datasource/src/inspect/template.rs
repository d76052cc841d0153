// SPDX-License-Identifier: Apache-2.0
//! SQL that is written for one collection and serves for each.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{collection}` | the collection's name, as a text |
//! | `{metric}` | the name of its metric, as a text |
//! | `{table}` | its table |
//! | `{float_table}` | its table; the template is for collections of float vectors |
//!
//! Its last line is `ORDER BY` and the columns that order the rows of all.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use m2m_segment::{VectorElement, VectorLayout};

use crate::schema::{ID, SEGMENT_OFFSET, VECTOR, constant_columns, vector_item};
use crate::session::COLLECTIONS;

const TABLE: &str = "{table}";
const FLOAT_TABLE: &str = "{float_table}";
const ORDER_BY: &str = "\nORDER BY ";

/// Name of the table that has the columns of a collection where there is none,
/// and of its schema.
pub(super) const STAND_IN: &str = "stand_in";

/// The SQL of a view over the data of collections.
pub(super) struct Template {
    /// The query of one collection.
    sql: &'static str,
    order: &'static str,
    floats_only: bool,
}

impl Template {
    /// Returns the template, if this SQL is one.
    pub(super) fn of(sql: &'static str) -> Option<Self> {
        let floats_only = sql.contains(FLOAT_TABLE);
        let (sql, order) = sql.rsplit_once(ORDER_BY)?;
        (floats_only || sql.contains(TABLE)).then_some(Self { sql, order, floats_only })
    }

    /// The columns that order the rows of the view.
    pub(super) fn order(&self) -> impl Iterator<Item = &'static str> {
        self.order.split(',').map(str::trim)
    }

    /// Whether collections of such vectors have a branch in the view.
    pub(super) fn is_for(&self, layout: VectorLayout) -> bool {
        !self.floats_only || layout.element() == VectorElement::Float32
    }

    /// The branch of a collection.
    pub(super) fn for_collection(&self, name: &str, metric: &str) -> String {
        let table = format!("{COLLECTIONS}.{}", quoted(name, '"'));
        self.filled(name, metric, &table)
    }

    /// A query with the view's columns, over no collection.
    pub(super) fn for_nothing(&self) -> String {
        self.filled("", "", &format!("{STAND_IN}.{STAND_IN}"))
    }

    /// What is put in is never searched for placeholders: a name may look like one.
    fn filled(&self, name: &str, metric: &str, table: &str) -> String {
        let mut sql = String::with_capacity(self.sql.len());
        let mut rest = self.sql;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}').unwrap_or((after, ""));
            sql.push_str(before);
            match placeholder {
                "collection" => sql.push_str(&quoted(name, '\'')),
                "metric" => sql.push_str(&quoted(metric, '\'')),
                _ => sql.push_str(table),
            }
            rest = after;
        }
        sql + rest
    }
}

/// A text between quotes, those in it doubled.
fn quoted(text: &str, quote: char) -> String {
    format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
}

/// The columns of a collection of float vectors.
pub(super) fn stand_in_schema() -> SchemaRef {
    let vector = DataType::FixedSizeList(vector_item(), 1);
    let constant = constant_columns();
    let mut fields =
        vec![Arc::new(Field::new(ID, DataType::Int64, false)), Arc::new(Field::new(VECTOR, vector, false))];
    fields.extend(constant);
    fields.push(Arc::new(Field::new(SEGMENT_OFFSET, DataType::Int64, false)));
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_text_and_as_table() {
        let template = Template::of("SELECT {collection}, {metric} FROM {table} AS t\nORDER BY a").unwrap();
        assert_eq!(
            template.for_collection("it's \"x\"", "L2"),
            "SELECT 'it''s \"x\"', 'L2' FROM collections.\"it's \"\"x\"\"\" AS t"
        );
    }

    #[test]
    fn a_name_that_looks_like_a_placeholder_is_a_name() {
        let template = Template::of("SELECT {collection} FROM {table}\nORDER BY a").unwrap();
        let sql = template.for_collection("{table} {metric}", "L2");
        assert_eq!(sql, "SELECT '{table} {metric}' FROM collections.\"{table} {metric}\"");
    }

    #[test]
    fn templates_of_float_vectors_are_for_no_others() {
        let layout = |element| VectorLayout::try_new(element, 8).unwrap();
        let any = Template::of("SELECT {collection} FROM {table}\nORDER BY a").unwrap();
        let floats = Template::of("SELECT {collection} FROM {float_table}\nORDER BY a, b\n").unwrap();
        assert!(any.is_for(layout(VectorElement::Bit)) && any.is_for(layout(VectorElement::Float32)));
        assert!(!floats.is_for(layout(VectorElement::Bit)) && floats.is_for(layout(VectorElement::Float32)));
        assert_eq!(floats.order().collect::<Vec<_>>(), ["a", "b"]);
        assert!(Template::of("SELECT * FROM meta.tables\nORDER BY id").is_none());
    }
}
