// SPDX-License-Identifier: Apache-2.0

use arrow::array::{
    Array, AsArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, StringArray, StringViewArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float32Type, Int64Type, UInt8Type};
use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, Encoding};
use datafusion::parquet::file::metadata::ParquetMetaData;

use super::*;
use crate::testing::{rows, with_column};

const PARQUET: ImportFormat = ImportFormat::Parquet;

/// All rows of a file as Arrow's reader finds them, and what its footer says.
fn read(bytes: Vec<u8>) -> (RecordBatch, Arc<ParquetMetaData>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let metadata = Arc::clone(builder.metadata());
    let schema = Arc::clone(builder.schema());
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(&schema, &batches).unwrap(), metadata)
}

#[tokio::test]
async fn rows_are_read_back() {
    let target = Target::new();
    let batches = vec![rows("7", 0..4), rows("8", 2..5)];
    let files = target.stream_batches(batches, target.stream_options(PARQUET, 100)).await.unwrap();
    let WrittenFile { set, path, field, rows, dtype, width, segments, .. } = &files[0];
    assert_eq!((&**set, &**path, &**field), ("c/p/7-0", "c/p/7-0.parquet", ""));
    assert_eq!((*rows, &**dtype, *width), (7, "parquet", None));
    assert_eq!(*segments, ["7", "8"]);
    let (rows, _) = read(target.bytes(path));
    let ids = rows.column_by_name("key").unwrap().as_primitive::<Int64Type>();
    assert_eq!(*ids.values(), [1000, 1001, 1002, 1003, 1002, 1003, 1004]);
    let vectors = rows.column_by_name("embedding").unwrap().as_list::<i32>();
    assert_eq!(*vectors.value(4).as_primitive::<Float32Type>().values(), [2., 2.5, -2.]);
    assert_eq!(vectors.values().as_primitive::<Float32Type>().values()[18..], [4., 4.5, -4.]);
}

#[tokio::test]
async fn every_kind_of_field_becomes_its_column() {
    let list = |item| DataType::List(Arc::new(arrow::datatypes::Field::new("element", item, false)));
    let text = FieldKind::Text { max_chars: 1, max_bytes: 9 };
    let cases: [(FieldKind, ArrayRef, DataType); 9] = [
        (FieldKind::Bool, Arc::new(BooleanArray::from(vec![true, false])), DataType::Boolean),
        (FieldKind::Int8, Arc::new(Int8Array::from(vec![1, -1])), DataType::Int8),
        (FieldKind::Int16, Arc::new(Int16Array::from(vec![1, -2])), DataType::Int16),
        (FieldKind::Int32, Arc::new(Int32Array::from(vec![1, 256])), DataType::Int32),
        (FieldKind::Float, Arc::new(Float32Array::from(vec![1.0, -0.0])), DataType::Float32),
        (FieldKind::Double, Arc::new(Float64Array::from(vec![1.0])), DataType::Float64),
        (text, Arc::new(StringArray::from(vec!["grün", ""])), DataType::Utf8),
        (FieldKind::Json { max_chars: 9 }, Arc::new(StringArray::from(vec!["{}"])), DataType::Utf8),
        (
            FieldKind::BinaryVector(16),
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 255]].iter()).unwrap()),
            list(DataType::UInt8),
        ),
    ];
    for (kind, column, expected) in cases {
        let (rows, _) = read(Target::new().column(PARQUET, kind, Arc::clone(&column)).await.unwrap());
        let schema = rows.schema();
        let found = schema.field_with_name("x").unwrap();
        assert_eq!((found.data_type(), found.is_nullable()), (&expected, false), "{kind:?}");
        let values = rows.column_by_name("x").unwrap();
        match values.as_list_opt::<i32>() {
            None => assert_eq!(values, &column, "{kind:?}"),
            Some(lists) => {
                assert_eq!(*lists.values().as_primitive::<UInt8Type>().values(), [1, 2, 3, 255]);
                assert_eq!(lists.value_offsets(), [0, 2, 4]);
            }
        }
    }
}

#[tokio::test]
async fn null_is_written_where_a_field_takes_it() {
    let target = Target::new();
    let column: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("")]));
    let kind = FieldKind::Text { max_chars: 1, max_bytes: 1 };
    let (batch, mut options) = target.with_column(PARQUET, kind, column);
    options.fields[1].nullable = true;
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(1.5), None]));
    let batch = with_column(&batch, "y", numbers);
    options.fields.push(ImportField { nullable: true, ..field("y", "y", FieldKind::Double) });
    target.stream_batches(vec![batch], options.clone()).await.unwrap();
    let (rows, _) = read(target.bytes("c/p/7-0.parquet"));
    let texts = rows.column_by_name("x").unwrap().as_string::<i32>();
    assert_eq!(texts.iter().collect::<Vec<_>>(), [Some("a"), None, Some("")]);
    let numbers = rows.column_by_name("y").unwrap();
    assert_eq!(**numbers, *(&Float64Array::from(vec![None, Some(1.5), None]) as &dyn Array));
    assert!(!rows.schema().field_with_name("key").unwrap().is_nullable());
}

#[tokio::test]
async fn row_groups_are_of_bytes() {
    let target = Target::new();
    // 10 000 rows of 8 KiB: 80 MB.
    let dimension = 2048;
    let batch =
        |at: i64| crate::testing::rows_with("7", at * 500..at * 500 + 500, vec![0.5; 500 * dimension]);
    let mut options = target.stream_options(PARQUET, 1_000_000);
    options.fields[1].kind = FieldKind::FloatVector(u32::try_from(dimension).unwrap());
    target.stream_batches((0..20).map(batch).collect(), options).await.unwrap();
    let (rows, metadata) = read(target.bytes("c/p/7-0.parquet"));
    assert_eq!(rows.num_rows(), 10_000);
    assert!(rows.column(0).as_primitive::<Int64Type>().values().iter().copied().eq(1000..11_000));
    let groups: Vec<_> =
        metadata.row_groups().iter().map(|group| (group.num_rows(), group.total_byte_size())).collect();
    // The first number of rows that makes 8 MiB, with an id each.
    let full = (8_i64 << 20).unsigned_abs().div_ceil(8 + 8192);
    assert_eq!(groups.len(), 10);
    for (group_rows, bytes) in &groups[..9] {
        assert_eq!(group_rows.unsigned_abs(), full);
        assert!((8 << 20..10 << 20).contains(bytes), "{bytes}");
    }
    // Of the kinds that every Milvus 2.x reads; LZ4_RAW is none of them.
    assert!(matches!(metadata.row_group(0).column(0).compression(), Compression::ZSTD(_)));
    let vectors = metadata.row_group(0).column(1);
    assert_eq!(vectors.column_path().string(), "embedding.list.element");
    assert_eq!(vectors.compression(), Compression::UNCOMPRESSED);
    assert_eq!(vectors.dictionary_page_offset(), None);
    assert!(!vectors.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
    assert!(vectors.statistics().is_none());
}

#[tokio::test]
async fn row_groups_of_long_texts_and_of_bits_are_of_bytes_too() {
    let target = Target::new();
    let text = "x".repeat(60_000);
    let column: ArrayRef = Arc::new(StringArray::from_iter_values((0..600).map(|_| &text)));
    let kind = FieldKind::Text { max_chars: 60_000, max_bytes: 60_000 };
    let (_, metadata) = read(target.column(PARQUET, kind, column).await.unwrap());
    let groups: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [140, 140, 140, 140, 40]);

    let bits = vec![0x5a_u8; 1024];
    let column: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter((0..5000).map(|_| &bits)).unwrap());
    let (_, metadata) =
        read(Target::new().column(PARQUET, FieldKind::BinaryVector(8192), column).await.unwrap());
    let groups: Vec<_> =
        metadata.row_groups().iter().map(|group| (group.num_rows(), group.total_byte_size())).collect();
    assert_eq!(groups.len(), 3, "{groups:?}");
    assert!(groups.iter().all(|(_, bytes)| *bytes < 10 << 20), "{groups:?}");
}

#[tokio::test]
async fn row_groups_do_not_depend_on_batches() {
    // 1 200 000 rows of 8 + 12 + 4 + 0 to 12 bytes: more than one row group.
    let whole = npy::files_of(PARQUET, 1_200_000, &[], 2_000_000, 1 << 20).await;
    let cut = npy::files_of(PARQUET, 1_200_000, &[1, 7777, 500_001, 900_000], 2_000_000, 70_000).await;
    assert!(whole == cut);
    let (rows, metadata) = read(whole.into_values().next().unwrap());
    assert_eq!(metadata.num_row_groups(), 5);
    assert!(rows.column(0).as_primitive::<Int64Type>().values().iter().copied().eq(1000..1_201_000));
    let texts = rows.column_by_name("note").unwrap().as_string::<i32>();
    assert!(texts.iter().flatten().enumerate().all(|(row, text)| text.len() == row % 7 * 2));
}
