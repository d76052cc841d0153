// SPDX-License-Identifier: Apache-2.0

use datafusion::physical_plan::execution_plan::execute_stream;
use futures::StreamExt;

use super::*;
use crate::testing::rows;

const FORMATS: [ImportFormat; 2] = [ImportFormat::Npy, ImportFormat::Parquet];

/// Two partitions of two segments each, in batches that end nowhere near a set.
fn partitions() -> Vec<Vec<RecordBatch>> {
    let of = |first: &str, second: &str| {
        vec![
            rows(first, 0..3),
            rows(first, 3..4),
            rows(first, 10..21),
            rows(second, 2..9),
            rows(second, 9..13),
        ]
    };
    vec![of("7", "8"), of("9", "10")]
}

/// The same batches, the last of which never come.
fn cut_partitions(batches: usize) -> Vec<Vec<RecordBatch>> {
    partitions().into_iter().map(|partition| partition.into_iter().take(batches).collect()).collect()
}

/// Runs until the input fails, and returns the files of sets that were complete.
async fn stopped(target: &Target, batches: usize, options: StreamWriteOptions) -> Vec<WrittenFile> {
    let write = StreamWriteExec::try_new(input(cut_partitions(batches), Then::Fail), options).unwrap();
    let write: Arc<dyn ExecutionPlan> = Arc::new(write);
    let mut files = Vec::new();
    for partition in 0..2 {
        let mut stream = write.execute(partition, target.ctx.task_ctx()).unwrap();
        while let Some(Ok(batch)) = stream.next().await {
            files.extend(WrittenFile::from_batches(&[batch]).unwrap());
        }
    }
    files
}

/// The content of every file.
fn contents(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| (path.clone(), std::fs::read(target.folder.path().join(path)).unwrap());
    target.files().into_iter().map(read).collect()
}

#[tokio::test]
async fn run_that_goes_on_gives_the_files_of_one_that_was_not_stopped() {
    for (format, checksum) in
        [(FORMATS[0], Checksum::Crc32c), (FORMATS[0], Checksum::Sha256), (FORMATS[1], Checksum::Sha256)]
    {
        for set_rows in [1, 2, 5, 11, 26, 100] {
            let options =
                |target: &Target| StreamWriteOptions { checksum, ..target.stream_options(format, set_rows) };
            let whole = Target::new();
            let files = whole.stream(input(partitions(), Then::End), options(&whole)).await.unwrap();
            for batches in 0..5 {
                let target = Target::new();
                let finished = stopped(&target, batches.max(1), options(&target)).await;
                let mut again = options(&target);
                again.finished = finished.clone();
                let found = target.stream(input(partitions(), Then::End), again).await.unwrap();
                assert_eq!(found, files, "{format} {set_rows} {batches}");
                assert!(contents(&target) == contents(&whole), "{format} {set_rows} {batches}");
            }
        }
    }
}

#[tokio::test]
async fn run_that_was_stopped_twice_goes_on_twice() {
    for format in FORMATS {
        let whole = Target::new();
        let options = whole.stream_options(format, 4);
        let files = whole.stream(input(partitions(), Then::End), options).await.unwrap();
        let target = Target::new();
        let mut options = target.stream_options(format, 4);
        options.finished = stopped(&target, 1, options.clone()).await;
        options.finished = stopped(&target, 3, options.clone()).await;
        assert!(!options.finished.is_empty());
        assert_eq!(target.stream(input(partitions(), Then::End), options).await.unwrap(), files);
        assert!(contents(&target) == contents(&whole), "{format}");
    }
}

#[tokio::test]
async fn finished_sets_are_not_written_and_not_counted() {
    for format in FORMATS {
        let target = Target::new();
        let mut options = target.stream_options(format, 10);
        let files = target.stream(input(partitions(), Then::End), options.clone()).await.unwrap();
        let full: Vec<_> = files.iter().filter(|file| file.rows == 10).cloned().collect();
        for file in &full {
            std::fs::write(target.folder.path().join(&file.path), "stays").unwrap();
        }
        options.finished = full.clone();
        let write: Arc<dyn ExecutionPlan> =
            Arc::new(StreamWriteExec::try_new(input(partitions(), Then::End), options).unwrap());
        let mut found = Vec::new();
        for partition in 0..2 {
            let stream = write.execute(partition, target.ctx.task_ctx()).unwrap();
            let batches: Vec<_> = stream.map(Result::unwrap).collect().await;
            found.extend(WrittenFile::from_batches(&batches).unwrap());
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(found, files);
        for (path, bytes) in contents(&target) {
            let is_full = full.iter().any(|file| path.as_os_str() == file.path.as_str());
            assert_eq!(bytes == b"stays", is_full, "{}", path.display());
        }
        let metrics = write.metrics().unwrap();
        let sum = |name| metrics.sum_by_name(name).unwrap().as_usize();
        let new: Vec<_> = files.iter().filter(|file| file.rows != 10).collect();
        // 26 rows in each of two partitions.
        assert_eq!((sum("rows_written"), sum("files_written")), (12, new.len()));
        let headers = if format == ImportFormat::Npy { 128 * new.len() } else { 0 };
        let bytes: u64 = new.iter().map(|file| file.bytes).sum();
        assert_eq!(sum("bytes_written") + headers, usize::try_from(bytes).unwrap());
    }
}

#[tokio::test]
async fn finished_set_of_other_rows_is_an_error() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Parquet, 26);
    let files = target.stream(input(partitions(), Then::End), options.clone()).await.unwrap();
    options.finished = files;
    // The same first row, and then rows of another segment.
    let batches = vec![rows("7", 0..3), rows("11", 0..40)];
    let error = target.stream_batches(batches, options.clone()).await.unwrap_err();
    let expected = "file set `c/p/7-0` of an earlier run has other rows: expected rows of `7`, `8`, found rows of `11`, `7`; the source has changed, dump again from the beginning";
    assert_eq!(cause(error), expected);
    let error = target.stream_batches(vec![rows("7", 0..3)], options).await.unwrap_err();
    assert_eq!(cause(error), "rows of file set `c/p/7-0` ended early: expected 26, found 3");
}

#[tokio::test]
async fn finished_set_that_is_met_twice_is_an_error() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 2);
    options.finished = target.stream_batches(vec![rows("7", 0..2)], options.clone()).await.unwrap();
    let batches = vec![rows("7", 0..2), rows("7", 0..2)];
    let error = target.stream_batches(batches, options).await.unwrap_err();
    assert!(cause(error).ends_with("another set is named `7-0`, the row was read twice"));
}

#[tokio::test]
async fn error_behind_a_finished_set_leaves_it_alone() {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 2);
    options.finished = target.stream_batches(vec![rows("7", 0..2)], options.clone()).await.unwrap();
    let before = contents(&target);
    let scan = input(vec![vec![rows("7", 0..3)]], Then::Fail);
    assert!(cause(target.stream(scan, options.clone()).await.unwrap_err()).contains("the disk is gone"));
    assert_eq!(contents(&target), before);
    // And while its rows are passed over.
    let scan = input(vec![vec![rows("7", 0..1)]], Then::Hang);
    let write = Arc::new(StreamWriteExec::try_new(scan, options).unwrap());
    let mut stream = execute_stream(write, target.ctx.task_ctx()).unwrap();
    let next = tokio::time::timeout(std::time::Duration::from_millis(50), stream.next()).await;
    assert!(next.is_err());
    drop(stream);
    assert_eq!(contents(&target), before);
}

/// The reason why these files cannot be finished.
async fn refused(format: ImportFormat, change: impl FnOnce(&mut StreamWriteOptions)) -> String {
    let target = Target::new();
    let mut options = target.stream_options(format, 3);
    options.finished = target.stream_batches(vec![rows("7", 0..6)], options.clone()).await.unwrap();
    change(&mut options);
    let error = StreamWriteExec::try_new(input(vec![vec![rows("7", 0..6)]], Then::End), options).unwrap_err();
    let error = cause(error);
    let reason = error.strip_prefix("cannot plan the import files of `colours`: ");
    reason.unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[tokio::test]
async fn sets_that_contradict_the_options_are_refused() {
    let npy = ImportFormat::Npy;
    assert_eq!(
        refused(npy, |options| options.set_rows = 4).await,
        "expected 4 rows of <f4 for `embedding` in 176 bytes in finished file `c/p/7-0/embedding.npy`, found 3 rows of <f4 for `embedding` in 164 bytes"
    );
    assert_eq!(
        refused(npy, |options| options.finished[1].rows = 2).await,
        "expected 3 rows of <i8 for `key` in 152 bytes in finished file `c/p/7-0/key.npy`, found 2 rows of <i8 for `key` in 152 bytes"
    );
    assert_eq!(
        refused(npy, |options| options.finished[1].bytes -= 1).await,
        "expected 3 rows of <i8 for `key` in 152 bytes in finished file `c/p/7-0/key.npy`, found 3 rows of <i8 for `key` in 151 bytes"
    );
    assert_eq!(
        refused(npy, |options| options.finished[1].dtype = "<f8".into()).await,
        "expected 3 rows of <i8 for `key` in 152 bytes in finished file `c/p/7-0/key.npy`, found 3 rows of <f8 for `key` in 152 bytes"
    );
    assert_eq!(
        refused(npy, |options| options.finished[1].field = "other".into()).await,
        "expected 3 rows of <i8 for `key` in 152 bytes in finished file `c/p/7-0/key.npy`, found 3 rows of <i8 for `other` in 152 bytes"
    );
    assert_eq!(
        refused(npy, |options| options.checksum = Checksum::Sha256).await,
        "expected a SHA-256 of finished file `c/p/7-0/embedding.npy`, found none"
    );
    assert_eq!(
        refused(npy, |options| options.naming = SetNaming::Numbered).await,
        "file set `c/p/7-0` cannot be finished already: sets with numbers begin anew"
    );
}

#[tokio::test]
async fn sets_with_other_files_are_refused() {
    let of_set = |files: &str| {
        format!(
            "expected files `c/p/7-0/embedding.npy`, `c/p/7-0/key.npy` of finished file set `c/p/7-0`, found {files}"
        )
    };
    let npy = ImportFormat::Npy;
    let reason = refused(npy, |options| drop(options.finished.remove(0))).await;
    assert_eq!(reason, of_set("`c/p/7-0/key.npy`"));
    let reason = refused(npy, |options| options.finished.push(options.finished[1].clone())).await;
    assert_eq!(reason, of_set("`c/p/7-0/embedding.npy`, `c/p/7-0/key.npy`, `c/p/7-0/key.npy`"));
    let reason = refused(npy, |options| options.finished[1].path = "c/p/7-3/key.npy".into()).await;
    assert_eq!(reason, of_set("`c/p/7-0/embedding.npy`, `c/p/7-3/key.npy`"));
    let reason = refused(npy, |options| options.fields.truncate(1)).await;
    assert_eq!(
        reason,
        "expected files `c/p/7-0/key.npy` of finished file set `c/p/7-0`, found `c/p/7-0/embedding.npy`, `c/p/7-0/key.npy`"
    );
    // Of another format.
    let reason = refused(npy, |options| options.format = ImportFormat::Parquet).await;
    assert_eq!(
        reason,
        "expected files `c/p/7-0.parquet` of finished file set `c/p/7-0`, found `c/p/7-0/embedding.npy`, `c/p/7-0/key.npy`"
    );
    let reason = refused(ImportFormat::Parquet, |options| options.finished[0].rows = 4).await;
    assert_eq!(
        reason,
        "expected 3 rows of parquet for `` in finished file `c/p/7-0.parquet`, found 4 rows of parquet for ``"
    );
}

#[tokio::test]
async fn sets_outside_of_the_folder_are_refused() {
    for name in ["c/q/7-0", "c/p", "c/p/", "c/p/../7-0", "c/p/a/b", "c/pp/7-0", "/c/p/7-0", "c/p/..", ""] {
        for format in FORMATS {
            let reason = refused(format, |options| {
                options.finished.iter_mut().for_each(|file| file.set = name.into());
            })
            .await;
            assert_eq!(reason, format!("expected finished file sets in `c/p`, found `{name}`"));
        }
    }
}
