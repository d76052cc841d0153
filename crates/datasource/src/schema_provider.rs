// SPDX-License-Identifier: Apache-2.0
//! The schema with one table for each collection.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as DFResult};

use crate::names;
use crate::table::CollectionTable;

/// Tables and views that a session made itself.
type Own = BTreeMap<String, Arc<dyn TableProvider>>;

/// Tables of the installation, one for each live collection.
type Collections = BTreeMap<String, Arc<CollectionTable>>;

/// One table for each live collection, and what the session adds. Names are
/// found exactly first, then, when unique, without regard to case.
#[derive(Debug)]
pub(crate) struct CollectionSchema {
    collections: Arc<Collections>,
    own: RwLock<Own>,
}

impl CollectionSchema {
    pub(crate) fn new(collections: Arc<Collections>) -> Self {
        Self { collections, own: RwLock::default() }
    }

    /// Works on the session's own tables. Maps have no half-done state, so one
    /// that another thread left in panic is as good as any.
    fn with_own<T>(&self, work: impl FnOnce(&mut Own) -> T) -> T {
        work(&mut self.own.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        if let Some(own) = self.with_own(|own| own.get(name).cloned()) {
            return Ok(Some(own));
        }
        if let Some(exact) = self.collections.get(name) {
            return Ok(Some(Arc::clone(exact) as Arc<dyn TableProvider>));
        }
        let known = self.collections.keys().map(String::as_str);
        let table = names::resolve(name, known)?.and_then(|name| self.collections.get(name));
        Ok(table.map(|table| Arc::clone(table) as Arc<dyn TableProvider>))
    }
}

#[async_trait]
impl SchemaProvider for CollectionSchema {
    fn table_names(&self) -> Vec<String> {
        let own = self.with_own(|own| own.keys().cloned().collect::<Vec<_>>());
        self.collections.keys().cloned().chain(own).collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        self.find(name)
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> DFResult<Option<Arc<dyn TableProvider>>> {
        if self.collections.contains_key(&name) {
            return Err(DataFusionError::Plan(format!(
                "`{name}` is a collection of the installation, which is never changed: take another name"
            )));
        }
        Ok(self.with_own(|own| own.insert(name, table)))
    }

    fn deregister_table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        if self.collections.contains_key(name) {
            return Err(DataFusionError::Plan(format!(
                "`{name}` is a collection of the installation, which is never changed"
            )));
        }
        Ok(self.with_own(|own| own.remove(name)))
    }

    fn table_exist(&self, name: &str) -> bool {
        !matches!(self.find(name), Ok(None))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TestInstall, failure, numbers};

    #[tokio::test]
    async fn names_are_found_exactly_first_and_then_when_unique() {
        let install = TestInstall::float(2).named(&["Photos", "photos", "Faces"]);
        let ctx = install.session().await;
        for name in ["photos", "\"Photos\"", "FACES", "\"fAces\"", "milvus.collections.faces"] {
            assert_eq!(numbers(&ctx, &format!("SELECT count(*) FROM {name}")).await, [0], "{name}");
        }
        let error = failure(&ctx, "SELECT 1 FROM \"PHOTOS\"").await;
        assert!(error.contains("could be any of `Photos`, `photos`"), "{error}");
    }

    #[tokio::test]
    async fn a_session_has_its_own_views_but_never_replaces_a_collection() {
        let install = TestInstall::float(2).segment("_default", 1, 3, &[0]);
        let ctx = install.session().await;
        ctx.sql("CREATE VIEW mine AS SELECT id FROM c WHERE id > 1001").await.unwrap();
        assert_eq!(numbers(&ctx, "SELECT id FROM mine").await, [1002]);
        assert!(failure(&ctx, "CREATE OR REPLACE VIEW c AS SELECT 1").await.contains("never changed"));
        // The engine says no more than that it did not drop it.
        failure(&ctx, "DROP TABLE c").await;
        assert_eq!(numbers(&ctx, "SELECT id FROM c").await, [1001, 1002]);
        ctx.sql("DROP VIEW mine").await.unwrap();
        assert!(failure(&ctx, "SELECT id FROM mine").await.contains("not found"));
    }
}
