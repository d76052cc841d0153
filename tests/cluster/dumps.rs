// SPDX-License-Identifier: Apache-2.0
//! The dump of every fixture, in every form: two executors write what one process writes.

use std::fs;
use std::path::Path;

use super::same;
use crate::support::cluster::Cluster;
use crate::support::command::run;
use crate::support::fixtures;

/// Options of a dump, by the name of its folder.
fn forms(install: &str) -> Vec<(&'static str, Vec<String>)> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let where_third = ["--where", "id % 3 = 1"];
    let joined = format!(
        "SELECT a.id, a.vector, a.partition_tag, b.id * 2 AS twice FROM {0} a JOIN {0} b \
         ON a.id = b.id AND a.partition_tag = b.partition_tag WHERE b.id % 2 = 0",
        fixtures::truth(install).collections[0].collection
    );
    vec![
        ("npy", Vec::new()),
        ("parquet", words(&["--to-format", "parquet"])),
        ("where", words(&where_third)),
        ("where_parquet", words(&[&where_third[..], &["--to-format", "parquet"]].concat())),
        ("query", words(&["--query", &joined, "--as", "joined"])),
    ]
}

/// Dumps every form of a fixture twice, and returns how many files were compared.
fn compare(cluster: &Cluster, name: &str, folder: &Path) -> usize {
    let install = fixtures::install(name);
    let mut files = 0;
    for (form, options) in forms(name) {
        let outs = ["alone", "cluster"].map(|by| folder.join(format!("{name}-{form}-{by}")));
        let args = |out: &Path| {
            let args = ["dump", "--install", install.to_str().unwrap(), "--out", out.to_str().unwrap()];
            let mut args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
            args.extend(["--workers".to_owned(), "2".to_owned()]);
            if name.ends_with("unflushed") {
                args.push("--allow-unflushed".into());
            }
            args.extend(options.clone());
            args
        };
        let [alone, on_cluster] = outs.each_ref().map(|out| args(out));
        run(&alone.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(0);
        cluster.run(&on_cluster.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(0);
        let compared = same(&outs[0], &outs[1]);
        println!("{name}, {form}: {compared} files are the same");
        files += compared;
        for out in outs {
            fs::remove_dir_all(out).unwrap();
        }
    }
    files
}

#[test]
fn two_executors_write_the_files_and_the_manifest_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(2, &fixtures::install("install-1.1.1"), Some(folder.path()));
    let files: usize = fixtures::INSTALLS.iter().map(|name| compare(&cluster, name, folder.path())).sum();
    println!("{files} files are the same");
    assert!(files >= 100, "only {files} files were compared");
}
