// SPDX-License-Identifier: Apache-2.0
//! What the figures were measured with.

use std::fs;
use std::process::Command;

use super::settings::{Settings, m2m, program};

/// The head of the table.
pub(crate) fn describe(settings: &Settings) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = after("/proc/meminfo", "MemTotal:").trim_end_matches(" kB").parse().unwrap_or(0) / (1 << 20);
    let program = program();
    let folder = program.parent().and_then(|folder| folder.file_name()).unwrap_or_default().to_string_lossy();
    let profile = if folder == "debug" { "dev".into() } else { folder };
    format!(
        "# Figures\n\n\
         Written by `benches/run.sh`, which measures everything again. What m2m did stands beside what a peer did in the\n\
         same minute with the same bytes: the ratios are the result, the seconds are those of this machine. A peer in Python\n\
         is measured without its start; m2m is measured with it, except for the questions.\n\n\
         | | |\n|---|---|\n\
         | machine | {cores} cores of {}, {memory} GiB, Linux {} |\n\
         | m2m | {}, profile `{profile}`, the finite check and CRC32C on |\n\
         | peers | {} |\n\
         | caches | warm: one round of each is not counted, the median is of {} |\n",
        after("/proc/cpuinfo", "model name").trim_start_matches([':', ' ']),
        said(Command::new("uname").arg("-r")).split('-').next().unwrap_or_default(),
        said(&mut m2m(&["--version"])),
        said(&mut settings.peer(&["versions"])),
        settings.runs,
    )
}

/// What stands behind a word at the start of a line.
fn after(file: &str, word: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_default().trim().to_owned()
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned()
}
