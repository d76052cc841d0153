// SPDX-License-Identifier: Apache-2.0
//! Queries for users, shipped with the program.

/// The shipped queries: their names, and their SQL with an explanation on top.
pub const QUERIES: &[(&str, &str)] = &[
    ("collections", include_str!("../../../sql/inspect/collections.sql")),
    ("deletes", include_str!("../../../sql/inspect/deletes.sql")),
    ("files", include_str!("../../../sql/inspect/files.sql")),
    ("largest_segments", include_str!("../../../sql/inspect/largest_segments.sql")),
    ("partitions", include_str!("../../../sql/inspect/partitions.sql")),
    ("wal", include_str!("../../../sql/inspect/wal.sql")),
];
