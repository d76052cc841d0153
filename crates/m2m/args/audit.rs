// SPDX-License-Identifier: Apache-2.0
//! Arguments of `m2m audit`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::ClusterOption;

/// Arguments of `m2m audit`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Audit {
    /// How to print what was found; without it text, or what the ending of `-o FILE` says
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<AuditFormat>,
    /// Leave out the checks that read all ids and vectors
    #[arg(long)]
    pub(crate) quick: bool,
    /// Findings of this severity stand in the way too; errors always do
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) deny: Option<Denied>,
    /// A check whose findings do not stand in the way; again for more
    #[arg(long, value_name = "CHECK")]
    pub(crate) allow: Vec<String>,
    /// Folder with checks of your own, a file of SQL each
    #[arg(long, value_name = "DIR")]
    pub(crate) checks: Option<PathBuf>,
    /// Only these collections, separated by commas
    #[arg(long = "col", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) collections: Vec<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterOption,
}

/// How to print an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For reading
    #[default]
    Text,
    /// One JSON object, as `sql/audit/report.schema.json` describes it
    Json,
    /// One page for a browser, which needs no network
    Html,
}

/// What stands in the way besides errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Denied {
    /// Warnings
    Warning,
    /// Warnings and notes
    Note,
}
