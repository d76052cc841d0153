// SPDX-License-Identifier: Apache-2.0
//! `m2m migrate`

use m2m_migration::{DumpPlan, dump, load, refuse_existing, verify};

use crate::args::Migrate;
use crate::error::{Exit, Result};
use crate::output::summary;
use crate::settings::{Access, Settings};

/// Dumps, loads and verifies. Everything that is needed is opened first, so
/// that a wrong password is told before anything is written.
pub(crate) async fn run(args: Migrate, settings: &Settings) -> Result<Exit> {
    let source = settings.source().await?;
    let target = settings.target(Access::Write).await?;
    let loading = settings.load(&target)?;
    let client = settings.milvus().await?;
    let ctx = settings.session(&source)?;
    let reporter = settings.reporter();
    let selection = settings.selection(&args.selection.collections);

    let options = settings.dump(&args.dump);
    let plan = DumpPlan::new(&source, &selection, &options).await?;
    client.ensure_database().await?;
    for collection in &plan.collections {
        refuse_existing(&client, &collection.target_name).await?;
    }
    let manifest = dump(&ctx, &source, &plan, &target, &options, &reporter).await?;
    load(&client, &target, &manifest, &loading, &reporter).await?;
    let verification = verify(&ctx, &source, &client, &selection, args.verify.sample, &reporter).await?;
    if !settings.is_quiet() {
        summary::dumped(&manifest, &target.display(target.prefix()))?;
        summary::loaded(&manifest, client.version())?;
        summary::verified(&verification)?;
    }
    Ok(if verification.is_equal() { Exit::Done } else { Exit::Different })
}
