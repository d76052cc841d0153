// SPDX-License-Identifier: Apache-2.0
//! Manifests for tests.

use m2m_sink::manifest::{
    CollectionEntry, FieldEntry, LeftOutEntry, Manifest, PartitionEntry, SetEntry, SourceEntry,
};

pub(super) fn set(name: &str, rows: u64) -> SetEntry {
    SetEntry {
        name: name.into(),
        rows,
        segments: vec!["7".into()],
        segment_offset: Some(0),
        files: Vec::new(),
    }
}

/// Two collections, `films` with the partitions `_default` and `p`, `songs` with `_default`.
pub(super) fn manifest() -> Manifest {
    let partition = |name: &str| PartitionEntry {
        tag: name.into(),
        name: name.into(),
        rows: 0,
        unfinished: true,
        sets: Vec::new(),
    };
    let field = |name: &str, field_type: &str| FieldEntry {
        name: name.into(),
        field_type: field_type.into(),
        ..FieldEntry::default()
    };
    let collection = |name: &str, partitions: &[&str]| CollectionEntry {
        name: name.into(),
        target_name: name.into(),
        filter: None,
        query: None,
        choices: [("format".to_owned(), "npy".to_owned()), ("workers".to_owned(), "2".to_owned())].into(),
        fingerprint: "5b1e".into(),
        metric: "L2".into(),
        cosine: false,
        engine: "FLAT".into(),
        index_params: "{}".into(),
        fields: vec![field("id", "Int64"), field("vector", "FloatVector")],
        rows: 0,
        left_out: LeftOutEntry::default(),
        quarantine: None,
        partitions: partitions.iter().map(|name| partition(name)).collect(),
    };
    let source = SourceEntry { meta: "/old/meta.sqlite".into(), tables: Vec::new() };
    let collections = vec![collection("films", &["_default", "p"]), collection("songs", &["_default"])];
    Manifest::new("0c9f".into(), source, collections)
}
