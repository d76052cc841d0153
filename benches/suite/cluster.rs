// SPDX-License-Identifier: Apache-2.0
//! A dump by a scheduler and executors on this machine, beside one process. All must write the
//! same files, byte by byte, also when an executor is killed.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::contest::{Contest, Outcome, Run, Runner, time};
use super::install::Install;
use super::settings::{Settings, m2m};

const DIMENSION: u64 = 128;
const SEGMENTS: u64 = 20;
/// One row of so many is deleted.
const DELETE_EVERY: u64 = 100;
const SOON: Duration = Duration::from_millis(20);

pub(crate) fn run(settings: &Settings) -> Vec<Outcome> {
    let rows = (settings.cluster_mib << 20) / (DIMENSION * 4) / SEGMENTS;
    let folder = tempfile::tempdir().unwrap();
    let place = Place { folder: folder.path().to_owned() };
    let mut install = Install::new(&place.path("install"));
    install.collection("big", u32::try_from(DIMENSION).unwrap());
    install.large_segments(SEGMENTS, rows, DELETE_EVERY).finish();
    place.dump("expected", &["--workers", "2"]);

    let data = format!("{} MiB, float {DIMENSION}, {SEGMENTS} segments, 1 % deleted", settings.cluster_mib);
    let bytes = Some(settings.cluster_mib << 20);
    let contest = |job, runs| Contest { job, data: data.clone(), bytes, runs };
    let (two, one) = (Cluster::start(2, &place), Cluster::start(1, &place));
    let whole = contest("dump by 2 executors of 1 worker", settings.runs).hold(
        Runner::new("2 executors", || place.dump_on(&two)),
        vec![
            Runner::new("1 executor of 1 worker", || place.dump_on(&one)),
            Runner::new("1 process of 1 worker", || place.equal(|| place.dump("out", &["--workers", "1"]))),
            Runner::new("1 process of 2 workers", || place.equal(|| place.dump("out", &["--workers", "2"]))),
        ],
    );
    drop((two, one));
    let killed = contest("dump by 2 executors, one of which is killed", 1).hold(
        Runner::new("killed", || place.dump_while_one_is_killed()),
        vec![Runner::new("1 process of 2 workers", || {
            place.equal(|| place.dump("out", &["--workers", "2"]))
        })],
    );
    vec![whole, killed]
}

/// An installation, and a folder for what becomes of it.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn dump(&self, out: &str, more: &[&str]) -> Run {
        let (install, out) = (self.path("install"), self.path(out));
        let (install, out) = (install.to_str().unwrap(), out.to_str().unwrap());
        let args = ["dump", "-q", "--file-size", "128", "--install", install, "--out", out];
        time(&mut m2m(&[&args[..], more].concat()))
    }

    fn dump_on(&self, cluster: &Cluster) -> Run {
        self.equal(|| self.dump("out", &["--workers", "2", "--cluster", &cluster.url()]))
    }

    fn dump_while_one_is_killed(&self) -> Run {
        let mut cluster = Cluster::start(2, self);
        let (url, victim) = (cluster.url(), cluster.executors.remove(0));
        let out = self.path("out");
        self.equal(|| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !has_file_set(&out) {
                        thread::sleep(SOON);
                    }
                    // It is killed and waited for.
                    drop(victim);
                });
                self.dump("out", &["--workers", "2", "--cluster", &url])
            })
        })
    }

    /// Has a dump made anew, which must have the files that are expected.
    fn equal(&self, dump: impl FnOnce() -> Run) -> Run {
        let out = self.path("out");
        if out.exists() {
            std::fs::remove_dir_all(&out).unwrap();
        }
        let run = dump();
        let compared =
            Command::new("diff").args(["-rq", "-x", "*.json"]).arg(self.path("expected")).arg(out).status();
        assert!(compared.unwrap().success(), "other files were written");
        run
    }
}

/// Whether a folder of a file set is there.
fn has_file_set(out: &Path) -> bool {
    let partition = out.join("big/_default");
    std::fs::read_dir(partition).is_ok_and(|mut entries| entries.next().is_some())
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

struct Cluster {
    port: u16,
    executors: Vec<Process>,
    _scheduler: Process,
}

impl Cluster {
    fn start(executors: u16, place: &Place) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let scheduler = Process(quiet(&mut m2m(&["scheduler", "-q", "--listen", &address])));
        wait_for(port);
        let executor = |_| {
            let (rows, orders) = (free_port(), free_port());
            let (listen, orders_port) = (format!("127.0.0.1:{rows}"), orders.to_string());
            let mut command = m2m(&["executor", "-q", "--scheduler", &address, "--listen", &listen]);
            command.args(["--orders-port", &orders_port, "--workers", "1", "--install"]);
            command.arg(place.path("install")).arg("--out").arg(&place.folder);
            let process = Process(quiet(&mut command));
            wait_for(orders);
            process
        };
        let executors = (0..executors).map(executor).collect();
        // They register as soon as they serve.
        thread::sleep(Duration::from_secs(1));
        Self { port, executors, _scheduler: scheduler }
    }

    fn url(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        thread::sleep(SOON);
    }
    panic!("nobody serves port {port}: was m2m built with `--features ballista`?");
}
