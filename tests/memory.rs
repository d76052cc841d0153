// SPDX-License-Identifier: Apache-2.0
//! Memory does not grow with the number of segments.

use std::path::Path;
use std::process::Stdio;

use crate::support::command::m2m;
use crate::support::install::Install;
use crate::support::used::Used;

const SEGMENTS: u64 = 5000;
const ROWS: u64 = 100;
/// What m2m may hold of its own, whatever it works on.
const MOST: u64 = 256 << 20;

/// Runs a command and fails when it holds too much.
#[track_caller]
fn stays_small(args: &[&str], temporary: &Path) {
    let child =
        m2m(args).env("TMPDIR", temporary).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let used = Used::until_the_end(child, temporary);
    assert!((1 << 20..MOST).contains(&used.memory), "{args:?}: {used:?}");
}

#[test]
fn five_thousand_segments_fit_in_256_mib() {
    let folder = tempfile::tempdir().unwrap();
    let (install, out) = (folder.path().join("old"), folder.path().join("out"));
    let mut old = Install::new(&install);
    old.collection("c", 64).large_segments(SEGMENTS, ROWS, 10).finish();
    let (install, out) = (install.to_str().unwrap(), out.to_str().unwrap());
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    stays_small(&["sql", "--install", install, "SELECT count(*), sum(id) FROM c"], &temporary);
    let nearest =
        "SELECT id FROM c ORDER BY l2_distance(vector, (SELECT vector FROM c WHERE id = 7)) LIMIT 10";
    stays_small(&["sql", "--install", install, nearest], &temporary);
    stays_small(&["audit", "--install", install], &temporary);
    stays_small(&["dump", "-q", "--install", install, "--out", out], &temporary);
    stays_small(
        &["dump", "-q", "--install", install, "--out", out, "--overwrite", "--where", "id % 3 = 1"],
        &temporary,
    );
}
