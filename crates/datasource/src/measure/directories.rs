// SPDX-License-Identifier: Apache-2.0
//! The folders of segments that are there, whoever knows them.

mod listing;
mod state;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::error::Result as DFResult;

use crate::meta::rows::{batch, count, maybe_numbers, maybe_text, numbers, text};
use crate::source::Inner;
use listing::Directory;
use state::{Known, States};

/// One row for each folder of a segment, by root, table and segment.
pub(super) async fn read(source: &Inner) -> DFResult<RecordBatch> {
    let locator = source.roots.locator().await?;
    let mut found = Vec::new();
    for folder in &locator.folders {
        for directory in listing::list(locator, folder).await? {
            found.push((locator.display(folder), directory));
        }
    }
    rows(&found, &States::of(&source.inventory), |directory| locator.display(&directory.path))
}

/// The columns.
pub(super) fn nothing() -> DFResult<RecordBatch> {
    rows(&[], &States::default(), |_| String::new())
}

fn rows(
    found: &[(String, Directory)],
    states: &States,
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
