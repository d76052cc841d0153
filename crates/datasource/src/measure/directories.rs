// SPDX-License-Identifier: Apache-2.0
//! The folders of segments that are there, whoever knows them.

mod listing;
mod state;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::error::Result as DFResult;

use crate::meta::rows::{batch, count, maybe_numbers, maybe_text, numbers, text};
use crate::source::Inner;
use listing::{Directory, Named};
use state::{Known, LIVE, States};

/// One row for each folder of a segment, by root, table and segment.
pub(super) async fn read(source: &Inner) -> DFResult<RecordBatch> {
    let locator = source.roots.locator().await?;
    let named = Arc::new(Named::of(&source.inventory));
    let states = States::of(&source.inventory);
    let mut found = Vec::new();
    for folder in &locator.folders {
        for directory in listing::list(locator, folder, &named).await? {
            found.push((locator.display(folder), directory));
        }
    }
    rows(&once(found, &states), &states, |directory| locator.display(&directory.path))
}

/// Each folder by one of its names: that of a live segment, then one without links.
fn once(found: Vec<(String, Directory)>, states: &States<'_>) -> Vec<(String, Directory)> {
    let worth = |directory: &Directory| {
        let known = states.of_segment(&directory.table_id, &directory.segment_id);
        (known.state == LIVE, !directory.is_linked)
    };
    let mut best: HashMap<PathBuf, (usize, (bool, bool))> = HashMap::new();
    for (place, (_, directory)) in found.iter().enumerate() {
        let Some(real) = &directory.real else { continue };
        let worth = worth(directory);
        let best = best.entry(real.clone()).or_insert((place, worth));
        if best.1 < worth {
            *best = (place, worth);
        }
    }
    let is_best = |place: usize, directory: &Directory| {
        let best = directory.real.as_ref().and_then(|real| best.get(real));
        best.is_none_or(|(best, _)| *best == place)
    };
    let all = found.into_iter().enumerate();
    all.filter(|(place, (_, directory))| is_best(*place, directory)).map(|(_, one)| one).collect()
}

/// The columns.
pub(super) fn nothing() -> DFResult<RecordBatch> {
    rows(&[], &States::default(), |_| String::new())
}

fn rows(
    found: &[(String, Directory)],
    states: &States<'_>,
    path: impl Fn(&Directory) -> String,
) -> DFResult<RecordBatch> {
    let all = || found.iter().map(|(_, directory)| directory);
    let known: Vec<Known> =
        all().map(|directory| states.of_segment(&directory.table_id, &directory.segment_id)).collect();
    let counts = |get: fn(&Directory) -> u64| numbers(all().map(move |directory| count(get(directory))));
    let whether = |get: fn(&Directory) -> bool| -> ArrayRef {
        Arc::new(all().map(move |directory| Some(get(directory))).collect::<BooleanArray>())
    };
    batch(vec![
        ("root", text(found.iter().map(|(root, _)| root))),
        ("table_id", text(all().map(|directory| &directory.table_id))),
        ("segment_id", text(all().map(|directory| &directory.segment_id))),
        ("path", text(all().map(path))),
        ("state", text(known.iter().map(|known| known.state))),
        ("collection", maybe_text(known.iter().map(|known| known.collection.clone()))),
        ("partition_tag", maybe_text(known.iter().map(|known| known.partition_tag.clone()))),
        ("files", counts(|directory| directory.files)),
        ("bytes", counts(|directory| directory.bytes)),
        ("rows", maybe_numbers(all().map(|directory| directory.rows.map(count)))),
        ("has_ids", whether(|directory| directory.has_ids)),
        ("has_vectors", whether(|directory| directory.has_vectors)),
        ("has_deleted_docs", whether(|directory| directory.has_deleted_docs)),
        ("has_bloom_filter", whether(|directory| directory.has_bloom_filter)),
        ("attribute_files", counts(|directory| directory.attribute_files)),
        ("index_files", counts(|directory| directory.index_files)),
        ("temporary_files", counts(|directory| directory.temporary_files)),
    ])
}
