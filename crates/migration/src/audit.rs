// SPDX-License-Identifier: Apache-2.0
//! What a user should know before anything is moved: is the installation whole, what
//! will arrive, what will not, and what to do.
//!
//! Each [`Check`] is a query over the tables of the installation, and a view of the
//! schema [`AUDIT`]. What is expensive to know is measured once for all checks, by the
//! tables of the schema `measure`. [`audit()`] runs the checks and sums up what there is.

mod check;
mod histogram;
mod look;
mod meter;
mod moment;
mod report;
mod run;
mod scope;
mod shipped;
mod summary;
mod values;
mod views;

pub use check::{Check, Severity};
pub(crate) use look::Glance;
pub use report::{
    AuditReport, AuditedCollection, AuditedPartition, AuditedSource, AuditedTarget, Bin, CheckReport, Norms,
    Outcome, REPORT_FORMAT, Totals, Verdict,
};
pub use run::audit;
pub use shipped::{shipped_checks, with_own_checks};
pub use views::{AUDIT, register_audit};

/// How to audit.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// Only these collections; all when there is none.
    pub collections: Vec<String>,
    /// Leave out the checks that read all data.
    pub quick: bool,
    /// Checks whose findings have no part in the verdict, by id.
    pub allow: Vec<String>,
    /// Findings of this severity and worse ones stand in the way; errors always do.
    pub deny: Option<Severity>,
}
