// SPDX-License-Identifier: Apache-2.0
//! A collection that every server takes, for tests to change.

use m2m_milvus::{Field, ServerVersion, VectorType};

use super::Wanted;

/// A collection of 1000 vectors of two floats, in two partitions.
pub(super) fn wanted() -> Wanted {
    Wanted {
        name: "films".into(),
        source: "films".into(),
        fields: vec![Field::primary("id"), Field::new("vector", VectorType::Float(2))],
        metric: "L2".into(),
        cosine: false,
        engine: "IVF_FLAT".into(),
        index_params: r#"{"nlist": 64}"#.into(),
        partitions: vec!["_default".into(), "new".into()],
        rows: Some(1000),
        is_parquet: false,
        file_bytes: 0,
        set_bytes: 0,
    }
}

/// A server's version.
pub(super) fn version(text: &str) -> ServerVersion {
    ServerVersion::parse(text)
}
