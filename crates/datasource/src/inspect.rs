// SPDX-License-Identifier: Apache-2.0
//! The schema `inspect`: views for users, shipped with the program.
//!
//! Each view is a file of SQL that begins with a comment: what the view shows,
//! its columns, and when it is worth a look. `SHOW CREATE TABLE inspect.sizes`
//! shows it.
//!
//! | view | one row for each | reads |
//! |---|---|---|
//! | `collections`, `indexes` | collection | headers; `indexes` nothing |
//! | `partitions`, `sizes` | partition | headers |
//! | `segments`, `deletes`, `largest_segments` | segment | headers |
//! | `files`, `versions`, `wal` | type of file, version, partition with lost rows | nothing |
//! | `duplicates` | id that several live rows have | ids |
//! | `id_ranges` | segment | ids |
//! | `norms`, `not_finite` | partition of float vectors, bad vector | vectors |
//!
//! The last three rows are views of all collections at once. Their files are
//! written for one collection, and the view has one branch for each, which is
//! taken out of the plan when a filter over `collection` excludes it: what a
//! `WHERE collection = 'x'` does not ask for is not read.
//!
//! Views are planned when they are asked for, which reads nothing but metadata.

mod template;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::ViewTable;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result as DFResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, LogicalPlanBuilder, TableType, Union};
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::prelude::{SessionConfig, SessionContext, ident};
use tokio::sync::OnceCell;

use crate::functions;
use crate::meta;
use crate::schema_provider::CollectionSchema;
use crate::session::{CATALOG, COLLECTIONS, META};
use crate::source::Inner;
use template::Template;

/// The shipped views: their names, and their SQL with an explanation on top.
pub const VIEWS: &[(&str, &str)] = &[
    ("collections", include_str!("../../../sql/inspect/collections.sql")),
    ("deletes", include_str!("../../../sql/inspect/deletes.sql")),
    ("duplicates", include_str!("../../../sql/inspect/duplicates.sql")),
    ("files", include_str!("../../../sql/inspect/files.sql")),
    ("id_ranges", include_str!("../../../sql/inspect/id_ranges.sql")),
    ("indexes", include_str!("../../../sql/inspect/indexes.sql")),
    ("largest_segments", include_str!("../../../sql/inspect/largest_segments.sql")),
    ("norms", include_str!("../../../sql/inspect/norms.sql")),
    ("not_finite", include_str!("../../../sql/inspect/not_finite.sql")),
    ("partitions", include_str!("../../../sql/inspect/partitions.sql")),
    ("segments", include_str!("../../../sql/inspect/segments.sql")),
    ("sizes", include_str!("../../../sql/inspect/sizes.sql")),
    ("versions", include_str!("../../../sql/inspect/versions.sql")),
    ("wal", include_str!("../../../sql/inspect/wal.sql")),
];

/// The schema `inspect`.
#[derive(Debug)]
pub(crate) struct InspectSchema {
    source: Arc<Inner>,
    planner: OnceLock<SessionState>,
    views: Vec<View>,
}

/// A view, and its plan once it was asked for: an installation does not change.
#[derive(Debug)]
struct View {
    name: &'static str,
    sql: &'static str,
    table: OnceCell<Arc<ViewTable>>,
}

impl InspectSchema {
    pub(crate) fn new(source: &Arc<Inner>) -> Self {
        let views = VIEWS.iter().map(|&(name, sql)| View { name, sql, table: OnceCell::new() });
        Self { source: Arc::clone(source), planner: OnceLock::new(), views: views.collect() }
    }

    fn find(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|view| view.name.eq_ignore_ascii_case(name))
    }

    /// What plans the views. It has the tables of the installation and nothing of
    /// the session, which holds this schema: neither keeps the other alive.
    fn planner(&self) -> DFResult<&SessionState> {
        if let Some(planner) = self.planner.get() {
            return Ok(planner);
        }
        let planner = planner(&self.source)?;
        Ok(self.planner.get_or_init(|| planner))
    }

    async fn plan(&self, view: &View) -> DFResult<Arc<ViewTable>> {
        let planner = self.planner()?;
        let plan = match Template::of(view.sql) {
            None => planner.create_logical_plan(view.sql).await?,
            Some(template) => self.plan_branches(planner, &template).await?,
        };
        // Types of the view's columns are those that its rows will have.
        let coercion = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
        let plan = coercion.execute_and_check(plan, &ConfigOptions::default(), |_, _| {})?;
        Ok(Arc::new(ViewTable::new(plan, Some(view.sql.to_owned()))))
    }

    /// Plans a template for each collection that it is for.
    async fn plan_branches(&self, planner: &SessionState, template: &Template) -> DFResult<LogicalPlan> {
        let mut branches = Vec::new();
        for collection in &self.source.inventory.collections {
            if template.is_for(collection.layout) {
                let sql = template.for_collection(&collection.name, collection.metric.name());
                branches.push(Arc::new(planner.create_logical_plan(&sql).await?));
            }
        }
        let rows = match branches.as_slice() {
            [] => {
                let columns = planner.create_logical_plan(&template.for_nothing()).await?;
                let schema = Arc::clone(columns.schema());
                LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema })
            }
            [only] => only.as_ref().clone(),
            _ => LogicalPlan::Union(Union::try_new_with_loose_types(branches)?),
        };
        let order: Vec<_> = template.order().map(|column| ident(column).sort(true, false)).collect();
        LogicalPlanBuilder::from(rows).sort(order)?.build()
    }
}

fn planner(source: &Arc<Inner>) -> DFResult<SessionState> {
    let stand_in = MemorySchemaProvider::new();
    let table = Arc::new(EmptyTable::new(template::stand_in_schema()));
    stand_in.register_table(template::STAND_IN.to_owned(), table)?;
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(COLLECTIONS, Arc::new(CollectionSchema::new(Arc::clone(&source.tables))))?;
    catalog.register_schema(META, Arc::new(meta::schema(source)))?;
    catalog.register_schema(template::STAND_IN, Arc::new(stand_in))?;
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, COLLECTIONS);
    let ctx = SessionContext::new_with_config(config);
    ctx.register_catalog(CATALOG, Arc::new(catalog));
    functions::register(&ctx);
    Ok(ctx.state())
}

#[async_trait]
impl SchemaProvider for InspectSchema {
    fn table_names(&self) -> Vec<String> {
        self.views.iter().map(|view| view.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        let Some(view) = self.find(name) else { return Ok(None) };
        let table = view.table.get_or_try_init(|| self.plan(view)).await?;
        Ok(Some(Arc::clone(table) as Arc<dyn TableProvider>))
    }

    async fn table_type(&self, name: &str) -> DFResult<Option<TableType>> {
        Ok(self.find(name).map(|_| TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

#[cfg(test)]
mod tests;
