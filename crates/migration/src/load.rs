// SPDX-License-Identifier: Apache-2.0
//! Having Milvus 2.x import a dump.
//!
//! ```text
//! prepare   what each collection becomes, what is there, whether the files are sound: nothing is changed
//! place     collections and partitions are created, or dropped and created anew
//! settle    what became of the jobs that an earlier run began
//! import    a job for each file set, some at once; the ledger knows each before the server does
//! finish    indexes are built and waited for, rows are counted, collections loaded
//! ```
//!
//! Each collection goes that way on its own (`run`), as its file sets come: all at once from a
//! dump that is complete, one by one from a dump in the making.

mod append;
mod files;
mod finish;
mod ids;
mod import;
mod place;
mod prepare;
mod read;
mod run;
mod settle;

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::try_join_all;
use m2m_milvus::{Client, IndexSpec};
use m2m_sink::manifest::Manifest;
use m2m_storage::Storage;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::dump::Ready;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::ledger::{Ledger, SIGN_OF_LIFE};
use crate::settings::LoadSettings;
use crate::target::Wanted;

pub(crate) use place::MARK;
pub(crate) use prepare::begun;
pub use read::read_dump;
use run::{Fed, Run};

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The collections of the manifest, in its order.
    pub collections: Vec<LoadedCollection>,
}

/// What a load did with a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedCollection {
    /// Its name in Milvus 1.x, or that of a query.
    pub name: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// What became of what was there.
    pub state: LoadedState,
    /// Rows that were imported.
    pub rows: u64,
    /// The index that it has now, as far as the load built it or waited for it.
    pub index: Option<IndexSpec>,
    /// Its metric in Milvus 2.x.
    pub metric: String,
    /// Whether it is in memory now.
    pub is_loaded: bool,
}

/// What became of what was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadedState {
    /// Nothing was there.
    Created,
    /// Rows were added to those that were there.
    Appended {
        /// How many those were.
        rows_before: u64,
        /// Those of single partitions; a partition that was missing is not among them.
        partition_rows_before: BTreeMap<String, u64>,
    },
    /// It was dropped and created anew.
    Replaced,
    /// It was left alone.
    Skipped,
}

/// Creates the collections of a dump in Milvus, imports their file sets, builds
/// their indexes and loads them, so that they can be searched. What is done
/// with a collection that is there already stands in the settings.
///
/// A load of the same dump that was stopped is taken up: no import job is started twice.
///
/// Nothing is changed before every collection is known to fit and every file
/// to be what the manifest says.
///
/// # Errors
///
/// When a collection exists already or cannot take the rows, when the server refuses a schema or a
/// file (its own reason is in the error), when an import file is not what the
/// manifest says, when a job, an index or a load does not move any more, when the ledger
/// cannot be written, or when a collection has other rows than were imported.
pub async fn load(
    client: &Client,
    target: &Storage,
    manifest: &Manifest,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<LoadReport> {
    let ledger = Ledger::hold(target, observer).await?;
    let loading = alive(&ledger, load_held(client, &ledger, target, manifest, settings, observer));
    let loaded = Box::pin(loading).await;
    release(&ledger, loaded).await
}

/// The names of collections in Milvus.
fn names(collections: &[LoadedCollection]) -> Vec<String> {
    collections.iter().map(|collection| collection.target_name.clone()).collect()
}

/// Gives signs of life while something is done.
pub(crate) async fn alive<T>(ledger: &Ledger, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut signs = tokio::time::interval_at(tokio::time::Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = signs.tick() => ledger.live().await?,
        }
    }
}

/// Lets go of a dump. Why something failed says more than why the ledger cannot be written.
pub(crate) async fn release<T>(ledger: &Ledger, done: Result<T>) -> Result<T> {
    let released = ledger.release().await;
    let done = done?;
    released?;
    Ok(done)
}

async fn load_held(
    client: &Client,
    ledger: &Ledger,
    target: &Storage,
    manifest: &Manifest,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<LoadReport> {
    client.ensure_database().await?;
    let wanted = manifest.collections.iter().map(Wanted::of_entry).collect::<Result<_>>()?;
    let mut loads = prepare::prepare(client, ledger, manifest, wanted, settings, observer).await?;
    for load in &mut loads {
        prepare::check_files(client, target, load, settings, observer).await?;
    }
    let rows = loads.iter().map(prepare::CollectionLoad::rows).sum();
    observer.on_event(&Event::Started { phase: Phase::Load, rows, bytes: 0 });
    let run = Run::new(client, ledger, target, settings, observer, &manifest.id, true);
    let runs = loads.into_iter().map(|load| {
        let (sets, fed) = unbounded_channel();
        for (at, partition) in load.entry.partitions.iter().enumerate() {
            // It is listened to below.
            partition.sets.iter().for_each(|set| drop(sets.send(Fed::Set(at, set.clone()))));
        }
        drop(sets.send(Fed::End));
        run.collection(load, fed)
    });
    let collections = try_join_all(runs).await?;
    ledger.end(&names(&collections), &client.database(), client.address()).await?;
    observer.on_event(&Event::Finished { phase: Phase::Load });
    Ok(LoadReport { collections })
}

/// A dump in the making.
pub(crate) struct Coming<'a> {
    /// What is complete of it.
    pub(crate) begun: &'a Manifest,
    /// What its collections become, in their order.
    pub(crate) wanted: Vec<Wanted>,
    /// All rows, as far as can be told.
    pub(crate) rows: u64,
    /// The file sets, each as soon as it is complete.
    pub(crate) told: UnboundedReceiver<Ready>,
}

/// Loads a dump in the making: each file set when it is told of.
pub(crate) async fn load_as_told(
    client: &Client,
    ledger: &Ledger,
    target: &Storage,
    coming: Coming<'_>,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<LoadReport> {
    let Coming { begun, wanted, rows, mut told } = coming;
    let loads = prepare::prepare(client, ledger, begun, wanted, settings, observer).await?;
    observer.on_event(&Event::Started { phase: Phase::Load, rows, bytes: 0 });
    let run = Run::new(client, ledger, target, settings, observer, &begun.id, false);
    let (feeds, runs): (Vec<_>, Vec<_>) = loads
        .into_iter()
        .map(|load| {
            let (sets, fed) = unbounded_channel();
            (sets, run.collection(load, fed))
        })
        .unzip();
    let feeding = async move {
        while let Some(ready) = told.recv().await {
            let (at, fed) = match ready {
                Ready::Set { place: (at, partition), set } => (at, Fed::Set(partition, set)),
                Ready::Collection(at) => (at, Fed::End),
            };
            if let Some(feed) = feeds.get(at) {
                // A collection that is left alone does not listen.
                feed.send(fed).ok();
            }
        }
    };
    let (collections, ()) = futures::future::try_join(try_join_all(runs), feeding.map(Ok)).await?;
    observer.on_event(&Event::Finished { phase: Phase::Load });
    Ok(LoadReport { collections })
}
