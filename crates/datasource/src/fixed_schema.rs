// SPDX-License-Identifier: Apache-2.0
//! A schema whose tables are known from the start, by names in any case.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::Result as DFResult;

/// A schema of tables that nobody adds to.
#[derive(Debug)]
pub struct FixedSchema {
    tables: Vec<(&'static str, Arc<dyn TableProvider>)>,
}

impl FixedSchema {
    /// A schema of these tables.
    #[must_use]
    pub fn new(tables: Vec<(&'static str, Arc<dyn TableProvider>)>) -> Self {
        Self { tables }
    }

    fn find(&self, name: &str) -> Option<&Arc<dyn TableProvider>> {
        self.tables.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, table)| table)
    }
}

#[async_trait]
impl SchemaProvider for FixedSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.find(name).map(Arc::clone))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
