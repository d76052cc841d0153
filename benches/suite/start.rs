// SPDX-License-Identifier: Apache-2.0
//! How long nothing takes: the start of the program.

use std::process::Command;

use super::contest::{Contest, Outcome, Runner, time};
use super::install::Install;
use super::settings::{Settings, m2m};

pub(crate) fn run(settings: &Settings) -> Vec<Outcome> {
    let python = |text: &'static str| {
        Runner::new(format!("`python3 -c {text:?}`"), move || {
            time(Command::new(&settings.python).args(["-c", text]))
        })
    };
    let contest = |job| Contest { job, data: String::new(), bytes: None, runs: 4 * settings.runs };
    let version = Runner::new("m2m", || time(&mut m2m(&["--version"])));
    let folder = tempfile::tempdir().unwrap();
    let mut install = Install::new(folder.path());
    install.collection("small", 8).large_segments(1, 10, 0).finish();
    let root = folder.path().to_str().unwrap();
    let select = Runner::new("m2m", || time(&mut m2m(&["sql", "--install", root, "SELECT 1"])));
    vec![
        contest("`m2m --version`").hold(version, vec![python("pass")]),
        contest("`m2m sql \"SELECT 1\"`")
            .hold(select, vec![python("import duckdb; duckdb.sql('SELECT 1').fetchall()")]),
    ]
}
