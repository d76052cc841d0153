// SPDX-License-Identifier: Apache-2.0

use std::ops::RangeInclusive;

use crate::version::ServerVersion;

/// What a server of some version allows.
///
/// | | 2.2 | 2.3 | 2.4 | 2.5 and newer |
/// |---|---|---|---|---|
/// | partitions of a collection | 4096 | 4096 | 1024 | 1024 |
/// | dimension of floats | 1–32768 | 1–32768 | 2–32768 | 2–32768 |
/// | dimension of bits | –32768 | –32768 | –262144 | –262144 |
/// | NumPy import of 16 GiB at most | a file | a file | a set of files | a set of files |
/// | JSON, partition key | from 2.2.9 | yes | yes | yes |
/// | Parquet import | – | from 2.3.4 | yes | yes |
/// | metric COSINE | – | yes | yes | yes |
/// | fields that may be NULL | – | – | – | yes |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many partitions a collection may have.
    pub partitions: usize,
    /// How many fields a collection may have.
    pub fields: usize,
    /// How many of them may be vectors.
    pub vector_fields: usize,
    /// The dimensions that vectors of floats may have.
    pub float_dimension: RangeInclusive<u32>,
    /// The most bits that a vector may have; their number is a multiple of 8.
    pub max_binary_dimension: u32,
    /// The most bytes of a text.
    pub varchar_bytes: u32,
    /// The most bytes of a JSON value.
    pub json_bytes: u32,
    /// The most shards of a collection.
    pub shards: i32,
    /// The most bytes of an import file.
    pub file_bytes: u64,
    /// Whether `file_bytes` is about the files of a NumPy set together.
    pub is_file_limit_of_set: bool,
    /// Whether there are fields of type JSON.
    pub has_json: bool,
    /// Whether a field's values can choose the partition.
    pub has_partition_key: bool,
    /// Whether Parquet files can be imported.
    pub has_parquet: bool,
    /// Whether values of a field may be missing.
    pub has_nullable: bool,
    /// Whether there is the metric COSINE.
    pub has_cosine: bool,
}

/// What a server of this version allows.
#[must_use]
pub fn limits(version: &ServerVersion) -> Limits {
    let is_2_4 = version.at_least(2, 4);
    let has_more_types = version.at_least_release(2, 2, 9);
    Limits {
        partitions: if is_2_4 { 1024 } else { 4096 },
        fields: 64,
        vector_fields: if is_2_4 { 4 } else { 1 },
        float_dimension: if is_2_4 { 2..=32_768 } else { 1..=32_768 },
        max_binary_dimension: if is_2_4 { 262_144 } else { 32_768 },
        varchar_bytes: 65_535,
        json_bytes: 65_536,
        shards: 16,
        file_bytes: 16 << 30,
        is_file_limit_of_set: is_2_4,
        has_json: has_more_types,
        has_partition_key: has_more_types,
        has_parquet: version.at_least_release(2, 3, 4),
        has_nullable: version.at_least(2, 5),
        has_cosine: version.at_least(2, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &str) -> Limits {
        limits(&ServerVersion::parse(version))
    }

    #[test]
    fn the_limits_of_partitions_and_dimensions_changed_with_2_4() {
        for version in ["v2.2.16", "v2.3.5-lite"] {
            let old = of(version);
            assert_eq!((old.partitions, old.vector_fields), (4096, 1), "{version}");
            assert_eq!((old.float_dimension, old.max_binary_dimension), (1..=32_768, 32_768));
            assert!(!old.is_file_limit_of_set);
        }
        for version in ["v2.4.0-rc.1", "v2.5.27", "v3.0.0", "master"] {
            let new = of(version);
            assert_eq!((new.partitions, new.vector_fields), (1024, 4), "{version}");
            assert_eq!((new.float_dimension, new.max_binary_dimension), (2..=32_768, 262_144));
            assert!(new.is_file_limit_of_set);
        }
    }

    #[test]
    fn what_came_later_is_not_there_before() {
        let has = |version: &str| {
            let limits = of(version);
            let more_types = (limits.has_json, limits.has_partition_key);
            (more_types, limits.has_cosine, limits.has_parquet, limits.has_nullable)
        };
        assert_eq!(has("v2.2.8"), ((false, false), false, false, false));
        assert_eq!(has("v2.2.9"), ((true, true), false, false, false));
        assert_eq!(has("v2.3.0"), ((true, true), true, false, false));
        assert_eq!(has("v2.3.3"), ((true, true), true, false, false));
        assert_eq!(has("v2.3.4"), ((true, true), true, true, false));
        assert_eq!(has("v2.4.23"), ((true, true), true, true, false));
        assert_eq!(has("v2.5.0"), ((true, true), true, true, true));
        assert_eq!(has("v3.0.0"), ((true, true), true, true, true));
    }
}
