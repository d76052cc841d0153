// SPDX-License-Identifier: Apache-2.0
//! SQL that is written for one collection and serves for each.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{collection}` | the collection's name, as a text |
//! | `{metric}` | the name of its metric, as a text |
//! | `{table}` | its table |
//! | `{float_table}` | its table; the template is for collections of float vectors |

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use m2m_segment::{VectorElement, VectorLayout};

use crate::schema::{ID, SEGMENT_OFFSET, VECTOR, constant_columns, vector_item};
use crate::session::COLLECTIONS;

const TABLE: &str = "{table}";
const FLOAT_TABLE: &str = "{float_table}";

/// Name of the table that has the columns of a collection where there is none,
/// and of its schema.
pub(super) const STAND_IN: &str = "stand_in";

/// The SQL of a view over the data of collections.
pub(super) struct Template {
    sql: &'static str,
    floats_only: bool,
}

impl Template {
    /// Returns the template, if this SQL is one.
    pub(super) fn of(sql: &'static str) -> Option<Self> {
        let floats_only = sql.contains(FLOAT_TABLE);
        (floats_only || sql.contains(TABLE)).then_some(Self { sql, floats_only })
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
        let template = Template::of("SELECT {collection}, {metric} FROM {table} AS t").unwrap();
        assert_eq!(
            template.for_collection("it's \"x\"", "L2"),
            "SELECT 'it''s \"x\"', 'L2' FROM collections.\"it's \"\"x\"\"\" AS t"
        );
    }

    #[test]
    fn a_name_that_looks_like_a_placeholder_is_a_name() {
        let template = Template::of("SELECT {collection} FROM {table}").unwrap();
        let sql = template.for_collection("{table} {metric}", "L2");
        assert_eq!(sql, "SELECT '{table} {metric}' FROM collections.\"{table} {metric}\"");
    }

    #[test]
    fn templates_of_float_vectors_are_for_no_others() {
        let layout = |element| VectorLayout::try_new(element, 8).unwrap();
        let any = Template::of("SELECT {collection} FROM {table}").unwrap();
        let floats = Template::of("SELECT {collection} FROM {float_table}").unwrap();
        assert!(any.is_for(layout(VectorElement::Bit)) && any.is_for(layout(VectorElement::Float32)));
        assert!(!floats.is_for(layout(VectorElement::Bit)) && floats.is_for(layout(VectorElement::Float32)));
        assert!(Template::of("SELECT * FROM meta.tables").is_none());
    }
}
