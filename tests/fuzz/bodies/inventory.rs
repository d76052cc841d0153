// SPDX-License-Identifier: Apache-2.0
//! What every inventory keeps to, whatever it was read from.

use std::cell::LazyCell;
use std::collections::HashSet;

use m2m_catalog::{Examination, FileType, Inventory, MetaSource, Metadata, TableState, meta_json};
use m2m_segment::names::is_safe_component;
use tokio::runtime::{Builder, Runtime};

use super::input::said;

thread_local! {
    /// Futures of a target run here.
    static RUNTIME: LazyCell<Runtime> =
        LazyCell::new(|| Builder::new_current_thread().enable_all().build().unwrap());
}

/// Waits for a future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Metadata without a log.
pub(crate) fn of(source: MetaSource) -> Metadata {
    Metadata { source, wal: None }
}

/// Reads metadata in both ways: what is read strictly is whole, and the same as what is
/// looked at.
pub(crate) fn read(metadata: &Metadata) -> Examination {
    let examined = wait(metadata.examine());
    check(&examined.inventory);
    for problem in &examined.problems {
        assert!(!problem.message.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
        assert!(!problem.message.contains('\n'), "{problem:?}");
    }
    match wait(metadata.read()) {
        Ok(strict) => assert_eq!(strict.inventory, examined.inventory),
        Err(error) => {
            said(&error);
            assert!(!examined.problems.is_empty(), "an examination does not tell: {error}");
        }
    }
    examined
}

/// No directory is of two partitions, none leads elsewhere, and what is written is read.
pub(crate) fn check(inventory: &Inventory) {
    let mut directories = HashSet::new();
    let states = inventory.table_states();
    for collection in &inventory.collections {
        assert_eq!(collection.partitions.first().map(|first| first.tag.as_str()), Some("_default"));
        let mut tags = HashSet::new();
        for partition in &collection.partitions {
            assert!(tags.insert(&partition.tag), "tag `{}` twice", partition.tag);
            assert!(is_safe_component(&partition.table_id), "{}", partition.table_id);
            assert!(directories.insert(&partition.table_id), "`{}` twice", partition.table_id);
            let state = states.get(partition.table_id.as_str());
            assert!(matches!(state, Some(TableState::Live { .. })), "{state:?}");
            let mut segments = HashSet::new();
            for segment in &partition.segments {
                assert!(is_safe_component(&segment.segment_id), "{}", segment.segment_id);
                assert!(segments.insert(&segment.segment_id), "`{}` twice", segment.segment_id);
            }
            named_by_rows(inventory, &partition.table_id, &segments);
        }
    }
    let names: Vec<&str> = inventory.collections.iter().map(|one| one.name.as_str()).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    let written = meta_json::write(inventory).unwrap();
    match meta_json::read("meta.json", written.as_bytes()) {
        Ok(again) => assert_eq!(again.collections, inventory.collections),
        Err(error) => panic!("what was written is refused: {}", said(&error)),
    }
}

/// The segments of a directory are those that rows of a live type name.
fn named_by_rows(inventory: &Inventory, table_id: &str, segments: &HashSet<&String>) {
    if inventory.tables.is_empty() {
        return;
    }
    let live = inventory.files.iter().filter(|file| {
        let kind = file.file_type.and_then(FileType::from_code);
        file.table_id == table_id && kind.is_some_and(FileType::is_live)
    });
    let named: HashSet<&String> = live.map(|file| &file.segment_id).collect();
    assert_eq!(&named, segments, "{table_id}");
}
