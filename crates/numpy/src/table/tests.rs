// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;

use super::*;
use crate::testing::{Bench, archive, deflated, float32s, int64s, npy};

async fn bench_with_folder() -> Bench {
    let bench = Bench::new();
    bench.write("d/vector.npy", &npy("<f4", "(3, 2)", &float32s([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])));
    bench.write("d/id.npy", &npy("<i8", "(3,)", &int64s(3)));
    bench.write("d/flag.npy", &npy("|b1", "(3,)", &[1, 0, 1]));
    bench.write("d/manifest.json", b"{}");
    bench.write("d/deeper/more.npy", &npy("|b1", "(1,)", &[1]));
    bench.create("NPY", "d/").await.unwrap();
    bench
}

#[tokio::test]
async fn a_file_is_a_column_with_its_name() {
    let bench = Bench::new();
    bench.write("queries.npy", &npy("<f4", "(2, 2)", &float32s([0.0, 0.5, 1.0, 1.5])));
    bench.create("NPY", "queries.npy").await.unwrap();
    assert_eq!(bench.sql("SELECT queries FROM t").await.unwrap(), "[0.0, 0.5]; [1.0, 1.5]");
    let schema = bench.ctx.table("t").await.unwrap().schema().as_arrow().clone();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    assert_eq!(schema.field(0).data_type(), &DataType::FixedSizeList(item, 2));
    assert!(!schema.field(0).is_nullable());
}

#[tokio::test]
async fn a_folder_is_a_table_with_id_first() {
    let bench = bench_with_folder().await;
    let rows = "0 | true | [0.0, 0.5]; 1 | false | [1.0, 1.5]; 2 | true | [2.0, 2.5]";
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), rows);
    bench.create("NPY", "d").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), rows, "without a slash");
    assert_eq!(bench.sql("SELECT vector[2], id + 1 FROM t WHERE flag").await.unwrap(), "0.5 | 1; 2.5 | 3");
}

#[tokio::test]
async fn scalars_and_more_axes_are_rows_and_lists_of_lists() {
    let bench = Bench::new();
    bench.write("one.npy", &npy("<i8", "()", &7_i64.to_le_bytes()));
    bench.create("NPY", "one.npy").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), "7");
    bench.write("cube.npy", &npy("|i1", "(2, 2, 3)", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    bench.create("NPY", "cube.npy").await.unwrap();
    let rows = "[[1, 2, 3], [4, 5, 6]]; [[7, 8, 9], [10, 11, 12]]";
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), rows);
    bench.write("none.npy", &npy("<f4", "(0, 4)", &[]));
    bench.create("NPY", "none.npy").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), "");
    assert_eq!(bench.sql("SELECT count(*) FROM t").await.unwrap(), "0");
}

#[tokio::test]
async fn only_arrays_that_are_asked_for_are_read() {
    let bench = bench_with_folder().await;
    assert_eq!(bench.bytes_scanned("SELECT id FROM t").await, 24);
    assert_eq!(bench.bytes_scanned("SELECT flag, id FROM t").await, 27);
    assert_eq!(bench.bytes_scanned("SELECT vector FROM t LIMIT 1").await, 8);
    assert_eq!(bench.bytes_scanned("SELECT count(*) FROM t").await, 0);
    assert_eq!(bench.bytes_scanned("SELECT 1 FROM t").await, 0);
    assert_eq!(bench.sql("SELECT 1 FROM t").await.unwrap(), "1; 1; 1");
}

#[tokio::test]
async fn headers_answer_count_and_the_plan_says_what_is_read() {
    let bench = bench_with_folder().await;
    let plan = bench.sql("EXPLAIN SELECT count(*) FROM t").await.unwrap();
    assert!(plan.contains("PlaceholderRowExec") && !plan.contains("DataSourceExec"), "{plan}");
    let plan = bench.sql("EXPLAIN SELECT flag FROM t LIMIT 2").await.unwrap();
    assert!(plan.contains("limit=2") && plan.contains("file_type=npy, arrays=[flag]"), "{plan}");
}

#[tokio::test]
async fn large_arrays_are_read_by_all_partitions_and_every_row_once() {
    let rows = 3 << 20;
    let ids: Vec<u8> = (0..rows).flat_map(i64::to_le_bytes).collect();
    let (one, four) = (Bench::with_partitions(1), Bench::with_partitions(4));
    for (bench, groups) in [(&one, "1 group:"), (&four, "3 groups:")] {
        bench.write("id.npy", &npy("<i8", &format!("({rows},)"), &ids));
        bench.create("NPY", "id.npy").await.unwrap();
        let plan = bench.sql("EXPLAIN SELECT id FROM t").await.unwrap();
        assert!(plan.contains(groups), "{plan}");
        let sums = "SELECT count(id), count(DISTINCT id), min(id), max(id), sum(id) FROM t WHERE id >= 0";
        let sum = rows * (rows - 1) / 2;
        let expected = format!("{rows} | {rows} | 0 | {} | {sum}", rows - 1);
        assert_eq!(bench.sql(sums).await.unwrap(), expected);
        assert_eq!(bench.sql("SELECT id FROM t LIMIT 3").await.unwrap(), "0; 1; 2", "few rows are in order");
        assert_eq!(bench.sql("SELECT id FROM t OFFSET 100000 LIMIT 2").await.unwrap(), "100000; 100001");
    }
    let batches = one.batches("SELECT id FROM t").await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 1 << 16));
}

#[tokio::test]
async fn rows_of_bytes_are_lists_or_binary_values() {
    let bench = Bench::new();
    bench.write("b.npy", &npy("|u1", "(2, 2)", &[1, 2, 0xfe, 0xff]));
    bench.create("NPY", "b.npy").await.unwrap();
    assert_eq!(bench.sql("SELECT b FROM t").await.unwrap(), "[1, 2]; [254, 255]");
    bench.create_with("NPY", "b.npy", "OPTIONS ('binary' 'true')").await.unwrap();
    assert_eq!(
        bench.sql("SELECT b, arrow_typeof(b) FROM t LIMIT 1").await.unwrap(),
        "0102 | FixedSizeBinary(2)"
    );
    assert_eq!(bench.sql("SELECT b FROM t").await.unwrap(), "0102; feff");
}

#[tokio::test]
async fn rows_have_numbers_when_asked_for() {
    let bench = bench_with_folder().await;
    bench.create_with("NPY", "d/", "OPTIONS ('row_number' 'n')").await.unwrap();
    assert_eq!(
        bench.sql("SELECT n, id, flag FROM t").await.unwrap(),
        "0 | 0 | true; 1 | 1 | false; 2 | 2 | true"
    );
    assert_eq!(bench.sql("SELECT n FROM t WHERE n > 0").await.unwrap(), "1; 2");
    assert_eq!(bench.bytes_scanned("SELECT n FROM t").await, 0);
    let rows = 3 << 20;
    let down: Vec<u8> = (0..rows).rev().flat_map(i64::to_le_bytes).collect();
    bench.write("down.npy", &npy("<i8", &format!("({rows},)"), &down));
    bench.create_with("NPY", "down.npy", "OPTIONS ('row_number' 'n')").await.unwrap();
    let sql = "SELECT n, down FROM t ORDER BY n";
    let plan = bench.sql(&format!("EXPLAIN {sql}")).await.unwrap();
    assert!(plan.contains("3 groups:") && plan.contains("SortPreservingMergeExec"), "{plan}");
    assert!(!plan.contains("SortExec"), "{plan}");
    let mut expected = 0;
    for batch in bench.batches(sql).await.unwrap() {
        for (&number, &value) in int64(&batch, 0).iter().zip(int64(&batch, 1)) {
            assert_eq!((number, value), (expected, rows - 1 - expected));
            expected += 1;
        }
    }
    assert_eq!(expected, rows);
}

fn int64(batch: &RecordBatch, column: usize) -> &[i64] {
    batch.column(column).as_primitive::<Int64Type>().values()
}

#[tokio::test]
async fn arrays_of_different_lengths_are_named_with_both_numbers() {
    let bench = bench_with_folder().await;
    bench.write("d/late.npy", &npy("|b1", "(4,)", &[0; 4]));
    let said = bench.create("NPY", "d/").await.unwrap_err();
    assert!(said.contains("/d/id.npy` has 3 rows, and") && said.contains("/d/late.npy` has 4"), "{said}");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let bench = Bench::new();
    let said = bench.create("NPY", "no.npy").await.unwrap_err();
    assert!(said.contains("there is no NumPy file `/") && said.contains("no.npy`"), "{said}");
    let said = bench.create("NPZ", "no.npz").await.unwrap_err();
    assert!(said.contains("there is no NumPy file"), "{said}");
    bench.write("d/a.txt", b"");
    let said = bench.create("NPY", "d/").await.unwrap_err();
    assert!(said.contains("/d/` has no arrays: expected files `*.npy` directly in it"), "{said}");
    let said = bench.create("NPY", "d/*.npy").await.unwrap_err();
    assert!(said.contains("takes no pattern in LOCATION: name a file, or a folder"), "{said}");
}

#[tokio::test]
async fn damage_is_named_with_its_file() {
    let bench = Bench::new();
    bench.write("d/id.npy", &npy("<i8", "(2,)", &int64s(2)));
    bench.write("d/bad.npy", &npy("<i8", "(3,)", &int64s(2)));
    let said = bench.create("NPY", "d/").await.unwrap_err();
    assert!(
        said.contains("/d/bad.npy` is damaged: expected 152 bytes for shape [3] of `<i8`, found 144 bytes"),
        "{said}"
    );
    bench.write("d/bad.npy", b"");
    let said = bench.create("NPY", "d/").await.unwrap_err();
    assert!(said.contains("/d/bad.npy` is damaged: expected a NumPy file, found an empty file"), "{said}");
    bench.write("flags.npy", &npy("|b1", "(2, 2)", &[0, 1, 1, 9]));
    bench.create("NPY", "flags.npy").await.unwrap();
    let said = bench.sql("SELECT * FROM t").await.unwrap_err();
    assert!(said.contains("flags.npy`, row 1: expected a boolean of 0 or 1, found byte 0x09"), "{said}");
}

#[tokio::test]
async fn a_file_written_anew_is_read_as_it_is_now() {
    let bench = bench_with_folder().await;
    bench.write("d/id.npy", &npy("<i8", "(2,)", &int64s(2)));
    let said = bench.sql("SELECT id FROM t").await.unwrap_err();
    assert!(said.contains("has 2 rows"), "{said}");
    bench.write("d/flag.npy", &npy("|b1", "(2,)", &[0, 1]));
    bench.write("d/vector.npy", &npy("<f4", "(2, 2)", &[0; 16]));
    assert_eq!(bench.sql("SELECT id, flag FROM t").await.unwrap(), "0 | false; 1 | true");
    bench.write("d/vector.npy", &npy("<f4", "(2, 3)", &[0; 24]));
    let said = bench.sql("SELECT id FROM t").await.unwrap_err();
    assert!(
        said.contains("changed after the table was created") && said.contains("create it again"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_that_changes_after_planning_is_not_read() {
    let bench = bench_with_folder().await;
    let plan = bench.ctx.sql("SELECT id FROM t").await.unwrap().create_physical_plan().await.unwrap();
    for bytes in [npy("<i8", "(4,)", &int64s(4)), npy("<i8", "(1,)", &int64s(1)), b"short".to_vec()] {
        bench.write("d/id.npy", &bytes);
        let read = datafusion::physical_plan::collect(Arc::clone(&plan), bench.ctx.task_ctx()).await;
        let said = read.unwrap_err().to_string();
        let expected = format!(
            "d/id.npy` changed after the query was planned: expected 152 bytes, found {}",
            bytes.len()
        );
        assert!(said.contains(&expected), "{said}");
    }
}

#[tokio::test]
async fn statements_say_only_what_files_can_do() {
    let bench = bench_with_folder().await;
    let path = bench.path("d/");
    let create = |before: &str, after: &str| {
        format!("CREATE EXTERNAL TABLE {before} STORED AS NPY {after} LOCATION '{}'", path.display())
    };
    for (sql, expected) in [
        (create("n (id BIGINT)", ""), "takes no list of columns: names and types are those of the arrays"),
        (create("n", "OPTIONS ('bits' 'true')"), "no option `bits`: there are `binary` and `row_number`"),
        (create("n", "OPTIONS ('aws.region' 'x')"), "no option `aws.region`"),
        (create("n", "OPTIONS ('binary' '2')"), "expected `true` or `false`, found `2`"),
        (create("n", "OPTIONS ('row_number' '')"), "expected the name of a column, found ``"),
        (create("n", "OPTIONS ('row_number' 'id')"), "has two arrays `id`"),
        (create("t", ""), "already exists"),
    ] {
        let said = bench.sql(&sql).await.unwrap_err();
        assert!(said.contains(expected), "{sql}: {said}");
    }
    bench.sql(&create("IF NOT EXISTS t", "")).await.unwrap();
    let table = bench.ctx.table_provider("t").await.unwrap();
    assert!(table.get_table_definition().unwrap().starts_with("CREATE EXTERNAL TABLE t STORED AS NPY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_a_bucket_are_tables_too() {
    let (bench, bucket) = (Bench::new(), Arc::new(InMemory::new()));
    let url = ObjectStoreUrl::parse("s3://bucket").unwrap();
    bench.ctx.register_object_store(url.as_ref(), Arc::<InMemory>::clone(&bucket));
    let rows = 3 << 20;
    let ids: Vec<u8> = (0..rows).flat_map(i64::to_le_bytes).collect();
    let ids = npy("<i8", &format!("({rows},)"), &ids);
    let flags = npy("|b1", &format!("({rows},)"), &vec![1; usize::try_from(rows).unwrap()]);
    let packed = archive(&[("id.npy", &ids), ("flag.npy", &flags)], deflated());
    for (key, bytes) in
        [("a b/id.npy", ids), ("a b/flag.npy", flags), ("a b/deep/x.npy", vec![]), ("x.npz", packed)]
    {
        bucket.put(&object_store::path::Path::from(key), bytes.into()).await.unwrap();
    }
    for (kind, location) in [("NPY", "a b/"), ("NPY", "a b"), ("NPZ", "x.npz")] {
        let sql =
            format!("CREATE OR REPLACE EXTERNAL TABLE t STORED AS {kind} LOCATION 's3://bucket/{location}'");
        bench.sql(&sql).await.unwrap();
        let sql = "SELECT count(*), sum(id) FROM t WHERE flag";
        assert_eq!(
            bench.sql(sql).await.unwrap(),
            format!("{rows} | {}", rows * (rows - 1) / 2),
            "{location}"
        );
    }
    for (kind, location, expected) in [
        ("NPY", "none.npy", "there is no NumPy file `s3://bucket/none.npy`"),
        ("NPY", "none/", "`s3://bucket/none/` has no arrays"),
        ("NPZ", "a b/id.npy", "NumPy file `s3://bucket/a b/id.npy` holds one array"),
        ("NPY", "x.npz", "NumPy file `s3://bucket/x.npz` holds an archive of arrays"),
    ] {
        let sql = format!("CREATE EXTERNAL TABLE n STORED AS {kind} LOCATION 's3://bucket/{location}'");
        let said = bench.sql(&sql).await.unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
