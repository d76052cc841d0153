// SPDX-License-Identifier: Apache-2.0
//! Arguments of `m2m check`.

use clap::Args as ClapArgs;

use super::{DumpOptions, LoadOptions, Selection};

/// Arguments of `m2m check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Print what was found as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Have Milvus import nothing, not even one row
    #[arg(long)]
    pub(crate) no_probe: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) dump: DumpOptions,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
}
