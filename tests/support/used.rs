// SPDX-License-Identifier: Apache-2.0
//! What a process uses.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// What a process used, as far as it was seen before its end.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// Peak of its resident memory.
    pub(crate) memory: u64,
    /// Bytes that it had the system write to disks.
    pub(crate) disk: u64,
    /// The most bytes in its folder of temporary files.
    pub(crate) temporary: u64,
}

impl Used {
    /// Watches a process, which must succeed, and its folder of temporary files.
    pub(crate) fn until_the_end(mut child: Child, temporary: &Path) -> Self {
        let mut used = Self::default();
        loop {
            let proc = format!("/proc/{}", child.id());
            let number = |file: &str, name: &str| -> u64 {
                let text = fs::read_to_string(format!("{proc}/{file}")).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
            };
            used.memory = used.memory.max(number("status", "VmHWM:") << 10);
            used.disk = used.disk.max(number("io", "write_bytes:"));
            used.temporary = used.temporary.max(bytes_in(temporary));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                return used;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}
