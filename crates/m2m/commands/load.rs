// SPDX-License-Identifier: Apache-2.0
//! `m2m load`

use m2m_migration::{load, read_dump};

use super::plan;
use crate::args::Load;
use crate::error::{Exit, Result};
use crate::output::{goes_on, summary};
use crate::settings::{Access, Settings};

/// Has Milvus import a dump and says what it holds then; goes on where an earlier run was stopped.
pub(crate) async fn run(args: Load, settings: &Settings) -> Result<Exit> {
    let target = settings.target(Access::Read).await?;
    let mut options = settings.load(&target)?;
    options.check_checksums = args.options.verify_files;
    let manifest = read_dump(&target, &settings.names(&args.selection.collections)).await?;
    if args.dry_run {
        return plan::show_load(settings, &manifest, &options).await;
    }
    let client = settings.milvus().await?;
    let loaded = load(&client, &target, &manifest, &options, &settings.reporter()).await;
    let report = loaded.inspect_err(|error| goes_on(error, settings.is_quiet()))?;
    if !settings.is_quiet() {
        summary::loaded(&report, client.version())?;
    }
    Ok(Exit::Done)
}
