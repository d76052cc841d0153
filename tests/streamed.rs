// SPDX-License-Identifier: Apache-2.0
//! A dump that does not know its rows: nothing of them is spooled, in memory or on disk.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::command::m2m;
use crate::support::install::Install;
use crate::support::services::{self, unique};
use crate::support::used::Used;

const ROWS: u64 = 400_000;
const DIMENSION: u32 = 128;

/// Reads the NumPy files of a dump in a bucket, and says whether each row is right.
fn check_by_numpy(endpoint: &str, bucket: &str, prefix: &str) -> Value {
    let script = r"
import io, json, os, sys, numpy as np
from pyarrow.fs import S3FileSystem
endpoint, bucket, prefix, dimension = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
s3 = S3FileSystem(endpoint_override=endpoint.removeprefix('http://'), scheme='http', region='us-east-1',
    access_key=os.environ['S3_ACCESS_KEY'], secret_key=os.environ['S3_SECRET_KEY'])
get = lambda key: io.BytesIO(s3.open_input_file(f'{bucket}/{prefix}/{key}').read())
manifest = json.load(get('manifest.json'))
rows, ids, right = 0, set(), True
for s in manifest['collections'][0]['partitions'][0]['sets']:
    files = {f['field']: f for f in s['files']}
    id, vector = np.load(get(files['id']['path'])), np.load(get(files['vector']['path']))
    at = (id[:, None] * dimension + np.arange(dimension)).astype(np.uint32)
    mixed = (at * np.uint32(0x9e3779b9)) ^ (at >> np.uint32(15))
    bits = np.uint32(0x3f800000) | ((mixed * np.uint32(0x85ebca6b)) >> np.uint32(9))
    right &= vector.shape == (len(id), dimension) and bool((vector.view(np.uint32) == bits).all())
    right &= bool((id % 3 == 1).all()) and len(id) == s['rows']
    rows += len(id)
    ids |= set(id.tolist())
print(json.dumps({'rows': rows, 'ids': len(ids), 'right': right, 'sets': len(manifest['collections'][0]['partitions'][0]['sets'])}))
";
    let dimension = DIMENSION.to_string();
    let output = Command::new(services::python())
        .args(["-c", script, endpoint, bucket, prefix, &dimension])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_filtered_dump_to_a_bucket_spools_nothing() {
    let target = services::open();
    let folder = tempfile::tempdir().unwrap();
    let install = folder.path().join("old");
    let mut old = Install::new(&install);
    // 205 MB of vectors, of which every third row passes; every tenth is deleted.
    old.collection("c", DIMENSION).large_segments(2, ROWS / 2, 10).finish();
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let prefix = unique("streamed");
    let out = format!("s3://{}/{prefix}", target.bucket);
    let args = ["dump", "--install", install.to_str().unwrap(), "--out", &out, "--where", "id % 3 = 1"];
    let mut command = m2m(&args);
    command
        .args(["--s3-endpoint", &target.s3_endpoint, "--file-size", "16", "-q"])
        .env("TMPDIR", &temporary)
        .env("M2M_S3_ACCESS_KEY", services::s3_access())
        .env("M2M_S3_SECRET_KEY", services::s3_secret())
        .stderr(Stdio::inherit());
    let used = Used::until_the_end(command.spawn().unwrap(), &temporary);

    let answer = check_by_numpy(&target.s3_endpoint, &target.bucket, &prefix);
    // Deleted are the rows 0, 10, 20 … of each segment; ids count through both.
    let live = |id: u64| !(id % (ROWS / 2)).is_multiple_of(10);
    let expected = (0..ROWS).filter(|&id| id % 3 == 1 && live(id)).count() as u64;
    assert_eq!((&answer["rows"], &answer["right"]), (&Value::from(expected), &Value::from(true)));
    assert_eq!(answer["ids"], answer["rows"]);
    assert!(answer["sets"].as_u64().unwrap() >= 4, "{answer}");
    let written = expected * u64::from(DIMENSION) * 4;
    println!("{used:?} of {written} bytes written");
    assert!(used.disk < written / 50, "{used:?} of {written}");
    assert!(used.temporary == 0, "{used:?}");
    assert!(used.memory < 256 << 20, "{used:?}");
}
