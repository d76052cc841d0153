// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::execution_plan::execute_stream;
use datafusion::physical_plan::streaming::StreamingTableExec;
use npyz::NpyFile;
use tokio::time::{Duration, timeout};

use super::*;
use crate::manifest::FileEntry;
use crate::testing::{DIMENSION, Fault, Target, Then, cause, input, rows, rows_with, set, text, with_column};
use crate::{Checksum, Error, FileSet, WrittenFile, check_checksums};

fn ids(target: &Target, path: &str) -> Vec<i64> {
    NpyFile::new(target.bytes(path).as_slice()).unwrap().into_vec().unwrap()
}

fn vectors(target: &Target, path: &str) -> Vec<f32> {
    let bytes = target.bytes(path);
    let file = NpyFile::new(bytes.as_slice()).unwrap();
    assert_eq!(file.shape()[1], DIMENSION as u64);
    file.into_vec().unwrap()
}

fn paths(files: &[WrittenFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn each_partition_writes_its_sets_and_says_so() {
    let target = Target::new();
    let partitions =
        vec![vec![rows("7", 0..4), rows("7", 4..6)], vec![rows("8", 2..3), rows("8", 5..6), rows("9", 0..1)]];
    let mut merged = set("8", 3, "8", 2);
    merged.segments.push("9".into());
    let sets = vec![set("7", 6, "7", 0), merged];
    let mut files = target.write(input(partitions, Then::End), target.options(sets)).await.unwrap();
    files.sort_by(|a, b| a.path.cmp(&b.path));

    let expected = ["c/p/7/embedding.npy", "c/p/7/key.npy", "c/p/8/embedding.npy", "c/p/8/key.npy"];
    assert_eq!(paths(&files), expected);
    assert_eq!(target.files(), expected.map(PathBuf::from));
    assert_eq!(ids(&target, "c/p/7/key.npy"), [1000, 1001, 1002, 1003, 1004, 1005]);
    assert_eq!(ids(&target, "c/p/8/key.npy"), [1002, 1005, 1000]);
    assert_eq!(vectors(&target, "c/p/8/embedding.npy"), [2., 2.5, -2., 5., 5.5, -5., 0., 0.5, 0.]);
    for file in &files {
        let bytes = target.bytes(&file.path);
        assert_eq!((file.bytes, file.crc32c), (bytes.len() as u64, crc32c::crc32c(&bytes)), "{}", file.path);
    }
    let WrittenFile { set, field, rows, dtype, width, .. } = &files[0];
    assert_eq!((&**set, &**field, *rows, &**dtype, *width), ("c/p/7", "embedding", 6, "<f4", Some(3)));
    assert_eq!((&*files[1].dtype, files[1].width), ("<i8", None));
}

#[tokio::test]
async fn sha_256_is_that_of_the_file() {
    let target = Target::new();
    let options = NpyWriteOptions { checksum: Checksum::Sha256, ..target.options(vec![set("7", 6, "7", 0)]) };
    let batches = vec![rows("7", 0..4), rows("7", 4..6)];
    for file in target.write(input(vec![batches], Then::End), options).await.unwrap() {
        let entry = FileEntry::from(file);
        assert_eq!(entry.sha256.as_ref().map(String::len), Some(64));
        check_checksums(&target.storage, &entry).await.unwrap();
        let other = FileEntry { sha256: Some("0".repeat(64)), ..entry };
        let error = check_checksums(&target.storage, &other).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[tokio::test]
async fn file_that_is_complete_counts_though_the_answer_was_lost() {
    for end in ["key.npy", "embedding.npy"] {
        let target = Target::with_fault(Some(Fault::Lost(end)));
        let scan = input(vec![vec![rows("7", 0..3)]], Then::End);
        let files = target.write(scan, target.options(vec![set("7", 3, "7", 0)])).await.unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(ids(&target, "c/p/7/key.npy"), [1000, 1001, 1002]);
    }
}

#[tokio::test]
async fn batch_is_cut_between_sets_wherever_they_meet() {
    for first in 1..=9 {
        let target = Target::new();
        let sets = vec![set("7-1", first, "7", 0), set("7-2", 10 - first, "7", first.cast_signed())];
        let whole = rows("7", 0..10);
        let batches = vec![whole.slice(0, 3), whole.slice(3, 0), whole.slice(3, 7)];
        target.write(input(vec![batches], Then::End), target.options(sets)).await.unwrap();
        let found = [ids(&target, "c/p/7-1/key.npy"), ids(&target, "c/p/7-2/key.npy")];
        assert_eq!(found[0].len() as u64, first);
        assert_eq!(found.concat(), (1000..1010).collect::<Vec<_>>());
        let found = [vectors(&target, "c/p/7-1/embedding.npy"), vectors(&target, "c/p/7-2/embedding.npy")];
        assert_eq!(found.concat()[27..], [9., 9.5, -9.]);
    }
}

#[tokio::test]
async fn batch_may_hold_rows_of_two_segments() {
    let target = Target::new();
    let (seven, eight) = (rows("7", 0..3), rows("8", 0..2));
    let batch = arrow::compute::concat_batches(&seven.schema(), [&seven, &eight]).unwrap();
    let sets = vec![set("7", 3, "7", 0), set("8", 2, "8", 0)];
    target.write(input(vec![vec![batch]], Then::End), target.options(sets)).await.unwrap();
    assert_eq!(ids(&target, "c/p/7/key.npy"), [1000, 1001, 1002]);
    assert_eq!(ids(&target, "c/p/8/key.npy"), [1000, 1001]);
}

#[tokio::test]
async fn one_batch_can_fill_many_sets() {
    let target = Target::new();
    let sets = (0..5).map(|at| set(&format!("7-{at}"), 2, "7", at * 2)).collect();
    let files =
        target.write(input(vec![vec![rows("7", 0..10)]], Then::End), target.options(sets)).await.unwrap();
    assert_eq!(files.len(), 10);
    assert_eq!(ids(&target, "c/p/7-4/key.npy"), [1008, 1009]);
}

#[tokio::test]
async fn rows_are_written_to_a_disk_as_they_come() {
    let target = Target::new();
    let whole = rows("7", 0..30_000);
    let batches = (0..5).map(|at| whole.slice(at * 6000, 6000)).collect();
    let options = target.options(vec![set("7", 30_000, "7", 0)]);
    target.write(input(vec![batches], Then::End), options).await.unwrap();
    assert_eq!(target.store.parts("embedding.npy"), [72_128, 72_000, 72_000, 72_000, 72_000]);
    // Fewer bytes are gathered.
    assert_eq!(target.store.parts("key.npy"), [96_128, 96_000, 48_000]);
    assert_eq!(target.store.in_flight_max(), 1);
    assert_eq!(vectors(&target, "c/p/7/embedding.npy")[89_997..], [29_999., 29_999.5, -29_999.]);
}

#[tokio::test]
async fn scalars_and_binary_vectors_become_files_too() {
    let target = Target::new();
    let binary = arrow::array::FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].iter()).unwrap();
    let batch = with_column(&rows("7", 0..2), "vector", Arc::new(binary));
    let batch = with_column(&batch, "red", Arc::new(BooleanArray::from(vec![true, false])));
    let mut options = target.options(vec![set("7", 2, "7", 0)]);
    options.fields.push("red".into());
    options.field_names.push("red".into());
    target.write(input(vec![vec![batch]], Then::End), options).await.unwrap();
    assert_eq!(target.bytes("c/p/7/embedding.npy")[128..], [1, 2, 3, 4]);
    assert!(
        target.bytes("c/p/7/embedding.npy")[10..]
            .starts_with(b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }")
    );
    assert_eq!(target.bytes("c/p/7/red.npy")[128..], [1, 0]);
}

#[tokio::test]
async fn explain_and_metrics_show_what_is_written() {
    let target = Target::new();
    let mut options = target.options(vec![set("7", 4, "7", 0)]);
    options.prefix = target.storage.child("here");
    let scan = input(vec![vec![rows("7", 0..4)]], Then::End);
    let write: Arc<dyn ExecutionPlan> = Arc::new(NpyWriteExec::try_new(scan, options).unwrap());
    let shown = displayable(write.as_ref()).indent(false).to_string();
    let expected = format!(
        "NpyWriteExec: collection=colours, sets=1, rows=4, files=[key.npy <i8 (N,), embedding.npy <f4 (N, 3)], to={}/here",
        target.folder.path().display()
    );
    assert_eq!(shown.lines().next(), Some(expected.as_str()));
    target.run(Arc::clone(&write)).await.unwrap();
    let metrics = write.metrics().unwrap();
    let sum = |name| metrics.sum_by_name(name).unwrap().as_usize();
    assert_eq!((sum("rows_written"), sum("bytes_written"), sum("files_written")), (4, 4 * (8 + 12), 2));
}

#[tokio::test]
async fn rows_that_end_early_leave_nothing() {
    let target = Target::new();
    let error = target.refused(vec![rows("7", 0..3)], vec![set("7", 4, "7", 0)]).await;
    assert_eq!(error, "rows of file set `c/p/7` ended early: expected 4, found 3");
}

#[tokio::test]
async fn rows_too_many_are_an_error_and_finished_sets_stay() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..5)]], Then::End);
    let error = target.write(scan, target.options(vec![set("7", 4, "7", 0)])).await.unwrap_err();
    let expected = "rows of collection `colours` do not follow the plan: expected the first row of a file set, found segment `7` offset 4";
    assert_eq!(cause(error), expected);
    assert_eq!(target.files(), ["c/p/7/embedding.npy", "c/p/7/key.npy"].map(PathBuf::from));
}

#[tokio::test]
async fn rows_that_come_twice_are_an_error() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..4), rows("7", 0..4)]], Then::End);
    let error = target.write(scan, target.options(vec![set("7", 4, "7", 0)])).await.unwrap_err();
    assert!(cause(error).ends_with("found segment `7` offset 0"));
}

#[tokio::test]
async fn rows_of_no_set_are_an_error() {
    let target = Target::new();
    let error = target.refused(vec![rows("7", 1..4)], vec![set("7", 4, "7", 0)]).await;
    assert!(error.ends_with("found segment `7` offset 1"), "{error}");
}

#[tokio::test]
async fn rows_of_another_segment_are_an_error() {
    let target = Target::new();
    let batches = vec![rows("7", 0..2), rows("8", 0..2)];
    let error = target.refused(batches, vec![set("7", 4, "7", 0)]).await;
    let expected =
        "rows of file set `c/p/7` do not follow the plan: expected rows of `7`, found segment `8` offset 0";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn rows_of_another_segment_in_the_same_batch_are_an_error() {
    let target = Target::new();
    let (seven, eight) = (rows("7", 0..2), rows("8", 0..2));
    let batch = arrow::compute::concat_batches(&seven.schema(), [&seven, &eight]).unwrap();
    let error = target.refused(vec![batch], vec![set("7", 4, "7", 0)]).await;
    assert!(error.ends_with("expected rows of `7`, found segment `8` offset 1"), "{error}");
}

#[tokio::test]
async fn value_that_is_not_finite_is_named() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let target = Target::new();
        let mut values = vec![0.25; 60];
        values[40] = value;
        let batches = vec![rows("7", 0..5), rows_with("7", 5..25, values)];
        let error = target.refused(batches, vec![set("7", 25, "7", 0)]).await;
        let expected = format!(
            "vector of entity 1018 in collection `colours` has {name} as component 1 (segment `7`, offset 18): "
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn value_that_is_not_finite_is_found_in_any_block_and_slice() {
    let count = 40_000;
    for at in [0, 32_767, 32_768, 3 * count - 1] {
        let target = Target::new();
        let mut values = vec![0.25; 3 * count];
        values[at] = f32::NAN;
        let whole = rows_with("7", 0..count as i64, values);
        let batches = vec![whole.slice(0, 7), whole.slice(7, count - 7)];
        let error = target.refused(batches, vec![set("7", count as u64, "7", 0)]).await;
        let expected = format!("component {} (segment `7`, offset {})", at % 3, at / 3);
        assert!(error.contains(&expected), "{error}");
    }
}

#[tokio::test]
async fn extreme_values_are_kept_bit_for_bit() {
    let target = Target::new();
    let values = vec![-0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1), 1e-40];
    let batches = vec![rows_with("7", 0..2, values.clone())];
    target.write(input(vec![batches], Then::End), target.options(vec![set("7", 2, "7", 0)])).await.unwrap();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&vectors(&target, "c/p/7/embedding.npy")), bits(&values));
}

#[tokio::test]
async fn values_are_not_looked_at_when_not_asked() {
    let target = Target::new();
    let mut options = target.options(vec![set("7", 1, "7", 0)]);
    options.check_finite = false;
    let batches = vec![rows_with("7", 0..1, vec![f32::NAN; 3])];
    target.write(input(vec![batches], Then::End), options).await.unwrap();
}

#[tokio::test]
async fn null_is_named() {
    let target = Target::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let batch = with_column(&rows("7", 4..6), "id", ids);
    let error = target.refused(vec![batch], vec![set("7", 2, "7", 4)]).await;
    let expected = "cannot write column `id` of collection `colours`: expected a value in every row, found null in segment `7` at offset 5";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn plain_text_names_segments_too() {
    let target = Target::new();
    let batch = with_column(&rows("7", 0..2), "segment_id", text(&["7", "7"]));
    assert_eq!(*batch.column_by_name("segment_id").unwrap().data_type(), DataType::Utf8);
    target
        .write(input(vec![vec![batch]], Then::End), target.options(vec![set("7", 2, "7", 0)]))
        .await
        .unwrap();
}

#[tokio::test]
async fn failing_input_leaves_nothing() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..3)]], Then::Fail);
    let error = target.write(scan, target.options(vec![set("7", 4, "7", 0)])).await.unwrap_err();
    assert!(cause(error).contains("the disk is gone"));
    assert!(target.files().is_empty());
}

#[tokio::test]
async fn failing_store_leaves_nothing_of_the_set() {
    let faults = [
        Fault::Begin("key.npy"),
        Fault::Begin("embedding.npy"),
        Fault::Part("key.npy", 0),
        Fault::Part("embedding.npy", 1),
        Fault::Part("embedding.npy", 3),
        Fault::Complete("key.npy"),
        Fault::Complete("embedding.npy"),
    ];
    for fault in faults {
        let target = Target::with_fault(Some(fault));
        let options = target.options(vec![set("7", 24_000, "7", 0)]);
        let whole = rows("7", 0..24_000);
        let scan = input(vec![(0..4).map(|at| whole.slice(at * 6000, 6000)).collect()], Then::End);
        let error = target.write(scan, options).await.unwrap_err();
        let DataFusionError::External(error) = error else { panic!("{error}") };
        let error = error.downcast::<Error>().unwrap();
        assert!(matches!(*error, Error::DiskFull { .. }), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("No space left on device"));
        assert!(target.files().is_empty(), "{fault:?}: {:?}", target.files());
    }
}

async fn dropped_stream_leaves_nothing(fault: Option<Fault>) {
    let target = Target::with_fault(fault);
    let options = target.options(vec![set("7", 60_000, "7", 0)]);
    let whole = rows("7", 0..30_000);
    let scan = input(vec![(0..5).map(|at| whole.slice(at * 6000, 6000)).collect()], Then::Hang);
    let write = Arc::new(NpyWriteExec::try_new(scan, options).unwrap());
    let mut stream = execute_stream(write, target.ctx.task_ctx()).unwrap();
    let waited = timeout(Duration::from_millis(50), futures::StreamExt::next(&mut stream)).await;
    assert!(waited.is_err());
    assert!(!target.files().is_empty());
    drop(stream);
    assert_eq!(target.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn stream_dropped_on_the_only_thread_leaves_nothing() {
    dropped_stream_leaves_nothing(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_dropped_on_one_of_many_threads_leaves_nothing() {
    dropped_stream_leaves_nothing(None).await;
}

#[tokio::test]
async fn stream_dropped_while_the_store_does_not_answer_leaves_nothing() {
    dropped_stream_leaves_nothing(Some(Fault::Stuck("embedding.npy", 1))).await;
}

#[test]
fn stream_dropped_with_its_runtime_leaves_nothing() {
    let target = Target::new();
    let scan = input(vec![vec![rows("7", 0..500)]], Then::Hang);
    let write = Arc::new(NpyWriteExec::try_new(scan, target.options(vec![set("7", 1000, "7", 0)])).unwrap());
    let stream = execute_stream(write, target.ctx.task_ctx()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(futures::StreamExt::collect::<Vec<_>>(stream));
    while target.files().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(runtime);
    assert_eq!(target.files(), Vec::<PathBuf>::new());
}

#[track_caller]
fn unplannable(batch: RecordBatch, change: impl FnOnce(&mut NpyWriteOptions), expected: &str) {
    let target = Target::new();
    let mut options = target.options(vec![set("7", 2, "7", 0), set("8", 2, "8", 0)]);
    change(&mut options);
    let error = NpyWriteExec::try_new(input(vec![vec![batch]], Then::End), options).unwrap_err();
    let error = cause(error);
    assert!(error.contains(expected), "{error}");
}

#[test]
fn column_of_another_type_is_refused_when_planning() {
    let with = |name: &str, column| with_column(&rows("7", 0..2), name, column);
    unplannable(
        with("id", text(&["a", "b"])),
        |_| {},
        "cannot write column `id` of collection `colours`: expected",
    );
    let offset = |_: &mut NpyWriteOptions| {};
    unplannable(
        with("segment_offset", text(&["a", "b"])),
        offset,
        "`segment_offset` to be Int64, found Utf8",
    );
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 7]));
    unplannable(with("segment_id", numbers), offset, "`segment_id` to be text, found Int64");
    let lists = rows("7", 0..2).column(1).as_fixed_size_list().slice(0, 2);
    let wide = arrow::compute::cast(&lists, &wide_list()).unwrap();
    unplannable(with("vector", wide), offset, "found FixedSizeList(3 x Float64");
}

fn wide_list() -> DataType {
    DataType::new_fixed_size_list(DataType::Float64, 3, true)
}

#[test]
fn missing_column_is_refused_when_planning() {
    let without = |at: usize| {
        rows("7", 0..2).project(&[0, 1, 2, 3].into_iter().filter(|&c| c != at).collect::<Vec<_>>()).unwrap()
    };
    unplannable(
        without(1),
        |_| {},
        "expected an input column `vector`, found `id`, `segment_id`, `segment_offset`",
    );
    unplannable(without(2), |_| {}, "expected an input column `segment_id`");
}

#[test]
fn options_that_contradict_themselves_are_refused_when_planning() {
    let refused = |change: fn(&mut NpyWriteOptions), expected| unplannable(rows("7", 0..2), change, expected);
    refused(|o| o.field_names.truncate(1), "found 1 names for 2 fields");
    refused(|o| o.field_names[1] = "key".into(), "name different files, found `key`");
    refused(|o| o.field_names[1] = "../key".into(), "found `../key`");
    refused(|o| o.sets[1].name = "c/../p".into(), "relative folder for each file set, found `c/../p`");
    refused(|o| o.sets[1].name = "/c".into(), "found `/c`");
    refused(|o| o.sets[1].name = o.sets[0].name.clone(), "two file sets are named `c/p/7`");
    refused(|o| o.sets[1].rows = 0, "file set `c/p/8` has no rows");
    refused(|o| o.sets[1].segment_id = "7".into(), "two file sets begin at segment `7` offset 0");
    refused(|o| o.part_bytes = 0, "expected parts of at least 1 bytes, found 0");
    refused(|o| o.base_url = "s3://bucket/".parse().unwrap(), "expected parts of at least 5242880 bytes");
    let too_long: fn(&mut NpyWriteOptions) = |o| {
        o.base_url = "s3://bucket/".parse().unwrap();
        o.part_bytes = 5 << 20;
        o.sets[1].rows = (5 << 20) * 10_000 / 12;
    };
    refused(too_long, "a file of set `c/p/8` is longer than 10000 parts");
}

#[test]
fn input_without_end_is_refused_when_planning() {
    let schema = rows("7", 0..1).schema();
    let endless = StreamingTableExec::try_new(schema, vec![], None, vec![], true, None).unwrap();
    let target = Target::new();
    let error = NpyWriteExec::try_new(Arc::new(endless), target.options(Vec::<FileSet>::new())).unwrap_err();
    assert!(matches!(error, DataFusionError::Plan(_)), "{error}");
}
