// SPDX-License-Identifier: Apache-2.0
//! Metadata that is made from the segments alone, against the ground truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::remote;
use crate::support::command::{Run, m2m, run, run_command};
use crate::support::fixtures::{self, CollectionTruth, truth};
use crate::support::services;
use crate::truth::{check_collection, register};

/// An installation whose metadata is lost: nothing but its `tables` folder.
struct Lost {
    folder: tempfile::TempDir,
}

impl Lost {
    fn of(install: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = fixtures::install(install);
        let db = from.join("db");
        let tables = if db.is_dir() { db } else { from }.join("tables");
        let copied = Command::new("cp").arg("-r").arg(tables).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        Self { folder }
    }

    fn tables(&self) -> PathBuf {
        self.folder.path().join("tables")
    }

    fn recover(&self, more: &[&str]) -> Run {
        let (tables, out) = (self.tables(), self.folder.path());
        run(&[&["recover", "--tables", tables.to_str().unwrap(), "--out", out.to_str().unwrap()], more]
            .concat())
    }

    fn meta(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("meta.json")).unwrap()).unwrap()
    }

    fn observation(&self, run: &Run) -> String {
        run.observation(&[(self.folder.path(), "<folder>")])
    }
}

/// Compares an observation with its snapshot.
macro_rules! snapshot {
    ($name:literal, $observation:expr) => {{
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $observation);
        });
    }};
}

/// What a user knows of an installation of `tests/fixtures`: metrics that no file tells, the
/// collections of partitions with their tags, and what was dropped.
fn known(install: &str) -> Vec<String> {
    let tables = fixtures::install(install).join("db/tables");
    let truth = truth(install);
    let mut known = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    let mut segments: Vec<String> = Vec::new();
    for collection in &truth.collections {
        if collection.live_rows > 0 {
            known.push(format!("--metric={}={}", collection.collection, collection.metric));
        }
        for partition in &collection.partitions {
            folders.push(partition.table_id.clone());
            segments.extend(
                partition.segments.iter().map(|one| format!("{}/{}", partition.table_id, one.segment_id)),
            );
            if partition.tag != "_default" {
                known.push(format!(
                    "--owner={}={}:{}",
                    partition.table_id, collection.collection, partition.tag
                ));
            }
        }
    }
    for folder in names(&tables) {
        if !folders.contains(&folder) {
            known.push(format!("--leave-out={folder}"));
            continue;
        }
        for segment in names(&tables.join(&folder)) {
            let place = format!("{folder}/{segment}");
            // The sources of merges are found without being told.
            if !segments.contains(&place) && folder != "compacted_l2" {
                known.push(format!("--leave-out={place}"));
            }
        }
    }
    known
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Compares the rows of a collection, by SQL over the recovered metadata, with their truth.
async fn compare(lost: &Lost, install: &str, collections: &[&CollectionTruth]) {
    let ctx = register(lost.folder.path()).await;
    for collection in collections {
        check_collection(&ctx, install, collection).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_what_a_user_knows_every_row_is_as_the_truth_says() {
    for install in ["install-1.1.1", "install-1.0.0"] {
        let lost = Lost::of(install);
        lost.recover(&strs(&known(install))).ends_with(0);
        let truth = truth(install);
        let with_rows: Vec<_> = truth.collections.iter().filter(|one| one.live_rows > 0).collect();
        let found: Vec<String> = lost.meta()["collections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["collection"].as_str().unwrap().to_owned())
            .collect();
        let mut expected: Vec<String> = with_rows.iter().map(|one| one.collection.clone()).collect();
        expected.sort();
        assert_eq!(found, expected, "{install}: all but `empty_coll`, whose dimension is nowhere");
        compare(&lost, install, &with_rows).await;
        for collection in &with_rows {
            let recovered = lost.meta()["collections"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["collection"] == collection.collection.as_str())
                .unwrap()
                .clone();
            assert_eq!(recovered["dim"], collection.dimension, "{install}: {}", collection.collection);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_but_the_metrics_what_files_tell_is_right_and_the_rest_is_told() {
    for install in ["install-1.1.1", "install-1.0.0"] {
        let lost = Lost::of(install);
        let metrics: Vec<String> =
            known(install).into_iter().filter(|one| one.starts_with("--metric")).collect();
        // A collection that is nowhere but in partitions is not asked for.
        let metrics: Vec<String> = metrics.into_iter().filter(|one| !one.contains("parts_only")).collect();
        let more = ["--metric=ghost=L2", "--metric=dropped_coll=L2"];
        let run = lost.recover(&[strs(&metrics), more.to_vec()].concat()).ends_with(3);
        let truth = truth(install);
        let whole = [
            "bin_hamming",
            "bin_jaccard",
            "bin_tanimoto",
            "bin_sub",
            "bin_super",
            "bin_ivf",
            "indexed_l2",
            "compacted_l2",
        ];
        let whole: Vec<_> =
            truth.collections.iter().filter(|one| whole.contains(&one.collection.as_str())).collect();
        assert_eq!(whole.len(), 8);
        compare(&lost, install, &whole).await;
        // Dead segments of `float_l2` cannot be told from live ones, but they share ids with them.
        assert!(run.stdout.contains("have 180 live ids in common"), "{}", run.stdout);
        for partition in
            truth.collections.iter().flat_map(|one| &one.partitions).filter(|one| one.tag != "_default")
        {
            assert!(run.stdout.contains(&format!("partition `{}`", partition.table_id)), "{}", run.stdout);
        }
        assert_eq!(run.stdout.matches("guessed to be merged into").count(), 3, "{}", run.stdout);
        assert!(run.stdout.contains("whether a collection or partition was dropped"));
        assert!(lost.meta()["notes"].as_array().unwrap().len() > 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_s_segment_is_recovered_by_its_metric_alone() {
    let lost = Lost::of("test1w");
    let asked = lost
        .recover(&[])
        .ends_with(2)
        .says(&["--metric test1w=L2", "256 floats, or 8192 bits; they look like floats (a guess)"]);
    assert!(!lost.folder.path().join("meta.json").exists(), "{}", lost.observation(&asked));
    let recovered = lost.recover(&["--metric", "L2"]).ends_with(0);
    snapshot!("recover_test1w", lost.observation(&recovered));
    let truth = truth("test1w");
    compare(&lost, "test1w", &truth.collections.iter().collect::<Vec<_>>()).await;
}

#[test]
fn the_command_line_of_recover() {
    snapshot!("help_recover", run(&["recover", "--help"]).observation(&[]));
    let lost = Lost::of("install-1.1.1");
    snapshot!("recover_questions", lost.observation(&lost.recover(&[]).ends_with(2)));
    let known = known("install-1.1.1");
    let metrics: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|one| one.starts_with("--metric") && !one.contains("parts_only"))
        .collect();
    let more = ["--metric", "L2", "--metric", "HAMMING"];
    lost.recover(&more).ends_with(2).says(&["--metric bin_sub=HAMMING"]);
    let report =
        lost.recover(&[&metrics[..], &["--leave-out", "ghost", "--leave-out", "dropped_coll"]].concat());
    snapshot!("recover_report", lost.observation(&report.ends_with(3)));
}

#[test]
fn a_file_that_is_there_stays_unless_it_may_go() {
    let lost = Lost::of("test1w");
    let meta = lost.folder.path().join("meta.json");
    fs::write(&meta, "mine").unwrap();
    lost.recover(&["--metric", "L2"]).ends_with(2).says(&["is there already", "--overwrite"]);
    assert_eq!(fs::read_to_string(&meta).unwrap(), "mine");
    lost.recover(&["--metric", "L2", "--overwrite"]).ends_with(0);
    assert_eq!(lost.meta()["version"], 2);
    let tables = lost.tables();
    let inside = ["recover", "--tables", tables.to_str().unwrap(), "--metric", "L2", "--out"];
    run(&[&inside[..], &[tables.to_str().unwrap()]].concat()).ends_with(2);
    assert!(!tables.join("meta.json").exists());
}

#[test]
fn what_is_said_wrongly_is_refused_before_anything_is_written() {
    let lost = Lost::of("test1w");
    for (args, words) in [
        (&["--metric", "COSINE"][..], "expected one of L2, IP"),
        (&["--metric", "other=L2"], "there is no collection `other`"),
        (&["--metric", "L2", "--metric", "IP"], "twice"),
        (&["--metric", "L2", "--owner", "7=test1w"], "there is no partition `7`"),
        (&["--metric", "L2", "--leave-out", "other"], "there is no folder `other`"),
        (&["--metric", "L2", "--keep", "test1w/1"], "no segment `1`"),
    ] {
        lost.recover(args).ends_with(2).says(&[words]);
        assert!(!lost.folder.path().join("meta.json").exists(), "{args:?}");
    }
    let nowhere = ["recover", "--tables", "/nonexistent", "--out", "/tmp/never-made", "--metric", "L2"];
    run(&nowhere).ends_with(1).says(&["/nonexistent"]);
}

#[test]
fn every_other_command_takes_what_was_recovered() {
    let lost = Lost::of("install-1.1.1");
    lost.recover(&strs(&known("install-1.1.1"))).ends_with(0);
    let install = lost.folder.path().to_str().unwrap();
    let count =
        run(&["sql", "--install", install, "--format", "csv", "SELECT count(*) FROM float_l2"]).ends_with(0);
    assert_eq!(count.stdout.lines().nth(1), Some("687"));
    run(&["plan", "--install", install]).ends_with(0);
    let out = tempfile::tempdir().unwrap();
    run(&["dump", "--install", install, "--out", out.path().to_str().unwrap(), "--col", "ip_parts,bin_ivf"])
        .ends_with(0);
    let again = tempfile::tempdir().unwrap();
    let meta = lost.folder.path().join("meta.json");
    let export = ["export", "--meta", meta.to_str().unwrap(), "--out", again.path().to_str().unwrap()];
    run(&[&export[..], &["--tables", install]].concat()).ends_with(0);
}

#[test]
fn an_index_file_tells_what_the_vectors_are() {
    let lost = Lost::of("install-1.1.1");
    // The fixture's index files begin with the metadata's numbers; a server writes others.
    let folder = lost.tables().join("bin_ivf");
    let segment = folder.join(&names(&folder)[0]);
    let is_index = |name: &String| !name.contains(['.', '_']);
    let index = segment.join(names(&segment).into_iter().find(is_index).unwrap());
    let mut bytes = fs::read(&index).unwrap();
    bytes[..4].copy_from_slice(&101_i32.to_le_bytes());
    fs::write(&index, bytes).unwrap();
    let asked = lost.recover(&[]).ends_with(2);
    assert!(!asked.stderr.contains("--metric bin_ivf="), "{}", asked.stderr);
    lost.recover(&["--metric", "bin_ivf=L2"]).ends_with(2).says(&["an index file of type BIN_IVF_FLAT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_in_a_bucket_are_recovered_as_those_on_disk() {
    let prefix = remote::upload().await;
    let out = tempfile::tempdir().unwrap();
    let known = known("install-1.1.1");
    let args = [&["recover", "--out", out.path().to_str().unwrap()], &strs(&known)[..]].concat();
    let mut variables = remote::of_first(&prefix);
    variables.retain(|(name, _)| *name != "M2M_META_SQLITE_FILE");
    let recovered = |prefix: &str, args: &[&str]| {
        let mut variables = variables.clone();
        for (name, value) in &mut variables {
            if *name == "M2M_SOURCE_REMOTE_TABLES_DIR" {
                *value = prefix.into();
            }
        }
        let mut command = m2m(args);
        command.envs(variables);
        let run = run_command(args, command);
        services::assert_no_secret(&run);
        run
    };
    // Folders without a file are not in a bucket, nor can they be left out or owned.
    let empty = known.iter().filter(|one| is_of_empty(one)).cloned().collect::<Vec<_>>();
    let args: Vec<&str> = args.into_iter().filter(|arg| !empty.iter().any(|one| one == arg)).collect();
    recovered(&prefix, &args).ends_with(0);
    let local = Lost::of("install-1.1.1");
    local.recover(&strs(&known)).ends_with(0);
    let read = |folder: &Path| -> Value {
        serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap()
    };
    let (bucket, disk) = (read(out.path()), local.meta());
    for (one, other) in
        bucket["collections"].as_array().unwrap().iter().zip(disk["collections"].as_array().unwrap())
    {
        assert_eq!(one["segments"], other["segments"]);
        assert_eq!(
            (&one["collection"], &one["dim"], &one["rows"]),
            (&other["collection"], &other["dim"], &other["rows"])
        );
    }
    let again = [&args[..], &["--overwrite"]].concat();
    recovered(&format!("{prefix}/nothing-here"), &again)
        .ends_with(1)
        .says(&["no segment was found in s3://"]);
}

/// Whether an argument is about a folder without files.
fn is_of_empty(arg: &str) -> bool {
    let tables = fixtures::install("install-1.1.1").join("db/tables");
    let place = arg.strip_prefix("--owner=").or_else(|| arg.strip_prefix("--leave-out="));
    let place = place.map(|place| tables.join(place.split('=').next().unwrap()));
    place.is_some_and(|folder| names(&folder).is_empty())
}
