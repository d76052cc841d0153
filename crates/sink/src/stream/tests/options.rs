// SPDX-License-Identifier: Apache-2.0

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::streaming::StreamingTableExec;
use m2m_storage::{BucketOptions, Storage};

use super::*;
use crate::OutputStorages;
use crate::testing::{rows, text, with_column};

#[track_caller]
fn unplannable(batch: RecordBatch, change: impl FnOnce(&mut StreamWriteOptions), expected: &str) {
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 2);
    change(&mut options);
    let error = StreamWriteExec::try_new(input(vec![vec![batch]], Then::End), options).unwrap_err();
    let error = cause(error);
    assert!(error.contains(expected), "{error}");
}

#[test]
fn column_that_does_not_fit_its_field_is_refused_when_planning() {
    let with = |name: &str, column| with_column(&rows("7", 0..2), name, column);
    let expected =
        "cannot write column `id` of collection `colours` to field `key` (Int64): expected Int64, found Utf8";
    unplannable(with("id", text(&["a", "b"])), |_| {}, expected);
    let change = |o: &mut StreamWriteOptions| o.fields[0].kind = FieldKind::Int32;
    unplannable(rows("7", 0..2), change, "(Int32): expected Int32, found Int64");
    let change = |o: &mut StreamWriteOptions| o.fields[0].kind = FieldKind::Json { max_chars: 1 };
    unplannable(rows("7", 0..2), change, "(JSON): expected text, found Int64");
    let change = |o: &mut StreamWriteOptions| o.fields[1].kind = FieldKind::FloatVector(4);
    unplannable(rows("7", 0..2), change, "(FloatVector(4)): expected FixedSizeList(4 x non-null Float32");
    let change = |o: &mut StreamWriteOptions| o.fields[1].kind = FieldKind::BinaryVector(24);
    unplannable(rows("7", 0..2), change, "(BinaryVector(24)): expected FixedSizeBinary(3)");
    let lists = rows("7", 0..2).column(1).as_fixed_size_list().slice(0, 2);
    let wide =
        arrow::compute::cast(&lists, &DataType::new_fixed_size_list(DataType::Float64, 3, true)).unwrap();
    unplannable(with("vector", wide), |_| {}, "found FixedSizeList(3 x Float64");
    unplannable(
        with("segment_offset", text(&["a", "b"])),
        |_| {},
        "`segment_offset` to be Int64, found Utf8",
    );
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 7]));
    unplannable(with("segment_id", numbers), |_| {}, "`segment_id` to be text, found Int64");
}

#[test]
fn missing_column_is_refused_when_planning() {
    let without = |at: usize| {
        rows("7", 0..2).project(&[0, 1, 2, 3].into_iter().filter(|&c| c != at).collect::<Vec<_>>()).unwrap()
    };
    let expected = "expected an input column `vector`, found `id`, `segment_id`, `segment_offset`";
    unplannable(without(1), |_| {}, expected);
    unplannable(without(2), |_| {}, "expected an input column `segment_id`");
    unplannable(rows("7", 0..2), |o| o.id_column = "uid".into(), "expected an input column `uid`");
}

#[test]
fn options_that_contradict_themselves_are_refused_when_planning() {
    let refused =
        |change: fn(&mut StreamWriteOptions), expected| unplannable(rows("7", 0..2), change, expected);
    refused(|o| o.fields.clear(), "expected a field at least");
    refused(|o| o.fields[1].field = "key".into(), "name different files, found `key`");
    refused(|o| o.fields[1].field = "../key".into(), "found `../key`");
    for folder in ["", "/c", "c/", "c/../p"] {
        let change = |o: &mut StreamWriteOptions| o.folder = folder.into();
        unplannable(rows("7", 0..2), change, &format!("relative folder for the file sets, found `{folder}`"));
    }
    refused(|o| o.set_rows = 0, "expected a row at least in each file set");
    refused(|o| o.fields[0].nullable = true, "`key` cannot be nullable: npy files have no NULL for Int64");
    let nullable_vector: fn(&mut StreamWriteOptions) = |o| {
        o.format = ImportFormat::Parquet;
        o.fields[1].nullable = true;
    };
    refused(nullable_vector, "`embedding` cannot be nullable: parquet files have no NULL");
    refused(|o| o.fields[1].kind = FieldKind::FloatVector(0), "cannot be FloatVector(0)");
    refused(|o| o.fields[1].kind = FieldKind::BinaryVector(12), "cannot be BinaryVector(12)");
    refused(
        |o| o.fields[0].kind = FieldKind::Text { max_chars: 0, max_bytes: 9 },
        "cannot be Text { max_chars: 0",
    );
    refused(|o| o.part_bytes = 0, "expected parts of at least 1 bytes, found 0");
    refused(|o| o.base_url = "s3://bucket/".parse().unwrap(), "expected parts of at least 5242880 bytes");
    refused(
        |o| o.set_rows = 1 << 40,
        "a file of 1099511627776 rows of `key` (Int64) is longer than 10000 parts",
    );
    refused(|o| o.set_rows = u64::MAX, "longer than 10000 parts");
}

#[test]
fn parts_are_as_long_as_a_file_needs() {
    const MIB: u64 = 1 << 20;
    let target = Target::new();
    let mut options = target.stream_options(ImportFormat::Npy, 1);
    options.part_bytes = 5 << 20;
    // Every set of ids and vectors of 12 bytes: what fits into 10 000 parts, one row more, and twice as much.
    for (set_rows, mib) in [
        (1, 5),
        (5 * MIB * 10_000 / 12 - 11, 5),
        (5 * MIB * 10_000 / 12 + 1, 6),
        (10 * MIB * 10_000 / 12, 11),
    ] {
        options.set_rows = set_rows;
        let vectors = options.part_bytes_of(&options.fields[1]);
        assert_eq!(vectors, mib << 20, "{set_rows}");
        assert!((set_rows * 12 + 128).div_ceil(10_000) <= vectors as u64);
        options.check().unwrap();
    }
    // How long Parquet files become is not known: their parts do not grow beyond reason.
    options.format = ImportFormat::Parquet;
    for (set_rows, mib) in [(1, 5), (4 * MIB * 1000, 10), (u64::MAX, 16)] {
        options.set_rows = set_rows;
        assert_eq!(options.part_bytes_of_parquet(), mib << 20, "{set_rows}");
        options.check().unwrap();
    }
}

#[test]
fn input_without_end_is_refused_when_planning() {
    let schema = rows("7", 0..1).schema();
    let endless = StreamingTableExec::try_new(schema, vec![], None, vec![], true, None).unwrap();
    let options = Target::new().stream_options(ImportFormat::Npy, 1);
    let error = StreamWriteExec::try_new(Arc::new(endless), options).unwrap_err();
    assert!(matches!(error, DataFusionError::Plan(_)), "{error}");
}

#[test]
fn bucket_is_found_through_the_session() {
    let mut options = Target::new().stream_options(ImportFormat::Npy, 1);
    options.base_url = "s3://bucket/".parse().unwrap();
    options.part_bytes = 5 << 20;
    let plan = StreamWriteExec::try_new(input(vec![vec![rows("7", 0..1)]], Then::End), options).unwrap();
    let begin = |storages: Option<OutputStorages>| {
        let mut config = datafusion::prelude::SessionConfig::new();
        if let Some(storages) = storages {
            config = config.with_extension(Arc::new(storages));
        }
        let ctx = datafusion::prelude::SessionContext::new_with_config(config);
        plan.execute(0, ctx.task_ctx()).map(drop).map_err(cause)
    };
    let of = |url| OutputStorages::of(Storage::open(url, &BucketOptions::default()).unwrap());
    assert_eq!(begin(Some(of("s3://bucket/folder"))), Ok(()));
    let expected = "cannot write to `s3://bucket/`: this session can write to local folders only";
    assert_eq!(begin(None).unwrap_err(), expected);
    let expected = "cannot write to `s3://bucket/`: this session writes to `s3://other/` only";
    assert_eq!(begin(Some(of("s3://other/folder"))).unwrap_err(), expected);
}

#[test]
fn formats_are_words() {
    for (format, word) in [(ImportFormat::Npy, "\"npy\""), (ImportFormat::Parquet, "\"parquet\"")] {
        assert_eq!(serde_json::to_string(&format).unwrap(), word);
        assert_eq!(serde_json::from_str::<ImportFormat>(word).unwrap(), format);
        assert_eq!(format!("\"{format}\""), word);
    }
    assert_eq!(ImportFormat::default(), ImportFormat::Npy);
}
