// SPDX-License-Identifier: Apache-2.0

use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::displayable;

use super::*;
use crate::NpyWriteExec;
use crate::testing::{Target, Then, cause, input, rows, set};

fn file(set: &str, field: &str, rows: u64) -> WrittenFile {
    WrittenFile {
        set: format!("c/p/{set}"),
        path: format!("c/p/{set}/{field}.npy"),
        field: field.into(),
        rows,
        bytes: 0,
        crc32c: 0,
        dtype: "<i8".into(),
        width: None,
        segments: vec![set.into()],
    }
}

async fn commit(files: &[WrittenFile], sets: Vec<FileSet>) -> DFResult<Vec<WrittenFile>> {
    let batches = (0..files.len()).map(|at| WrittenFile::to_batch(&files[at..=at]).unwrap());
    let scan = input(vec![batches.collect()], Then::End);
    Target::new().run(Arc::new(CommitExec::of_sets(scan, sets)?)).await
}

fn sets() -> Vec<FileSet> {
    vec![set("7", 3, "7", 0), set("8", 2, "8", 0)]
}

fn files() -> Vec<WrittenFile> {
    vec![file("8", "key", 2), file("8", "embedding", 2), file("7", "key", 3), file("7", "embedding", 3)]
}

async fn refused(change: impl FnOnce(&mut Vec<WrittenFile>), expected: &str) {
    let mut files = files();
    change(&mut files);
    assert_eq!(cause(commit(&files, sets()).await.unwrap_err()), expected);
}

#[tokio::test]
async fn files_as_planned_come_out_sorted() {
    let committed = commit(&files(), sets()).await.unwrap();
    let paths: Vec<_> = committed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["c/p/7/embedding.npy", "c/p/7/key.npy", "c/p/8/embedding.npy", "c/p/8/key.npy"]);
}

#[tokio::test]
async fn set_that_was_not_written_is_an_error() {
    let expected = "file set `c/p/8` is not as planned: expected 2 rows, found no file";
    refused(|files| drop(files.drain(..2)), expected).await;
}

#[tokio::test]
async fn set_that_was_written_twice_is_an_error() {
    let expected = "file set `c/p/8` is not as planned: expected one file for each of embedding, key, found files for embedding, embedding, key, key";
    refused(|files| files.extend_from_within(..2), expected).await;
    let expected = "file set `c/p/7` is not as planned: expected one file for each of embedding, embedding, key, key, found files for embedding, embedding, key, key";
    refused(|files| files.extend_from_within(2..), expected).await;
}

#[tokio::test]
async fn set_without_one_of_its_files_is_an_error() {
    let expected = "file set `c/p/8` is not as planned: expected one file for each of embedding, key, found files for embedding";
    refused(|files| drop(files.remove(0)), expected).await;
}

#[tokio::test]
async fn set_with_other_rows_is_an_error() {
    let expected = "file set `c/p/8` is not as planned: expected 2 rows, found 1 in `c/p/8/key.npy`";
    refused(|files| files[0].rows = 1, expected).await;
}

#[tokio::test]
async fn set_that_was_not_planned_is_an_error() {
    let expected = "file set `c/p/9` is not as planned: expected no such set, found 1 files";
    refused(|files| files.push(file("9", "key", 1)), expected).await;
}

#[test]
fn input_that_lists_no_files_is_refused_when_planning() {
    let error = CommitExec::of_sets(input(vec![vec![rows("7", 0..1)]], Then::End), sets()).unwrap_err();
    assert!(cause(error).starts_with("cannot read the list of written files: expected columns set Utf8"));
}

#[tokio::test]
async fn partitions_are_written_side_by_side_and_committed_once() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..3)], vec![rows("8", 0..2)]], Then::End);
    let write = Arc::new(NpyWriteExec::try_new(scan, target.options(sets())).unwrap());
    let gather = Arc::new(CoalescePartitionsExec::new(write));
    let commit = Arc::new(CommitExec::of_sets(gather, sets()).unwrap());
    assert_eq!(target.run(commit).await.unwrap().len(), 4);
}

#[tokio::test]
async fn optimizer_puts_a_gathering_below_and_nothing_else() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..3)], vec![rows("8", 0..2)]], Then::End);
    let write = Arc::new(NpyWriteExec::try_new(scan, target.options(sets())).unwrap());
    let commit = CommitExec::of_sets(write, sets()).unwrap();
    let state = target.ctx.state();
    let mut plan: Arc<dyn ExecutionPlan> = Arc::new(commit);
    for rule in state.physical_optimizers() {
        plan = rule.optimize(plan, state.config_options()).unwrap();
    }
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    let names: Vec<_> = shown.lines().map(|line| line.trim().split(':').next().unwrap()).collect();
    assert_eq!(names, ["CommitExec", "CoalescePartitionsExec", "NpyWriteExec", "StreamingTableExec"]);
    assert_eq!(shown.lines().next(), Some("CommitExec: sets=2, rows=5"));
    assert_eq!(target.run(plan).await.unwrap().len(), 4);
}

#[test]
fn input_of_many_partitions_is_an_internal_error() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..3)], vec![rows("8", 0..2)]], Then::End);
    let write = Arc::new(NpyWriteExec::try_new(scan, target.options(sets())).unwrap());
    let commit = CommitExec::of_sets(write, sets()).unwrap();
    let error = commit.execute(0, target.ctx.task_ctx()).map(drop).unwrap_err();
    assert!(matches!(error, DataFusionError::Internal(_)), "{error}");
}
