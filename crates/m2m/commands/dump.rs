// SPDX-License-Identifier: Apache-2.0
//! `m2m dump`

use m2m_migration::{DumpPlan, dump};

use crate::args::Dump;
use crate::error::{Exit, Result};
use crate::output::summary;
use crate::settings::{Access, Settings};

/// Writes import files and says what was written.
pub(crate) async fn run(args: Dump, settings: &Settings) -> Result<Exit> {
    let source = settings.source().await?;
    let target = settings.target(Access::Write).await?;
    let ctx = settings.session(&source)?;
    let options = settings.dump(&args.options);
    let selection = settings.selection(&args.selection.collections);
    let plan = DumpPlan::new(&source, &selection, &options).await?;
    let manifest = dump(&ctx, &source, &plan, &target, &options, &settings.reporter()).await?;
    if !settings.is_quiet() {
        summary::dumped(&manifest, &target.display(target.prefix()))?;
    }
    Ok(Exit::Done)
}
