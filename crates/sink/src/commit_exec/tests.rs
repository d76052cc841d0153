// SPDX-License-Identifier: Apache-2.0

use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::displayable;
use futures::StreamExt;

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
        sha256: None,
        dtype: "<i8".into(),
        width: None,
        segments: vec![set.into()],
    }
}

/// A batch for each file, through the node.
fn commit_exec(files: &[WrittenFile], then: Then) -> DFResult<CommitExec> {
    let batches = (0..files.len()).map(|at| WrittenFile::to_batch(&files[at..=at]).unwrap());
    CommitExec::of_sets(input(vec![batches.collect()], then), sets())
}

async fn commit(files: &[WrittenFile]) -> DFResult<Vec<WrittenFile>> {
    Target::new().run(Arc::new(commit_exec(files, Then::End)?)).await
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
    assert_eq!(cause(commit(&files).await.unwrap_err()), expected);
}

#[tokio::test]
async fn files_as_planned_come_out_in_the_order_of_writing() {
    assert_eq!(commit(&files()).await.unwrap(), files());
}

#[tokio::test]
async fn files_come_out_before_the_input_ends() {
    let commit = commit_exec(&files()[..3], Then::Hang).unwrap();
    assert_eq!(commit.properties().emission_type, EmissionType::Incremental);
    let stream = commit.execute(0, Target::new().ctx.task_ctx()).unwrap();
    let batches: Vec<_> = stream.take(3).try_collect().await.unwrap();
    assert_eq!(WrittenFile::from_batches(&batches).unwrap(), files()[..3]);
}

#[tokio::test]
async fn what_is_wrong_with_the_whole_is_said_behind_the_last_file() {
    let commit = commit_exec(&files()[..3], Then::End).unwrap();
    let stream = commit.execute(0, Target::new().ctx.task_ctx()).unwrap();
    let (mut batches, mut results) = (Vec::new(), stream.collect::<Vec<_>>().await);
    let last = results.pop().unwrap();
    results.into_iter().for_each(|batch| batches.push(batch.unwrap()));
    assert_eq!(WrittenFile::from_batches(&batches).unwrap(), files()[..3]);
    let expected = "file set `c/p/8` is not as planned: expected one file for each of key, found files for embedding, key";
    assert_eq!(cause(last.unwrap_err()), expected);
}

#[tokio::test]
async fn error_of_the_input_ends_the_files() {
    let commit = commit_exec(&files(), Then::Fail).unwrap();
    let stream = commit.execute(0, Target::new().ctx.task_ctx()).unwrap();
    let results = stream.collect::<Vec<_>>().await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, true, false]);
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
