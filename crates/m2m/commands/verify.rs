// SPDX-License-Identifier: Apache-2.0
//! `m2m verify`

use std::io::Write;

use m2m_migration::verify;

use crate::args::Verify;
use crate::error::{Error, Exit, Result};
use crate::output::summary;
use crate::settings::Settings;

/// Compares the source with Milvus.
pub(crate) async fn run(args: Verify, settings: &Settings) -> Result<Exit> {
    let source = settings.source().await?;
    let client = settings.milvus().await?;
    let ctx = settings.session(&source)?;
    let selection = settings.selection(&args.selection.collections);
    let sample = args.options.sample;
    let verification = verify(&ctx, &source, &client, &selection, sample, &settings.reporter()).await?;
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
