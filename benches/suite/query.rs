// SPDX-License-Identifier: Apache-2.0
//! Questions to DuckDB (over the same rows as Parquet) and to numpy (over the same bytes):
//! exact top-10, the row of an id, a count. Everybody is asked everything twice in one
//! process, and the second time counts: starting a program is another question.

use std::cell::RefCell;
use std::path::Path;

use super::contest::{Contest, Outcome, Run, Runner};
use super::install::Install;
use super::settings::{Settings, m2m};

const DIMENSION: u64 = 128;
const SEGMENTS: u64 = 8;
/// The questions, in the order in which everybody is asked.
const QUESTIONS: [&str; 3] = ["exact top-10 by `l2_distance`", "the row of an id", "`count(*)`"];

pub(crate) fn run(settings: &Settings) -> Vec<Outcome> {
    let rows = (settings.mib << 20) / (DIMENSION * 4) / SEGMENTS;
    let folder = tempfile::tempdir().unwrap();
    let mut install = Install::new(folder.path());
    install.collection("big", u32::try_from(DIMENSION).unwrap()).large_segments(SEGMENTS, rows, 0).finish();
    let install = folder.path();
    let prepared = settings.peer(&["prepare", install.to_str().unwrap()]).status().unwrap();
    assert!(prepared.success(), "the rows as Parquet");

    let wanted = rows * SEGMENTS / 2 + 7;
    let (own, duckdb, numpy) = (Answers::new(), Answers::new(), Answers::new());
    let hold = |(at, job)| {
        let data = format!("{} MiB, float {DIMENSION}, {SEGMENTS} segments", settings.mib);
        // Only what is asked for vectors goes through all of them.
        let bytes = (at == 0).then_some(settings.mib << 20);
        let contest = Contest { job, data, bytes, runs: settings.runs };
        let peers = vec![
            Runner::new("DuckDB", || duckdb.next(at, || peer(settings, install, "duckdb"))),
            Runner::new("numpy", || numpy.next(at, || peer(settings, install, "numpy"))),
        ];
        contest.hold(Runner::new("m2m", || own.next(at, || ask(install, wanted))), peers)
    };
    QUESTIONS.into_iter().enumerate().map(hold).collect()
}

/// What one of them answered, each time; all questions are asked at once.
struct Answers {
    rounds: RefCell<Vec<Vec<Run>>>,
    taken: RefCell<[usize; QUESTIONS.len()]>,
}

impl Answers {
    fn new() -> Self {
        Self { rounds: RefCell::default(), taken: RefCell::default() }
    }

    /// The next answer to a question. The first question of a round asks them all.
    fn next(&self, question: usize, ask: impl Fn() -> Vec<Run>) -> Run {
        let round = self.taken.borrow()[question];
        self.taken.borrow_mut()[question] += 1;
        if round == self.rounds.borrow().len() {
            self.rounds.borrow_mut().push(ask());
        }
        self.rounds.borrow()[round][question].clone()
    }
}

/// Asks m2m, which says how long each statement took.
fn ask(install: &Path, id: u64) -> Vec<Run> {
    let query = (0..DIMENSION).map(|at| format!("{}", component(at))).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT id FROM big ORDER BY l2_distance(vector, [{query}]), id LIMIT 10;
         SELECT id, vector FROM big WHERE id = {id};
         SELECT count(*) FROM big"
    );
    let twice = format!("{sql}; {sql}");
    let args = ["sql", "--timing", "--format", "csv", "--install", install.to_str().unwrap(), &twice];
    let output = m2m(&args).output().unwrap();
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert!(output.status.success(), "{said}");
    let seconds =
        said.lines().filter_map(|line| line.strip_prefix("time: ")?.split(' ').next()?.parse().ok());
    let ids: Vec<&str> = printed.lines().skip(1).take(10).collect();
    runs(seconds.skip(QUESTIONS.len()), &ids.join(" "))
}

/// Has a peer ask the same questions.
fn peer(settings: &Settings, install: &Path, what: &str) -> Vec<Run> {
    let output = settings.peer(&[what, install.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let mut lines = printed.lines();
    let seconds = lines.next().unwrap_or_default().split_whitespace().map(|word| word.parse().unwrap());
    runs(seconds, lines.next().unwrap_or_default())
}

/// The nearest ids must be the same for all.
fn runs(seconds: impl Iterator<Item = f64>, ids: &str) -> Vec<Run> {
    let result = |at| (at == 0).then(|| ids.to_owned());
    let runs: Vec<Run> = seconds
        .enumerate()
        .map(|(at, seconds)| Run { seconds, peak_mib: None, result: result(at) })
        .collect();
    assert_eq!(runs.len(), QUESTIONS.len());
    runs
}

/// The query, the same in `tools/peers.py`.
fn component(at: u64) -> f64 {
    1.0 + at as f64 / DIMENSION as f64
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
