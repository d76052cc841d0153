// SPDX-License-Identifier: Apache-2.0
//! The schema with one table for each collection.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::Result as DFResult;

use crate::names;
use crate::source::Inner;

/// One table for each live collection. Names are found exactly first, then,
/// when unique, without regard to case.
#[derive(Debug)]
pub(crate) struct CollectionSchema {
    source: Arc<Inner>,
}

impl CollectionSchema {
    pub(crate) fn new(source: Arc<Inner>) -> Self {
        Self { source }
    }

    fn find(&self, name: &str) -> Option<&str> {
        names::resolve(name, self.source.tables.keys().map(String::as_str))
    }
}

#[async_trait]
impl SchemaProvider for CollectionSchema {
    fn table_names(&self) -> Vec<String> {
        self.source.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        let table = self.find(name).and_then(|name| self.source.tables.get(name));
        Ok(table.map(|table| Arc::clone(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
