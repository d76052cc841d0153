// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::outcome as told;
use super::*;
use crate::engine::{Engine, running_on};
use crate::piece::Piece;
use crate::schema::{ID, SEGMENT_OFFSET, VECTOR};
use crate::testing::{Failure, TestInstall, counted, failure, query, session_over};

/// Runs here what it is asked to place, and counts the tallies.
#[derive(Debug, Default)]
struct Here(AtomicUsize);

impl Engine for Here {
    fn place(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.0.fetch_add(usize::from(plan.is::<TallyExec>()), Ordering::Relaxed);
        Ok(plan)
    }
}

fn again(outcome: Outcome) -> Outcome {
    told(&[row(outcome).unwrap()]).unwrap()
}

/// What the rows of segment 1 are, as a plan tells it.
async fn tally_of(install: &TestInstall, damage: impl FnOnce(&TestInstall)) -> Outcome {
    let source = install.open().await;
    let ctx = session_over(&source);
    let table = source.collection("c").unwrap();
    let rows = table.segments().await.unwrap()[0].rows;
    damage(install);
    let piece = Piece { segment: 0, rows: 0..rows };
    let scan = table.scan_pieces(vec![vec![piece]], &[ID, VECTOR, SEGMENT_OFFSET]).unwrap();
    let rows = collect(Arc::new(TallyExec::new(scan)), ctx.task_ctx()).await.unwrap();
    told(&rows).unwrap()
}

/// Vectors of lengths whose sum is no short number, some of which are not finite.
fn odd_vectors(rows: u64) -> Vec<u8> {
    let vector = |row: u64| match row % 7 {
        0 => [f32::NAN, 1.0],
        3 => [0.0, f32::NEG_INFINITY],
        5 => [0.0, 0.0],
        _ => [0.1 / f32::from(u16::try_from(row).unwrap()), 1.0 / 3.0],
    };
    (0..rows).flat_map(vector).flat_map(f32::to_le_bytes).collect()
}

#[tokio::test]
async fn a_tally_is_the_same_behind_its_row() {
    let some = TestInstall::float(2).segment("_default", 1, 3000, &[0, 1]);
    fs::write(some.file(1, "1.rv"), counted(&odd_vectors(3000))).unwrap();
    let plain = TestInstall::float(16).segment("_default", 1, 1, &[]);
    let mut tallies = vec![Tally::default()];
    for install in [some, plain] {
        tallies.push(tally_of(&install, |_| ()).await.unwrap());
    }
    assert_eq!(tallies.iter().map(|tally| tally.rows).collect::<Vec<_>>(), [0, 2998, 1]);
    assert_eq!(tallies[1].invalid.len(), 857);
    for tally in tallies {
        assert_eq!(again(Ok(tally.clone())).unwrap(), tally);
    }
}

#[test]
fn why_rows_cannot_be_read_is_the_same_behind_its_row() {
    for is_damage in [true, false] {
        let unread =
            again(Err(Unread::told("\"1.rv\"\nis missing \u{1f4a5}".into(), is_damage))).unwrap_err();
        assert_eq!((unread.text.as_str(), unread.is_damage), ("\"1.rv\"\nis missing \u{1f4a5}", is_damage));
        assert!(unread.error().to_string().ends_with("is missing \u{1f4a5}"));
    }
}

#[tokio::test]
async fn a_piece_that_cannot_be_read_yields_a_row_that_says_why() {
    let install = || TestInstall::float(2).segment("_default", 1, 5, &[]);
    let gone = |install: &TestInstall| fs::remove_file(install.file(1, "1.rv")).unwrap();
    let unread = tally_of(&install(), gone).await.unwrap_err();
    assert!(unread.is_damage && unread.text.contains("1.rv` is missing"), "{}", unread.text);
    let cut = |install: &TestInstall| fs::write(install.file(1, "1.rv"), counted(&[0; 39])).unwrap();
    let unread = tally_of(&install(), cut).await.unwrap_err();
    assert!(unread.is_damage && unread.text.contains("1.rv` are damaged"), "{}", unread.text);
    let changed = |install: &TestInstall| fs::write(install.file(1, "1.uid"), counted(&[0; 48])).unwrap();
    let unread = tally_of(&install(), changed).await.unwrap_err();
    assert!(!unread.is_damage && unread.text.contains("changed after"), "{}", unread.text);
}

#[test]
fn what_is_no_row_of_a_tally_is_an_error() {
    let of = |values: Vec<&[u8]>| {
        let column = BinaryArray::from_vec(values);
        told(&[RecordBatch::try_new(Arc::clone(&SCHEMA), vec![Arc::new(column)]).unwrap()])
    };
    let good = serde_json::to_vec(&Told::Tally(Box::default())).unwrap();
    assert!(of(vec![&good]).unwrap().is_ok());
    assert!(told(&[]).is_err());
    for values in [vec![], vec![&b"{}"[..]], vec![b"\xff"], vec![b""], vec![&good, &good], vec![&good[1..]]] {
        let error = of(values).unwrap_err().to_string();
        assert!(error.contains("expected one row that says what was counted"), "{error}");
    }
}

/// Has no tally run.
#[derive(Debug)]
struct Nowhere;

impl Engine for Nowhere {
    fn place(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
        match plan.is::<TallyExec>() {
            true => Err(DataFusionError::Execution("nobody is there".into())),
            false => Ok(plan),
        }
    }
}

#[tokio::test]
async fn an_engine_that_fails_is_no_problem_of_a_segment() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]);
    let source = install.open().await;
    let ctx = running_on(&session_over(&source), Arc::new(Nowhere));
    let error = failure(&ctx, "SELECT problem FROM measure.segments").await;
    assert!(error.contains("nobody is there"), "{error}");
    let ctx = session_over(&source);
    assert!(shown(&ctx, "segments").await.contains(" 5 "));
}

async fn shown(ctx: &SessionContext, table: &str) -> String {
    let rows = query(ctx, &format!("SELECT * FROM measure.{table} ORDER BY 1, 2, 3, 4")).await;
    pretty_format_batches(&rows).unwrap().to_string()
}

#[tokio::test]
async fn an_engine_counts_what_this_process_counts() {
    let install = TestInstall::float(2)
        .segment("_default", 1, 2000, &[1, 2])
        .segment("_default", 2, 20, &[])
        .segment("_default", 3, 20, &[])
        .segment("p", 4, 20, &[]);
    fs::write(install.file(1, "1.rv"), counted(&odd_vectors(2000))).unwrap();
    fs::copy(install.file(2, "2.uid"), install.file(4, "4.uid")).unwrap();
    let mut seen = Vec::new();
    for is_remote in [false, true] {
        let source = install.open().await;
        let engine = Arc::new(Here::default());
        let ctx = session_over(&source);
        let ctx = if is_remote { running_on(&ctx, Arc::clone(&engine) as _) } else { ctx };
        // The headers are known, and then the vectors of a segment are gone.
        source.measure_total("c").await.unwrap();
        let vectors = install.file(3, "3.rv");
        fs::rename(&vectors, vectors.with_extension("gone")).unwrap();
        let mut of = Vec::new();
        for table in ["segments", "norms", "invalid_rows"] {
            of.push(shown(&ctx, table).await);
        }
        fs::rename(vectors.with_extension("gone"), &vectors).unwrap();
        assert_eq!(engine.0.load(Ordering::Relaxed), if is_remote { 4 } else { 0 });
        // It was damaged, and stays so where it is known.
        let source = install.open().await;
        let ctx = session_over(&source);
        let ctx = if is_remote { running_on(&ctx, engine) } else { ctx };
        for table in ["repeats", "repeated_ids", "bloom_filters"] {
            of.push(shown(&ctx, table).await);
        }
        seen.push(of);
    }
    assert!(seen[0][0].contains("3.rv` is missing"), "{}", seen[0][0]);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_piece_that_fails_once_on_an_engine_is_counted_the_next_time() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 7, &[]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = running_on(&session_over(&source), Arc::new(Here::default()));
    source.measure_total("c").await.unwrap();
    bucket.fail("2.rv", Failure::Busy);
    let first = shown(&ctx, "segments").await;
    assert!(first.contains("2.rv") && first.contains("busy"), "{first}");
    let second = shown(&ctx, "segments").await;
    assert!(!second.contains("busy"), "{second}");
}
