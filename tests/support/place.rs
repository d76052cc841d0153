// SPDX-License-Identifier: Apache-2.0
//! A place to migrate to: a database of its own on one of the servers, and
//! room for an installation and its import files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::{Run, run_command};
use crate::support::fixtures;
use crate::support::services::{self, Target, unique};

/// A database on a server, and where its import files stand.
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) database: String,
    folder: TempDir,
    /// Where the import files go: a bucket, or a folder of this machine.
    pub(crate) out: String,
}

impl Place {
    /// On Milvus 2.3.5, with a bucket.
    pub(crate) fn on_2_3(name: &str) -> Self {
        let target = services::open();
        let (database, folder) = (unique(name), tempfile::tempdir().unwrap());
        let out = format!("s3://{}/{database}", target.bucket);
        Self { target, database, folder, out }
    }

    /// On Milvus 2.2.16, with a folder that it sees.
    pub(crate) fn on_2_2(name: &str) -> Self {
        Self::beside(services::of_2_2(), name)
    }

    /// On Milvus 2.3.5, with a folder that it sees.
    pub(crate) fn on_disk(name: &str) -> Self {
        Self::beside(services::with_local_storage(), name)
    }

    /// On a server that sees the folders of this machine.
    pub(crate) fn beside(target: Target, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out").to_str().unwrap().to_owned();
        Self { target, database: unique(name), folder, out }
    }

    /// A path for something of the test's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of m2m on the installation in the folder `old`.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Run {
        self.run_on(&self.path("old"), command, more)
    }

    /// Runs a command of m2m on an installation.
    pub(crate) fn run_on(&self, install: &Path, command: &str, more: &[&str]) -> Run {
        let args = self.args(install, command, more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = run_command(&args, self.target.m2m(&args));
        services::assert_no_secret(&run);
        run
    }

    /// The arguments of a command on an installation.
    pub(crate) fn args(&self, install: &Path, command: &str, more: &[&str]) -> Vec<String> {
        let (install, seen) = (install.to_str().unwrap(), format!("m2m.serverPath={}", self.out));
        let mut args = vec![command, "--install", install, "--milvus-database", &self.database];
        if command != "verify" {
            args.extend(["--out", &self.out]);
        }
        if !self.out.starts_with("s3:") {
            args.extend(["--set", &seen]);
        }
        args.extend(more);
        args.into_iter().map(str::to_owned).collect()
    }

    /// Writes settings to a file and returns its path.
    pub(crate) fn settings(&self, settings: &Value) -> String {
        let file = self.path("migration.yaml");
        std::fs::write(&file, settings.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Fails the test unless the database holds collections as they are described;
    /// `tests/tools/milvus_rows.py` says how.
    #[track_caller]
    pub(crate) fn holds(&self, expected: &Value) {
        self.holds_described(&expected.to_string());
    }

    /// Likewise, of a description as text.
    #[track_caller]
    pub(crate) fn holds_described(&self, expected: &str) {
        let (code, said) = self.ask(&["-"], expected);
        assert_eq!(code, 0, "{said}");
    }

    /// The ids of the rows for which an expression of Milvus is true.
    #[track_caller]
    pub(crate) fn ids(&self, collection: &str, expression: &str) -> Vec<i64> {
        let (code, said) = self.ask(&["--ask", collection, expression], "");
        assert_eq!(code, 0, "{expression}: {said}");
        serde_json::from_str(&said).unwrap()
    }

    /// What the database holds; null when there is none.
    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        let (code, said) = self.ask(&["--list"], "");
        assert_eq!(code, 0, "{said}");
        serde_json::from_str(&said).unwrap()
    }

    /// Changes what the database holds, as `tests/tools/milvus_change.py` says.
    #[track_caller]
    pub(crate) fn change(&self, steps: &Value) {
        let (code, said) = self.tool("milvus_change.py", &[], &steps.to_string());
        assert_eq!(code, 0, "{said}");
    }

    /// Asks the tool that knows nothing of m2m.
    fn ask(&self, args: &[&str], input: &str) -> (i32, String) {
        self.tool("milvus_rows.py", args, input)
    }

    fn tool(&self, name: &str, args: &[&str], input: &str) -> (i32, String) {
        let mut command = Command::new(services::python());
        command.arg(fixtures::project().join("tests/tools").join(name));
        command.args(["--uri", &self.target.milvus, "--db", &self.database]).args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(said).unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (code, said) = self.ask(&["--drop"], "");
            assert!(code == 0 || said.contains("no database"), "{said}");
        }
    }
}
