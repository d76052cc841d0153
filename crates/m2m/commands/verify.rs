// SPDX-License-Identifier: Apache-2.0
//! `m2m verify`

use std::collections::BTreeMap;
use std::io::Write;

use m2m_migration::{DumpPlan, DumpSettings, verify};

use crate::args::Verify;
use crate::error::{Error, Exit, Result};
use crate::output::summary;
use crate::settings::Settings;

/// Compares the source with Milvus.
pub(crate) async fn run(args: Verify, settings: &Settings) -> Result<Exit> {
    let source = settings.source().await?;
    let client = settings.milvus().await?;
    let (selection, ctx) = settings.rows(&source, &args.selection).await?;
    let reporter = settings.reporter();
    // What stands only in the log was left behind or not, and is no matter of this.
    let options = DumpSettings { allow_unflushed: true, ..DumpSettings::default() };
    let mut plan = DumpPlan::new(&source, &ctx, &selection, &options, &reporter).await?;
    let options = args.options.settings(BTreeMap::new());
    let verification = verify(&mut plan, &client, &options, &reporter).await?;
    if args.json {
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut stdout, &verification)?;
        writeln!(stdout).map_err(|source| Error::Io { what: "write the report", source })?;
    }
    if !settings.is_quiet() {
        summary::verified(&verification)?;
    }
    Ok(if verification.is_equal() { Exit::Done } else { Exit::Different })
}
