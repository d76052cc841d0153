// SPDX-License-Identifier: Apache-2.0
//! What a user should know before anything is moved.

mod check;
mod report;

pub use check::{Check, Severity};
pub use report::{
    AuditReport, AuditedCollection, AuditedPartition, AuditedSource, AuditedTarget, Bin, CheckReport, Norms,
    Outcome, REPORT_FORMAT, Totals, Verdict,
};
