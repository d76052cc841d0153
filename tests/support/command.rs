// SPDX-License-Identifier: Apache-2.0
//! Running the real binary, and showing what it did in one text.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run of `m2m` left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    args: Vec<String>,
}

/// A command `m2m` with an empty environment of its own, in an empty folder.
pub(crate) fn m2m(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2m"));
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        let clouds = ["M2M_", "AWS_", "AZURE_", "GOOGLE_", "OSS_", "COS_", "ALIBABA_", "TENCENTCLOUD_"];
        if clouds.iter().any(|prefix| name.starts_with(prefix)) || name == "COLUMNS" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `m2m` to its end.
pub(crate) fn run(args: &[&str]) -> Run {
    finish(args, m2m(args).output().unwrap())
}

/// Runs a prepared command to its end.
pub(crate) fn run_command(args: &[&str], mut command: Command) -> Run {
    finish(args, command.output().unwrap())
}

/// What a run left behind, of a process that ended.
pub(crate) fn finish(args: &[&str], output: Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
    }
}

impl Run {
    /// Fails the test unless the run ended with `code`.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.observation(&[]));
        assert!(!self.stderr.contains("panicked"), "{}", self.observation(&[]));
        self
    }

    /// Fails the test unless standard error holds all of `words`.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is missing in\n{}", self.observation(&[]));
        }
        self
    }

    /// Arguments, exit code and both outputs, with folders replaced by names.
    pub(crate) fn observation(&self, folders: &[(&Path, &str)]) -> String {
        let args = self.args.iter().map(|arg| shell_word(arg)).collect::<Vec<_>>().join(" ");
        let mut text = format!(
            "$ m2m {args}\nexit code: {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        );
        for (folder, name) in folders {
            text = text.replace(&*folder.to_string_lossy(), name);
        }
        text
    }
}

fn shell_word(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=<>,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.into() } else { format!("'{arg}'") }
}
