// SPDX-License-Identifier: Apache-2.0
//! Having Milvus 2.x import a dump.
//!
//! ```text
//! prepare   what each collection becomes, what is there, whether the files are sound: nothing is changed
//! place     collections and partitions are created, or dropped and created anew
//! import    a job for each file set, some at once
//! finish    indexes are built and waited for, rows are counted, collections loaded
//! ```

mod append;
mod files;
mod finish;
mod ids;
mod import;
mod place;
mod prepare;
mod read;

use std::collections::BTreeMap;

use m2m_milvus::{Client, IndexSpec};
use m2m_sink::manifest::Manifest;
use m2m_storage::Storage;

use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::settings::LoadSettings;

pub use read::read_dump;

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
/// Nothing is changed before every collection is known to fit and every file
/// to be what the manifest says.
///
/// # Errors
///
/// When a collection exists already or cannot take the rows, when the server refuses a schema or a
/// file (its own reason is in the error), when an import file is not what the
/// manifest says, when a job, an index or a load does not end in time, or when
/// a collection grew by another number of rows than were appended.
pub async fn load(
    client: &Client,
    target: &Storage,
    manifest: &Manifest,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<LoadReport> {
    client.ensure_database().await?;
    let loads = prepare::prepare(client, target, manifest, settings, observer).await?;
    let rows = loads.iter().map(prepare::CollectionLoad::rows).sum();
    observer.on_event(&Event::Started { phase: Phase::Load, rows, bytes: 0 });
    for load in &loads {
        place::make(client, load, settings.shards).await?;
    }
    import::all(client, target, &loads, settings, observer).await?;
    for load in &loads {
        finish::start_index(client, load).await?;
    }
    let collections = finish::all(client, &loads, settings, observer).await?;
    observer.on_event(&Event::Finished { phase: Phase::Load });
    Ok(LoadReport { collections })
}
