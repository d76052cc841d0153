// SPDX-License-Identifier: Apache-2.0
//! Clusters that run on this machine: of real processes, and of threads of the test.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use datafusion::execution::object_store::DefaultObjectStoreRegistry;
use m2m_distributed::{ExecutorOptions, SchedulerOptions, run_executor, run_scheduler};
use m2m_sink::OutputStorages;
use m2m_storage::Storage;

use crate::support::command::{Run, m2m, run};

/// How long a part of a cluster may take to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// `m2m scheduler` and any number of `m2m executor`, which end with this value.
pub(crate) struct Cluster {
    port: u16,
    executors: Vec<Process>,
    scheduler: Process,
    logs: tempfile::TempDir,
}

/// A process that is killed when nobody needs it any more.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Cluster {
    /// Starts a scheduler and executors that read an installation and write below a folder, and
    /// waits until they serve.
    pub(crate) fn start(executors: usize, install: &Path, out: Option<&Path>) -> Self {
        let (port, logs) = (free_port(), tempfile::tempdir().unwrap());
        let listen = format!("127.0.0.1:{port}");
        let scheduler = spawn(&["scheduler", "--listen", &listen], &logs.path().join("scheduler"));
        let mut cluster = Self { port, executors: Vec::new(), scheduler, logs };
        cluster.wait("the scheduler", || accepts(port));
        for _ in 0..executors {
            cluster.add_executor(install, out);
        }
        cluster
    }

    /// Starts one more executor, and waits until it serves.
    pub(crate) fn add_executor(&mut self, install: &Path, out: Option<&Path>) {
        let (port, orders) = (free_port(), free_port());
        let (listen, orders_port) = (format!("127.0.0.1:{port}"), orders.to_string());
        let (scheduler, install) = (format!("127.0.0.1:{}", self.port), install.to_str().unwrap());
        let mut args = vec!["executor", "--scheduler", &scheduler, "--listen", &listen];
        args.extend([
            "--orders-port",
            &orders_port,
            "--install",
            install,
            "--workers",
            "1",
            "--memory",
            "128",
        ]);
        args.extend(out.iter().flat_map(|out| ["--out", out.to_str().unwrap()]));
        let log = self.logs.path().join(format!("executor-{port}"));
        self.executors.push(spawn(&args, &log));
        self.wait("an executor", || accepts(port) && accepts(orders) && is_ready(self.port));
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the executor that was started first.
    pub(crate) fn kill_executor(&mut self) {
        drop(self.executors.remove(0));
    }

    /// Runs `m2m` on the cluster, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&[args, &["--cluster", &self.url()]].concat())
    }

    fn wait(&self, what: &str, mut serves: impl FnMut() -> bool) {
        let began = Instant::now();
        while !serves() {
            assert!(began.elapsed() < PATIENCE, "{what} does not serve\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// What the processes said.
    pub(crate) fn log(&self) -> String {
        let entries = fs::read_dir(self.logs.path()).unwrap().map(|entry| entry.unwrap().path());
        let text = |path: &Path| fs::read_to_string(path).unwrap();
        let part = |path: std::path::PathBuf| format!("--- {}\n{}", path.display(), text(&path));
        let id = self.scheduler.0.id();
        format!("scheduler is process {id}\n{}", entries.map(part).collect::<String>())
    }
}

fn spawn(args: &[&str], log: &Path) -> Process {
    let log = File::create(log).unwrap();
    let mut command: Command = m2m(args);
    command.stdout(log.try_clone().unwrap()).stderr(log);
    Process(command.spawn().unwrap())
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether a scheduler says that it has an executor.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let asked = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(asked).is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
}

/// A scheduler and an executor inside this process, which end with this value.
pub(crate) struct Standalone {
    port: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Standalone {
    /// Starts both, and waits until they serve.
    pub(crate) fn start() -> Self {
        let (port, listen, orders_port) = (free_port(), free_port(), free_port());
        let address = format!("127.0.0.1:{port}");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let scheduler = SchedulerOptions { listen: address.clone() };
        drop(runtime.spawn(async move { run_scheduler(&scheduler).await.unwrap() }));
        let executor = ExecutorOptions {
            scheduler: address,
            listen: format!("127.0.0.1:{listen}"),
            orders_port,
            host: None,
            workers: 1,
            memory_bytes: 128 << 20,
            work_folder: None,
            stores: Arc::new(DefaultObjectStoreRegistry::new()),
            outputs: Arc::new(OutputStorages::of(Storage::local(Path::new("/")).unwrap())),
            writes_below: None,
        };
        drop(runtime.spawn(async move { run_executor(executor).await.unwrap() }));
        let began = Instant::now();
        while !is_ready(port) {
            assert!(began.elapsed() < PATIENCE, "the executor does not serve");
            sleep(Duration::from_millis(20));
        }
        Self { port, runtime: Some(runtime) }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
