// SPDX-License-Identifier: Apache-2.0

use datafusion::error::DataFusionError;
use datafusion::physical_plan::displayable;

use super::*;
use crate::manifest::FileEntry;
use crate::testing::{rows, text, with_column};
use crate::{check_checksums, check_import_file};

#[tokio::test]
async fn sets_have_as_many_rows_as_asked_and_the_last_has_the_rest() {
    for (set_rows, expected) in [
        (1, vec![1; 7]),
        (2, vec![2, 2, 2, 1]),
        (3, vec![3, 3, 1]),
        (6, vec![6, 1]),
        (7, vec![7]),
        (8, vec![7]),
        (u64::from(u32::MAX), vec![7]),
    ] {
        for format in [ImportFormat::Npy, ImportFormat::Parquet] {
            let target = Target::new();
            let batches = vec![rows("7", 0..3), rows("7", 3..3 + 1).slice(0, 0), rows("7", 3..7)];
            let files =
                target.stream_batches(batches, target.stream_options(format, set_rows)).await.unwrap();
            let per_set = if format == ImportFormat::Npy { 2 } else { 1 };
            let found: Vec<_> = files.chunks(per_set).map(|files| files[0].rows).collect();
            assert_eq!(found, expected, "{format} {set_rows}");
            assert_eq!(files.len(), target.files().len());
        }
    }
}

#[tokio::test]
async fn sets_are_named_after_their_first_rows() {
    let target = Target::new();
    let partitions =
        vec![vec![rows("7", 0..4), rows("7", 6..8)], vec![rows("8", 2..3), rows("8", 5..6), rows("9", 0..1)]];
    let files = target
        .stream(input(partitions, Then::End), target.stream_options(ImportFormat::Npy, 3))
        .await
        .unwrap();
    let expected = [
        "c/p/7-0/embedding.npy",
        "c/p/7-0/key.npy",
        "c/p/7-3/embedding.npy",
        "c/p/7-3/key.npy",
        "c/p/8-2/embedding.npy",
        "c/p/8-2/key.npy",
    ];
    assert_eq!(names(&files), expected);
    assert_eq!(target.files(), expected.map(PathBuf::from));
    assert_eq!(target.array::<i64>("c/p/7-3/key.npy"), [1003, 1006, 1007]);
    assert_eq!(target.array::<f32>("c/p/8-2/embedding.npy"), [2., 2.5, -2., 5., 5.5, -5., 0., 0.5, 0.]);
    assert_eq!(files[2].segments, ["7"]);
    assert_eq!(files[4].segments, ["8", "9"]);
    assert_eq!(files[4].set, "c/p/8-2");
}

#[tokio::test]
async fn sets_with_numbers_need_no_origin() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Parquet, 2);
    options.naming = SetNaming::Numbered;
    let batch = rows("7", 0..5).project(&[0, 1]).unwrap();
    let files = target.stream_batches(vec![batch], options).await.unwrap();
    assert_eq!(names(&files), ["c/p/1.parquet", "c/p/2.parquet", "c/p/3.parquet"]);
    assert!(files.iter().all(|file| file.segments.is_empty()));
}

#[tokio::test]
async fn sets_with_numbers_come_from_one_partition() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 2);
    options.naming = SetNaming::Numbered;
    let scan = input(vec![vec![rows("7", 0..3)], vec![rows("8", 0..2)]], Then::End);
    let error = target.stream(Arc::clone(&scan), options.clone()).await.unwrap_err();
    assert!(cause(error).ends_with("expected an input of one partition for sets with numbers, found 2"));
    // The engine gathers partitions when it is let.
    let state = target.ctx.state();
    let mut plan: Arc<dyn ExecutionPlan> = Arc::new(StreamWriteExec::try_new(scan, options).unwrap());
    for rule in state.physical_optimizers() {
        plan = rule.optimize(plan, state.config_options()).unwrap();
    }
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    let names: Vec<_> = shown.lines().map(|line| line.trim().split(':').next().unwrap()).collect();
    assert_eq!(names, ["StreamWriteExec", "CoalescePartitionsExec", "StreamingTableExec"]);
    assert_eq!(target.run(plan).await.unwrap().len(), 6);
}

#[tokio::test]
async fn input_without_rows_gives_no_set() {
    for format in [ImportFormat::Npy, ImportFormat::Parquet] {
        let target = Target::new();
        let batches = vec![rows("7", 0..1).slice(0, 0)];
        let files = target.stream_batches(batches, target.stream_options(format, 2)).await.unwrap();
        assert_eq!(files, []);
        assert_eq!(target.files(), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn row_that_begins_two_sets_is_an_error() {
    let target = Target::new();
    let batches = vec![rows("7", 0..2), rows("7", 0..2)];
    let error =
        target.stream_batches(batches, target.stream_options(ImportFormat::Npy, 2)).await.unwrap_err();
    let expected = "cannot name a file set of collection `colours` after its first row: another set is named `7-0`, the row was read twice";
    assert_eq!(cause(error), expected);
    // The set that is whole stays.
    assert_eq!(target.files(), ["c/p/7-0/embedding.npy", "c/p/7-0/key.npy"].map(PathBuf::from));
}

#[tokio::test]
async fn row_of_no_segment_names_no_set() {
    let target = Target::new();
    let options = || target.stream_options(ImportFormat::Npy, 2);
    let missing: ArrayRef = Arc::new(arrow::array::StringArray::from(vec![None, Some("7")]));
    let batch = with_column(&rows("7", 0..2), "segment_id", missing);
    let error = target.stream_batches(vec![batch], options()).await.unwrap_err();
    assert!(cause(error).ends_with("expected `segment_id` and `segment_offset`, found null in entity 1000"));
    let batch = with_column(&rows("7", 0..2), "segment_id", text(&["../7", "7"]));
    let error = target.stream_batches(vec![batch], options()).await.unwrap_err();
    assert!(cause(error).ends_with("segment `../7` cannot name a file"));
    assert_eq!(target.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn written_files_are_described_as_they_are() {
    let checksums = [Checksum::Crc32c, Checksum::Sha256];
    for (format, checksum) in [ImportFormat::Npy, ImportFormat::Parquet]
        .iter()
        .flat_map(|format| checksums.map(|sum| (*format, sum)))
    {
        let target = Target::new();
        let mut options = target.stream_options(format, 700);
        options.part_bytes = 1000;
        options.checksum = checksum;
        let batches = (0..10).map(|at| rows("7", at * 100..at * 100 + 100)).collect();
        let files = target.stream_batches(batches, options).await.unwrap();
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>() % 1000, 0);
        for file in files {
            let bytes = target.bytes(&file.path);
            assert_eq!(
                (file.bytes, file.crc32c),
                (bytes.len() as u64, crc32c::crc32c(&bytes)),
                "{}",
                file.path
            );
            let entry = FileEntry::from(file);
            assert_eq!(entry.sha256.is_some(), checksum == Checksum::Sha256);
            check_import_file(&target.storage, &entry).await.unwrap();
            check_checksums(&target.storage, &entry).await.unwrap();
        }
    }
}

#[tokio::test]
async fn explain_and_metrics_show_what_is_written() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 3);
    options.fields.push(field("note", "note", FieldKind::Text { max_chars: 12, max_bytes: 30 }));
    let batch = with_column(&rows("7", 0..4), "note", text(&["a", "b", "c", "d"]));
    let folder = target.folder.path().display();
    let plan = |options| -> Arc<dyn ExecutionPlan> {
        let scan = input(vec![vec![batch.clone()]], Then::End);
        Arc::new(StreamWriteExec::try_new(scan, options).unwrap())
    };
    let shown = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
    let write = plan(options.clone());
    let expected = format!(
        "StreamWriteExec: collection=colours, format=npy, set_rows=3, files=[key.npy <i8 (N,), embedding.npy <f4 (N, 3), note.npy <U12 (N,)], to={folder}/c/p"
    );
    assert_eq!(shown(&write).lines().next(), Some(expected.as_str()));
    target.run(Arc::clone(&write)).await.unwrap();
    let metrics = write.metrics().unwrap();
    let sum = |name| metrics.sum_by_name(name).unwrap().as_usize();
    assert_eq!((sum("rows_written"), sum("bytes_written"), sum("files_written")), (4, 4 * (8 + 12 + 48), 6));

    options.format = ImportFormat::Parquet;
    options.fields[2].nullable = true;
    let write = plan(options);
    let expected = format!(
        "StreamWriteExec: collection=colours, format=parquet, set_rows=3, columns=[key Int64, embedding FloatVector(3), note VarChar(30) NULL], to={folder}/c/p"
    );
    assert_eq!(shown(&write).lines().next(), Some(expected.as_str()));
    let files = target.run(Arc::clone(&write)).await.unwrap();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let metrics = write.metrics().unwrap();
    assert_eq!(metrics.sum_by_name("bytes_written").unwrap().as_usize() as u64, bytes);

    let commit: Arc<dyn ExecutionPlan> = Arc::new(
        CommitExec::of_fields(write, vec!["key".into(), "note".into()], ImportFormat::Parquet).unwrap(),
    );
    assert_eq!(shown(&commit).lines().next(), Some("CommitExec: format=parquet, fields=[key, note]"));
}

fn file(set: &str, field: &str, rows: u64) -> WrittenFile {
    WrittenFile {
        set: format!("c/p/{set}"),
        path: format!("c/p/{set}/{field}"),
        field: field.into(),
        rows,
        bytes: 0,
        crc32c: 0,
        sha256: None,
        dtype: "<i8".into(),
        width: None,
        segments: vec![],
    }
}

async fn commit(format: ImportFormat, files: &[WrittenFile]) -> Result<usize, String> {
    let batches = (0..files.len()).map(|at| WrittenFile::to_batch(&files[at..=at]).unwrap());
    let scan = input(vec![batches.collect()], Then::End);
    let commit = CommitExec::of_fields(scan, vec!["key".into(), "embedding".into()], format).unwrap();
    Target::new().run(Arc::new(commit)).await.map(|files| files.len()).map_err(cause)
}

#[tokio::test]
async fn sets_that_are_not_whole_are_not_committed() {
    let whole =
        [file("1", "key", 3), file("1", "embedding", 3), file("2", "embedding", 1), file("2", "key", 1)];
    assert_eq!(commit(ImportFormat::Npy, &whole).await, Ok(4));
    let refused = async |change: fn(&mut Vec<WrittenFile>), expected: &str| {
        let mut files = whole.to_vec();
        change(&mut files);
        let error = commit(ImportFormat::Npy, &files).await.unwrap_err();
        assert_eq!(error, format!("file set `c/p/1` is not as planned: {expected}"));
    };
    refused(|files| drop(files.remove(1)), "expected files for embedding, key, found files for key").await;
    refused(
        |files| files.push(file("1", "key", 3)),
        "expected files for embedding, key, found files for embedding, key, key",
    )
    .await;
    refused(
        |files| files[1].field = "other".into(),
        "expected files for embedding, key, found files for key, other",
    )
    .await;
    refused(|files| files[1].rows = 2, "expected 3 rows, found 2 in `c/p/1/embedding`").await;
    refused(|files| (files[0].rows, files[1].rows) = (0, 0), "expected a row at least, found 0 rows").await;
}

#[tokio::test]
async fn parquet_sets_are_one_file() {
    let whole = [file("1", "", 3), file("2", "", 1)];
    assert_eq!(commit(ImportFormat::Parquet, &whole).await, Ok(2));
    let error = commit(ImportFormat::Parquet, &[file("1", "", 3), file("1", "", 3)]).await.unwrap_err();
    assert!(error.ends_with("expected one file for all fields, found 2 files for all fields"), "{error}");
    let error = commit(ImportFormat::Parquet, &[file("1", "key", 3)]).await.unwrap_err();
    assert!(error.ends_with("expected one file for all fields, found files for key"), "{error}");
}

#[test]
fn commit_wants_one_partition_of_written_files() {
    let scan = || input(vec![vec![rows("7", 0..3)], vec![rows("8", 0..2)]], Then::End);
    let error = CommitExec::of_fields(scan(), vec![], ImportFormat::Npy).unwrap_err();
    assert!(cause(error).starts_with("cannot read the list of written files"));
    let target = Target::new();
    let write = StreamWriteExec::try_new(scan(), target.stream_options(ImportFormat::Npy, 3)).unwrap();
    let commit = CommitExec::of_fields(Arc::new(write), vec![], ImportFormat::Npy).unwrap();
    let error = commit.execute(0, target.ctx.task_ctx()).map(drop).unwrap_err();
    assert!(matches!(error, DataFusionError::Internal(_)), "{error}");
}
