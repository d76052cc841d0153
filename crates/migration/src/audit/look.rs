// SPDX-License-Identifier: Apache-2.0
//! Some of the shipped checks, run by themselves.

use datafusion::prelude::SessionContext;
use m2m_datasource::Source;

use super::report::{CheckReport, Totals};
use super::run::run;
use super::scope::Scope;
use super::views::Views;
use super::{AuditSettings, Check, shipped_checks, summary};
use crate::error::Result;

/// An installation at one moment: headers of segments are read when they are first
/// needed, and kept.
pub(crate) struct Glance {
    ctx: SessionContext,
    views: Views,
    checks: Vec<Check>,
    scope: Scope,
    settings: AuditSettings,
}

impl Glance {
    /// Looks at the installation that a session has registered.
    ///
    /// # Errors
    ///
    /// When the session has none.
    pub(crate) fn new(source: &Source, ctx: &SessionContext, collections: &[String]) -> Result<Self> {
        let checks = shipped_checks()?;
        let views = Views::of_moment(ctx, &checks)?;
        let settings =
            AuditSettings { collections: collections.to_vec(), quick: true, ..AuditSettings::default() };
        Ok(Self { ctx: views.session(), views, checks, scope: Scope::new(source, collections), settings })
    }

    /// Runs the checks of these names.
    pub(crate) async fn ask(&self, ids: &[&str]) -> Vec<CheckReport> {
        let mut reports = Vec::with_capacity(ids.len());
        for check in self.checks.iter().filter(|check| ids.contains(&check.id.as_str())) {
            reports.push(Box::pin(run(&self.ctx, &self.views, check, &self.settings, &self.scope)).await);
        }
        reports
    }

    /// Sums over the collections; partitions and folders are not counted.
    ///
    /// # Errors
    ///
    /// When the installation cannot be summed up.
    pub(crate) async fn totals(&self) -> Result<Totals> {
        summary::of_collections(&self.ctx, &self.scope).await
    }
}
