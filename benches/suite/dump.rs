// SPDX-License-Identifier: Apache-2.0
//! Dumps, to a folder and to a bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contest::{Contest, Outcome, Run, Runner, ask, time};
use super::install::Install;
use super::settings::{Settings, m2m};

const SEGMENTS: u64 = 8;
/// The number that Milvus 1.x has for metric HAMMING.
const HAMMING: u32 = 3;

/// Bytes before the values of a NumPy file.
const HEADER: u64 = 128;

/// What is dumped.
#[derive(Clone, Copy)]
struct Data {
    dimension: u64,
    is_binary: bool,
    /// One row of so many is deleted; 0: none.
    delete_every: u64,
}

const PLAIN: Data = Data { dimension: 128, is_binary: false, delete_every: 0 };

impl Data {
    fn row_bytes(self) -> u64 {
        if self.is_binary { self.dimension / 8 } else { self.dimension * 4 }
    }

    fn name(self, mib: u64) -> String {
        let element = if self.is_binary { "binary" } else { "float" };
        let deleted = match self.delete_every {
            0 => "none deleted".into(),
            every => format!("{} % deleted", 100 / every),
        };
        format!("{mib} MiB, {element} {}, {SEGMENTS} segments, {deleted}", self.dimension)
    }

    /// Writes an installation with one collection, `big`.
    fn write(self, root: &Path, mib: u64) {
        let rows = (mib << 20) / self.row_bytes() / SEGMENTS;
        let mut install = Install::new(root);
        install.collection("big", u32::try_from(self.dimension).unwrap());
        if self.is_binary {
            install.last().metric = HAMMING;
        }
        install.large_segments(SEGMENTS, rows, self.delete_every).finish();
    }
}

pub(crate) fn run(settings: &Settings) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let datas = [
        PLAIN,
        Data { delete_every: 100, ..PLAIN },
        Data { delete_every: 10, ..PLAIN },
        Data { dimension: 768, ..PLAIN },
        Data { dimension: 512, is_binary: true, ..PLAIN },
    ];
    for data in datas {
        let place = Place::new(settings, data, settings.mib);
        outcomes.push(place.whole());
        if data.delete_every == 0 && !data.is_binary && data.dimension == PLAIN.dimension {
            outcomes.push(place.filtered());
            outcomes.push(place.parquet());
            if settings.bucket.is_some() {
                outcomes.push(place.to_bucket());
            }
        }
    }
    // Half as much of it is the start of the program.
    outcomes.push(Place::new(settings, PLAIN, 2 * settings.mib).whole());
    outcomes
}

/// An installation, and a folder for what becomes of it.
struct Place<'a> {
    settings: &'a Settings,
    data: Data,
    mib: u64,
    folder: tempfile::TempDir,
}

impl<'a> Place<'a> {
    fn new(settings: &'a Settings, data: Data, mib: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        data.write(&folder.path().join("install"), mib);
        Self { settings, data, mib, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn contest<'b>(&self, job: &'b str) -> Contest<'b> {
        let (data, runs) = (self.data.name(self.mib), self.settings.runs);
        Contest { job, data, bytes: Some(self.mib << 20), runs }
    }

    fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Has a command write to a fresh folder. What it came to are the bytes of values in NumPy files.
    fn writing(&self, run: impl Fn() -> Run) -> Run {
        let out = self.path("out");
        if out.exists() {
            fs::remove_dir_all(&out).unwrap();
        }
        let run = run();
        let bytes = payload(&out);
        Run { result: (bytes > 0).then(|| bytes.to_string()), ..run }
    }

    fn m2m(&self, more: &[&str]) -> Run {
        let (install, out) = (self.arg("install"), self.arg("out"));
        let args = [&["dump", "-q", "--install", &install, "--out", &out][..], more].concat();
        self.writing(|| time(&mut m2m(&args)))
    }

    fn python(&self, what: &str) -> Run {
        let dimension = self.data.dimension.to_string();
        let kind = if self.data.is_binary { "binary" } else { "float" };
        let args = [what, &self.arg("install"), &self.arg("out"), &dimension, kind];
        self.writing(|| ask(&mut self.settings.peer(&args)))
    }

    fn whole(&self) -> Outcome {
        let copy = || {
            self.writing(|| time(Command::new("cp").arg("-r").args([self.path("install"), self.path("out")])))
        };
        let mut peers = vec![Runner::new("cp -r", copy), Runner::new("numpy", || self.python("dump"))];
        if let Some(old) = &self.settings.old {
            let run = || self.writing(|| time(Command::new("sh").args(["-c", old]).envs(self.told())));
            peers.push(Runner::new(format!("`{old}`"), run));
        }
        self.contest("dump").hold(Runner::new("m2m", || self.m2m(&[])), peers)
    }

    /// What another tool is told by its environment.
    fn told(&self) -> [(&'static str, PathBuf); 2] {
        [("INSTALL", self.path("install")), ("OUT", self.path("out"))]
    }

    fn filtered(&self) -> Outcome {
        let own = Runner::new("m2m", || self.m2m(&["--where", "id % 2 = 0"]));
        let peers = vec![Runner::new("numpy", || self.python("dump-even"))];
        self.contest("dump of half of the rows, how many is not known before").hold(own, peers)
    }

    fn parquet(&self) -> Outcome {
        let own = Runner::new("m2m", || self.m2m(&["--to-format", "parquet"]));
        let peers = vec![Runner::new("pyarrow", || self.python("dump-parquet"))];
        self.contest("dump as Parquet").hold(own, peers)
    }

    fn to_bucket(&self) -> Outcome {
        let target = format!("{}/bench-m2m", self.settings.bucket());
        let install = self.arg("install");
        let own = || {
            let (url, install) = (format!("s3://{target}"), &install);
            time(&mut m2m(&["dump", "-q", "--overwrite", "--install", install, "--out", &url]))
        };
        // The same bytes, as files that are there.
        self.m2m(&[]);
        let files = self.arg("out");
        let upload =
            || ask(&mut self.settings.peer(&["upload", &files, self.settings.bucket(), "bench-peer"]));
        self.contest("dump to S3")
            .hold(Runner::new("m2m", own), vec![Runner::new("minio (upload alone)", upload)])
    }
}

/// Bytes of all values in the NumPy files of a folder.
fn payload(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
        _ if path.is_dir() => payload(&path),
        Some("npy") => path.metadata().unwrap().len() - HEADER,
        _ => 0,
    };
    entries.map(of).sum()
}
