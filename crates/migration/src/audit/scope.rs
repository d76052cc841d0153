// SPDX-License-Identifier: Apache-2.0
//! Which collections are asked for.

use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{ident, lit};
use datafusion::prelude::DataFrame;
use m2m_datasource::Source;

/// The column that says which collection a row is about.
const COLLECTION: &str = "collection";

/// The collections of an installation, and those of them that are left out.
pub(super) struct Scope {
    asked: Vec<String>,
    left_out: Vec<String>,
}

impl Scope {
    /// These collections of an installation; all when none is named.
    pub(super) fn new(source: &Source, names: &[String]) -> Self {
        let all = source.inventory().collections.iter().map(|collection| collection.name.clone());
        let (asked, left_out) = all.partition(|name| names.is_empty() || names.contains(name));
        Self { asked, left_out }
    }

    /// Those that are asked for.
    pub(super) fn asked(&self) -> &[String] {
        &self.asked
    }

    pub(super) fn has_all(&self) -> bool {
        self.left_out.is_empty()
    }

    pub(super) fn is_asked(&self, collection: &str) -> bool {
        !self.left_out.iter().any(|name| name == collection)
    }

    /// Leaves out rows about collections that are left out. What is about none stays, and
    /// what is about one that cannot be read: it stands in the way of all others.
    pub(super) fn narrow(&self, rows: DataFrame) -> DFResult<DataFrame> {
        if self.has_all() || !rows.schema().has_column_with_unqualified_name(COLLECTION) {
            return Ok(rows);
        }
        let left_out = self.left_out.iter().map(|name| lit(name.as_str())).collect();
        rows.filter(ident(COLLECTION).in_list(left_out, true).or(ident(COLLECTION).is_null()))
    }
}
