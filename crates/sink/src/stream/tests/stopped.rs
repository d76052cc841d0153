// SPDX-License-Identifier: Apache-2.0

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execution_plan::execute_stream;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt, TryStreamExt};
use tokio::time::{Duration, timeout};

use super::column::Job;
use super::set::Places;
use super::writer::written_files;
use super::*;
use crate::Error;
use crate::header_last::FilePlace;
use crate::partition_writer::Progress;
use crate::testing::{Fault, Watch, WatchedParts, rows};

/// The writing of batches through watched parts.
fn stream(
    target: &Target,
    batches: Vec<RecordBatch>,
    then: Then,
    options: StreamWriteOptions,
    fault: Option<Fault>,
    watch: &Arc<Watch>,
) -> SendableRecordBatchStream {
    let scan = input(vec![batches], then);
    let job = Arc::new(Job::of_options(options, &scan.schema()).unwrap());
    let (storage, watch) = (target.storage.clone(), Arc::clone(watch));
    let places: Places = Arc::new(move |path, part_bytes| {
        let parts = Arc::new(WatchedParts::new(&storage, part_bytes, fault, &watch));
        FilePlace { parts, ..FilePlace::of_storage(&storage, path, part_bytes) }
    });
    let progress = Progress::new(&ExecutionPlanMetricsSet::new(), 0);
    written_files(job, places, execute_stream(scan, target.ctx.task_ctx()).unwrap(), progress)
}

pub(super) async fn watched(
    target: &Target,
    batches: Vec<RecordBatch>,
    then: Then,
    options: StreamWriteOptions,
    fault: Option<Fault>,
    watch: &Arc<Watch>,
) -> DFResult<Vec<WrittenFile>> {
    let batches: Vec<_> = stream(target, batches, then, options, fault, watch).try_collect().await?;
    Ok(WrittenFile::from_batches(&batches)?)
}

fn options(target: &Target, format: ImportFormat, part_bytes: usize) -> StreamWriteOptions {
    StreamWriteOptions { part_bytes, ..target.stream_options(format, 100) }
}

#[tokio::test]
async fn failing_input_leaves_nothing_of_the_set() {
    for format in [ImportFormat::Npy, ImportFormat::Parquet] {
        for (rows_before, sets) in [(3, 0), (99, 0), (100, 1), (150, 1)] {
            let target = Target::new();
            let options = options(&target, format, 400);
            let batch = rows("7", 0..rows_before);
            let error =
                watched(&target, vec![batch], Then::Fail, options, None, &Arc::default()).await.unwrap_err();
            assert!(cause(error).contains("the disk is gone"));
            let files = if format == ImportFormat::Npy { 2 } else { 1 };
            assert_eq!(target.files().len(), sets * files, "{format} {rows_before}: {:?}", target.files());
        }
    }
}

#[tokio::test]
async fn failing_store_leaves_nothing_of_the_set() {
    let npy = [
        Fault::Begin("key.npy"),
        Fault::Begin("embedding.npy"),
        Fault::Part("key.npy", 0),
        Fault::Part("key.npy", 1),
        Fault::Part("embedding.npy", 0),
        Fault::Part("embedding.npy", 3),
        Fault::Complete("key.npy"),
        Fault::Complete("embedding.npy"),
    ];
    let parquet = [
        Fault::Begin(".parquet"),
        Fault::Part(".parquet", 0),
        Fault::Part(".parquet", 2),
        Fault::Complete(".parquet"),
    ];
    let cases = npy.map(|fault| (ImportFormat::Npy, fault)).into_iter();
    for (format, fault) in cases.chain(parquet.map(|fault| (ImportFormat::Parquet, fault))) {
        let target = Target::new();
        let options = options(&target, format, 400);
        let batches = vec![rows("7", 0..50), rows("7", 50..100)];
        let error =
            watched(&target, batches, Then::End, options, Some(fault), &Arc::default()).await.unwrap_err();
        let DataFusionError::External(error) = error else { panic!("{error}") };
        let error = error.downcast::<Error>().unwrap();
        assert!(matches!(*error, Error::DiskFull { .. }), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("No space left on device"));
        assert!(target.files().is_empty(), "{fault:?}: {:?}", target.files());
    }
}

#[tokio::test]
async fn failure_leaves_the_files_of_before() {
    let target = Target::new();
    let place = target.folder.path().join("c/p/7-0/key.npy");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "old").unwrap();
    for fault in [Fault::Part("embedding.npy", 0), Fault::Complete("key.npy")] {
        let options = options(&target, ImportFormat::Npy, 400);
        let batches = vec![rows("7", 0..100)];
        watched(&target, batches, Then::End, options, Some(fault), &Arc::default()).await.unwrap_err();
        assert_eq!(target.files(), [PathBuf::from("c/p/7-0/key.npy")], "{fault:?}");
        assert_eq!(std::fs::read(&place).unwrap(), b"old");
    }
}

#[tokio::test]
async fn file_that_is_complete_counts_though_the_answer_was_lost() {
    for (format, fault) in [
        (ImportFormat::Npy, Fault::Lost("key.npy")),
        (ImportFormat::Npy, Fault::Lost("embedding.npy")),
        (ImportFormat::Parquet, Fault::Lost("7-0.parquet")),
    ] {
        let target = Target::new();
        let options = options(&target, format, 400);
        let batches = vec![rows("7", 0..100)];
        let files =
            watched(&target, batches, Then::End, options, Some(fault), &Arc::default()).await.unwrap();
        assert_eq!(files.len(), target.files().len());
        for file in files {
            assert_eq!(file.crc32c, crc32c::crc32c(&target.bytes(&file.path)));
        }
    }
}

async fn dropped_stream_leaves_nothing(format: ImportFormat, fault: Option<Fault>) {
    let target = Target::new();
    let mut options = options(&target, format, 1000);
    // Parts of NumPy files are short, and row groups of Parquet files are sent when they are full.
    options.set_rows = if format == ImportFormat::Npy { 1000 } else { 10_000_000 };
    let count = if format == ImportFormat::Npy { 500 } else { 900_000 };
    let mut stream = stream(&target, vec![rows("7", 0..count)], Then::Hang, options, fault, &Arc::default());
    let mut waited = Duration::ZERO;
    while target.files().is_empty() {
        assert!(waited < Duration::from_secs(60), "nothing was begun");
        waited += Duration::from_millis(50);
        assert!(timeout(Duration::from_millis(50), stream.next()).await.is_err());
    }
    drop(stream);
    assert_eq!(target.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn stream_dropped_on_the_only_thread_leaves_nothing() {
    dropped_stream_leaves_nothing(ImportFormat::Npy, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_dropped_on_one_of_many_threads_leaves_nothing() {
    dropped_stream_leaves_nothing(ImportFormat::Npy, None).await;
    dropped_stream_leaves_nothing(ImportFormat::Parquet, None).await;
}

#[tokio::test]
async fn stream_dropped_while_the_store_does_not_answer_leaves_nothing() {
    dropped_stream_leaves_nothing(ImportFormat::Npy, Some(Fault::Stuck("embedding.npy", 1))).await;
}

#[test]
fn stream_dropped_with_its_runtime_leaves_nothing() {
    let target = Target::new();
    let stream = stream(
        &target,
        vec![rows("7", 0..500)],
        Then::Hang,
        StreamWriteOptions { set_rows: 1000, ..options(&target, ImportFormat::Npy, 1000) },
        None,
        &Arc::default(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(stream.collect::<Vec<_>>());
    while target.files().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(runtime);
    assert_eq!(target.files(), Vec::<PathBuf>::new());
}
