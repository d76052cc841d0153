// SPDX-License-Identifier: Apache-2.0
//! An opened installation.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::prelude::SessionContext;
use m2m_catalog::{Examination, FieldsRow, Install, Inventory, Metadata, Problem};
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::inspect::InspectSchema;
use crate::measure::{self, Measurements};
use crate::meta;
use crate::names;
use crate::read_options::ReadOptions;
use crate::roots::Roots;
use crate::schema_provider::CollectionSchema;
use crate::session::{CATALOG, COLLECTIONS, INSPECT, MEASURE, META, STORED};
use crate::stats::{self, ReadableSegments};
use crate::table::CollectionTable;

/// An installation whose collections can be read. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) metadata: Metadata,
    pub(crate) inventory: Inventory,
    pub(crate) findings: Arc<Findings>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) tables: Arc<BTreeMap<String, Arc<CollectionTable>>>,
    pub(crate) stored: Arc<BTreeMap<String, Arc<CollectionTable>>>,
    pub(crate) measured: Arc<Measurements>,
}

/// What an examination of the metadata found beside the inventory.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) fields: Vec<FieldsRow>,
}

impl Source {
    /// Reads the metadata of an installation on this machine. Segments are not
    /// touched yet.
    ///
    /// # Errors
    ///
    /// When the metadata cannot be read, or no `tables` folder is named.
    pub async fn open(install: &Install) -> Result<Self> {
        let roots = install.tables.iter().map(|folder| Storage::local(folder)).collect::<Result<_, _>>()?;
        Self::with_roots(&install.metadata, roots).await
    }

    /// Reads the metadata of an installation whose segments are in `roots`, the
    /// `tables` folders. Segments are not touched yet.
    ///
    /// # Errors
    ///
    /// Those of [`Source::with_options`].
    pub async fn with_roots(metadata: &Metadata, roots: Vec<Storage>) -> Result<Self> {
        Self::with_options(metadata, roots, ReadOptions::default()).await
    }

    /// Reads the metadata of an installation whose segments are in `roots`, the
    /// `tables` folders, and says how to read them. Segments are not touched yet.
    ///
    /// A bucket's root may be the `tables` folder, that of the database (`db`),
    /// that of the server, or, when the server's is `/var/lib/milvus`, the whole
    /// bucket; keys may begin with a `/`. Which it is, is found out by the first
    /// live segments, once, when the first segment is read.
    ///
    /// # Errors
    ///
    /// When the metadata cannot be read, no `tables` folder is named, or they
    /// are in different stores.
    pub async fn with_options(
        metadata: &Metadata,
        roots: Vec<Storage>,
        options: ReadOptions,
    ) -> Result<Self> {
        Self::over(metadata, metadata.read().await?, roots, options)
    }

    /// Opens an installation to look at it, whatever is wrong with its metadata:
    /// what cannot be read is in the table `meta.problems`, and is missing
    /// elsewhere. Such a source is not whole, and none to migrate from.
    ///
    /// # Errors
    ///
    /// When no `tables` folder is named, or they are in different stores.
    pub async fn examine(metadata: &Metadata, roots: Vec<Storage>, options: ReadOptions) -> Result<Self> {
        Self::over(metadata, metadata.examine().await, roots, options)
    }

    fn over(
        metadata: &Metadata,
        examination: Examination,
        roots: Vec<Storage>,
        options: ReadOptions,
    ) -> Result<Self> {
        let roots = Roots::new(roots, options, &examination.inventory.collections)?;
        Ok(Self::of(metadata.clone(), examination, Arc::new(roots)))
    }

    pub(crate) fn of(metadata: Metadata, examination: Examination, roots: Arc<Roots>) -> Self {
        let Examination { inventory, problems, fields } = examination;
        let findings = Arc::new(Findings { problems, fields });
        let tables = inventory.collections.iter().map(|collection| {
            let table = CollectionTable::new(collection.clone(), Arc::clone(&roots));
            (collection.name.clone(), Arc::new(table))
        });
        let tables: BTreeMap<_, _> = tables.collect();
        let stored = tables.iter().map(|(name, table)| (name.clone(), Arc::new(table.stored())));
        let stored = Arc::new(stored.collect());
        let tables = Arc::new(tables);
        let measured = Arc::new(Measurements::of(&inventory));
        Self { inner: Arc::new(Inner { metadata, inventory, findings, roots, tables, stored, measured }) }
    }

    /// Returns the same installation with other tables in place of those of their
    /// names, such as [`CollectionTable::excluding`] makes. The schema [`STORED`]
    /// has all rows as before.
    #[must_use]
    pub fn with_tables(&self, tables: Vec<Arc<CollectionTable>>) -> Self {
        let mut all = (*self.inner.tables).clone();
        all.extend(tables.into_iter().map(|table| (table.collection().name.clone(), table)));
        let inner = Inner {
            metadata: self.inner.metadata.clone(),
            inventory: self.inner.inventory.clone(),
            findings: Arc::clone(&self.inner.findings),
            roots: Arc::clone(&self.inner.roots),
            tables: Arc::new(all),
            stored: Arc::clone(&self.inner.stored),
            measured: Arc::clone(&self.inner.measured),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns where its metadata is.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// Returns where its `tables` folders are, as messages show them.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.inner.roots.names()
    }

    /// Returns what its metadata says.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inner.inventory
    }

    /// Returns the collection of this name, or of the only one that differs in case alone.
    ///
    /// # Errors
    ///
    /// When there is none, the nearest names being in the message, or when
    /// several differ in case alone.
    pub fn collection(&self, name: &str) -> Result<Arc<CollectionTable>> {
        let known = || self.inner.tables.keys().map(String::as_str);
        let found = names::resolve(name, known())?.and_then(|name| self.inner.tables.get(name));
        found
            .cloned()
            .ok_or_else(|| Error::NoCollection { name: name.into(), hint: names::hint(name, known()) })
    }

    /// Returns what of the metadata or the log cannot be read. A source that was not
    /// opened to be examined has no problem.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.inner.findings.problems
    }

    /// Reads the headers of all live segments, collection by collection in the order
    /// of the inventory. Damaged segments are counted, and end nothing; why one
    /// cannot be read stands in `meta.segments`.
    pub async fn readable_segments(&self) -> Vec<ReadableSegments> {
        stats::read_readable(&self.inner.roots, &self.inner.inventory.collections).await
    }

    /// Registers the catalog [`CATALOG`] with the schemas [`COLLECTIONS`],
    /// [`STORED`], [`META`], [`MEASURE`] and [`INSPECT`], and the store with the installation's files.
    ///
    /// A session can add views and tables of its own to [`COLLECTIONS`] and
    /// [`STORED`]; they are not seen by other sessions.
    ///
    /// # Errors
    ///
    /// When the session refuses them.
    pub fn register(&self, ctx: &SessionContext) -> Result<()> {
        let catalog = MemoryCatalogProvider::new();
        for (name, tables) in [(COLLECTIONS, &self.inner.tables), (STORED, &self.inner.stored)] {
            let schema = Arc::new(CollectionSchema::new(Arc::clone(tables)));
            catalog.register_schema(name, schema).map_err(Error::Session)?;
        }
        catalog.register_schema(META, Arc::new(meta::schema(&self.inner))).map_err(Error::Session)?;
        let measure = Arc::new(measure::schema(&self.inner));
        catalog.register_schema(MEASURE, measure).map_err(Error::Session)?;
        catalog
            .register_schema(INSPECT, Arc::new(InspectSchema::new(&self.inner)))
            .map_err(Error::Session)?;
        ctx.register_catalog(CATALOG, Arc::new(catalog));
        let roots = &self.inner.roots;
        ctx.runtime_env().register_object_store(roots.url().as_ref(), roots.store());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestInstall;

    #[tokio::test]
    async fn an_unknown_collection_is_an_error_with_the_nearest_names() {
        let install = TestInstall::float(2).named(&["float_l2", "ip_parts"]);
        let source = install.open().await;
        assert_eq!(source.collection("FLOAT_L2").unwrap().collection().name, "float_l2");
        let error = source.collection("float_l3").unwrap_err().to_string();
        assert!(error.starts_with("there is no collection `float_l3`; the nearest names are `float_l2`"));
    }

    #[tokio::test]
    async fn an_installation_without_tables_folder_is_refused() {
        let install = TestInstall::float(2);
        let nowhere = Install { tables: Vec::new(), ..install.install() };
        assert!(matches!(Source::open(&nowhere).await.unwrap_err(), Error::NoTables));
    }
}
