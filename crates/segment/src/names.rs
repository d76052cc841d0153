// SPDX-License-Identifier: Apache-2.0
//! File names inside a segment's directory.
//!
//! The directory's name, the segment id and the stem of `.uid` and `.rv` are
//! the same (`db/insert/VectorSource.cpp`, v1.1.1).

/// Name of the file of deleted offsets.
pub const DELETED_DOCS: &str = "deleted_docs";
/// Name of the file with the bloom filter of ids.
pub const BLOOM_FILTER: &str = "bloom_filter";
/// Names of the files that a crash may leave behind.
pub const TEMPORARY: [&str; 2] = ["temp_del", "temp_bloom"];
/// Ending of the files of attributes, which hybrid collections of 0.9 to 1.0 have.
pub const ATTRIBUTE_ENDING: &str = ".ra";
/// Ending of the file of ids.
pub const IDS_ENDING: &str = ".uid";
/// Ending of the file of vectors.
pub const VECTORS_ENDING: &str = ".rv";

/// Returns the name of a segment's file of ids.
#[must_use]
pub fn ids_file(segment_id: &str) -> String {
    format!("{segment_id}{IDS_ENDING}")
}

/// Returns the name of a segment's file of vectors.
#[must_use]
pub fn vectors_file(segment_id: &str) -> String {
    format!("{segment_id}{VECTORS_ENDING}")
}

/// Returns whether a name that metadata gives can be one part of a path, so
/// that it cannot lead out of its root.
#[must_use]
pub fn is_safe_component(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_segment() {
        assert_eq!(ids_file("1620000000417262000"), "1620000000417262000.uid");
        assert_eq!(vectors_file("1620000000417262000"), "1620000000417262000.rv");
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_safe() {
        for name in ["", ".", "..", "/", "a/b", "a/", "/etc", "../x", "..\\x", "a\0", "\0"] {
            assert!(!is_safe_component(name), "{name:?}");
        }
        for name in ["1620000000417262000", "a_collection", "..a", "...", "a b", "报表"] {
            assert!(is_safe_component(name), "{name:?}");
        }
    }
}
