// SPDX-License-Identifier: Apache-2.0
//! The schema `audit`: a view for each check, and `audit.findings`, which has the
//! findings of all of them.
//!
//! | column of `findings` | meaning |
//! |---|---|
//! | `check_id`, `severity` | of the check |
//! | `collection`, `partition_tag`, `segment_id` | where, as far as the check says |
//! | `message` | what was found |
//! | `remedy` | what to do |
//!
//! Views are planned when they are asked for. They see the other schemas of the
//! installation's catalog, not each other.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableProvider,
};
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType, cast, ident, lit};
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use m2m_datasource::{CATALOG, META};

use super::check::Check;
use super::moment::Moment;
use crate::error::Result;

/// Name of the schema with the checks of an audit.
pub const AUDIT: &str = "audit";
/// The view with the findings of all checks.
pub(super) const FINDINGS: &str = "findings";
/// The column that every check has.
pub(super) const MESSAGE: &str = "message";
/// Columns that tell where something was found; a check has those that it knows.
const WHERE: [&str; 3] = ["collection", "partition_tag", "segment_id"];
/// The column of a check that has a remedy for each finding.
const REMEDY: &str = "remedy";

/// Adds the schema [`AUDIT`] with these checks to the installation's catalog of a
/// session. The checks see the schemas that are there by then.
///
/// # Errors
///
/// When the session has no installation registered.
pub fn register_audit(ctx: &SessionContext, checks: &[Check]) -> Result<()> {
    let views = Arc::new(Views::new(ctx, checks, |_, schema| schema)?);
    let catalog = ctx.catalog(CATALOG).ok_or_else(no_catalog)?;
    catalog.register_schema(AUDIT, views)?;
    Ok(())
}

fn no_catalog() -> DataFusionError {
    DataFusionError::Internal(format!("no catalog `{CATALOG}`"))
}

/// The checks, and what plans them.
#[derive(Debug)]
pub(super) struct Views {
    checks: Vec<Check>,
    planner: SessionState,
}

impl Views {
    /// The checks over the installation as it is at one moment.
    pub(super) fn of_moment(ctx: &SessionContext, checks: &[Check]) -> DFResult<Self> {
        let state = ctx.state();
        Self::new(ctx, checks, |name, schema| match name {
            META => Arc::new(Moment::new(schema, state.clone())),
            _ => schema,
        })
    }

    /// A session that sees what the checks see.
    pub(super) fn session(&self) -> SessionContext {
        SessionContext::new_with_state(self.planner.clone())
    }

    /// What plans the views has the tables of the session, and nothing that holds this
    /// schema: neither keeps the other alive.
    fn new(
        ctx: &SessionContext,
        checks: &[Check],
        seen: impl Fn(&str, Arc<dyn SchemaProvider>) -> Arc<dyn SchemaProvider>,
    ) -> DFResult<Self> {
        let known = ctx.catalog(CATALOG).ok_or_else(no_catalog)?;
        let catalog = MemoryCatalogProvider::new();
        for name in known.schema_names().into_iter().filter(|name| name != AUDIT) {
            if let Some(schema) = known.schema(&name) {
                catalog.register_schema(&name, seen(&name, schema))?;
            }
        }
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.into(), Arc::new(catalog));
        let planner =
            SessionStateBuilder::new_from_existing(ctx.state()).with_catalog_list(Arc::new(catalogs)).build();
        Ok(Self { checks: checks.to_vec(), planner })
    }

    /// Plans a check.
    pub(super) async fn plan(&self, check: &Check) -> DFResult<LogicalPlan> {
        let plan = self.planner.create_logical_plan(&check.sql).await?;
        let only_reads =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_reads.verify_plan(&plan)?;
        // Types of the view's columns are those that its rows will have.
        let coercion = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
        let plan = coercion.execute_and_check(plan, &ConfigOptions::default(), |_, _| {})?;
        if plan.schema().has_column_with_unqualified_name(MESSAGE) {
            return Ok(plan);
        }
        let columns: Vec<_> = plan.schema().fields().iter().map(|field| field.name().as_str()).collect();
        Err(DataFusionError::Plan(format!(
            "check `{}` has no column `{MESSAGE}`, which says what was found; its columns are {}",
            check.id,
            columns.join(", ")
        )))
    }

    async fn findings(&self) -> DFResult<LogicalPlan> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for check in &self.checks {
            let plan = self.plan(check).await?;
            let columns = finding(check, &plan);
            let rows = LogicalPlanBuilder::from(plan).project(columns)?;
            all = Some(match all {
                None => rows,
                Some(all) => all.union(rows.build()?)?,
            });
        }
        match all {
            Some(all) => all.build(),
            None => LogicalPlanBuilder::empty(false).build(),
        }
    }

    fn find(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id.eq_ignore_ascii_case(name))
    }
}

/// The columns of a finding, made of those of a check.
fn finding(check: &Check, plan: &LogicalPlan) -> Vec<Expr> {
    let column = |name: &str, missing: Expr| {
        let known = plan.schema().has_column_with_unqualified_name(name);
        let value = if known { cast(ident(name), DataType::Utf8) } else { missing };
        value.alias(name)
    };
    let unknown = || lit(ScalarValue::Utf8(None));
    let mut columns =
        vec![lit(check.id.clone()).alias("check_id"), lit(check.severity.name()).alias("severity")];
    columns.extend(WHERE.map(|name| column(name, unknown())));
    columns.push(column(MESSAGE, unknown()));
    columns.push(column(REMEDY, lit(check.remedy.clone())));
    columns
}

#[async_trait]
impl SchemaProvider for Views {
    fn table_names(&self) -> Vec<String> {
        self.checks.iter().map(|check| check.id.clone()).chain([FINDINGS.into()]).collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        let (plan, sql) = match self.find(name) {
            Some(check) => (self.plan(check).await?, Some(check.sql.clone())),
            None if name.eq_ignore_ascii_case(FINDINGS) => (self.findings().await?, None),
            None => return Ok(None),
        };
        Ok(Some(Arc::new(ViewTable::new(plan, sql))))
    }

    async fn table_type(&self, name: &str) -> DFResult<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some() || name.eq_ignore_ascii_case(FINDINGS)
    }
}
