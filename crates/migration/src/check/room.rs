// SPDX-License-Identifier: Apache-2.0
//! Room on a disk, and numbers as people read them.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Bytes that this user can write below a folder that need not exist.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let nearest = folder.ancestors().find(|above| above.exists()).unwrap_or(folder);
    let found = statvfs(nearest)?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// A number and what it counts.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("a/b")).unwrap() > 0);
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 40, "5120.0 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
