// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;

use super::*;
use crate::session::{SessionOptions, session};
use crate::testing::{Failure, TestInstall, counted, failure, numbers, plan, query, session_over};

/// The texts of the only column.
async fn texts(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = query(ctx, &format!("SELECT CAST(one AS VARCHAR) FROM ({sql}) AS rows(one)")).await;
    let of_batch = |batch: &RecordBatch| {
        let column = datafusion::arrow::compute::cast(batch.column(0), &DataType::Utf8).unwrap();
        let column = column.as_string::<i32>().iter().map(|text| text.unwrap_or("NULL").to_owned());
        column.collect::<Vec<_>>()
    };
    batches.iter().flat_map(of_batch).collect()
}

/// Puts a vector in place of another.
fn put_vector(install: &TestInstall, segment: u32, row: usize, vector: &[f32]) {
    let path = install.file(segment, &format!("{segment}.rv"));
    let mut bytes = fs::read(&path).unwrap();
    let vector: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    let begin = 8 + row * vector.len();
    bytes[begin..begin + vector.len()].copy_from_slice(&vector);
    fs::write(path, bytes).unwrap();
}

/// Puts an id in place of another.
fn put_id(install: &TestInstall, segment: u32, row: usize, id: i64) {
    let path = install.file(segment, &format!("{segment}.uid"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[8 + row * 8..16 + row * 8].copy_from_slice(&id.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

/// Rows of length 1, 0, 5, NaN, infinity, and a deleted one that is NaN too.
fn odd_lengths() -> TestInstall {
    let install = TestInstall::float(2).segment("_default", 1, 6, &[5]).segment("p", 2, 4, &[]);
    for (row, vector) in
        [[1.0, 0.0], [0.0, 0.0], [3.0, 4.0], [0.0, f32::NAN], [f32::NEG_INFINITY, 1.0], [f32::NAN, 1.0]]
            .iter()
            .enumerate()
    {
        put_vector(&install, 1, row, vector);
    }
    install
}

#[tokio::test]
async fn segments_tell_ids_and_lengths_of_live_rows() {
    let install = odd_lengths();
    let ctx = install.session().await;
    let of_first = |column: &str| format!("SELECT {column} FROM measure.segments WHERE segment_id = '1'");
    for (column, value) in [
        ("collection || ' ' || partition_tag", "c _default"),
        ("live_rows", "5"),
        ("min_id", "1000"),
        ("max_id", "1004"),
        ("not_finite_rows", "2"),
        ("zero_rows", "1"),
        ("unit_rows", "1"),
        ("min_norm", "0.0"),
        ("avg_norm", "2.0"),
        ("max_norm", "5.0"),
        ("problem", "NULL"),
    ] {
        assert_eq!(texts(&ctx, &of_first(column)).await, [value], "{column}");
    }
    assert_eq!(numbers(&ctx, "SELECT live_rows FROM measure.segments").await, [4, 5]);
}

#[tokio::test]
async fn norms_count_every_finite_row_once() {
    let install = odd_lengths();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT sum(rows) FROM measure.norms").await, [7]);
    let small = "SELECT round(lower, 3) FROM measure.norms WHERE upper < 6 ORDER BY lower";
    assert_eq!(texts(&ctx, small).await, ["0.0", "0.979", "4.861"]);
    assert_eq!(numbers(&ctx, "SELECT rows FROM measure.norms WHERE upper = 0").await, [1]);
}

#[tokio::test]
async fn rows_that_are_not_finite_are_named_with_their_first_bad_component() {
    let install = odd_lengths();
    let ctx = install.session().await;
    let rows = "SELECT segment_id || ' ' || segment_offset || ' ' || id || ' ' || component FROM measure.invalid_rows ORDER BY segment_offset";
    assert_eq!(texts(&ctx, rows).await, ["1 3 1003 1", "1 4 1004 0"]);
}

#[tokio::test]
async fn a_thousand_rows_that_are_not_finite_are_named_and_all_are_counted() {
    let install = TestInstall::float(2).segment("_default", 1, 900, &[]).segment("p", 2, 900, &[]);
    for segment in [1, 2] {
        fs::write(install.file(segment, &format!("{segment}.rv")), counted(&[0xff; 7200])).unwrap();
    }
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.invalid_rows").await, [1000]);
    assert_eq!(numbers(&ctx, "SELECT max(id) FROM measure.invalid_rows").await, [2099]);
    assert_eq!(numbers(&ctx, "SELECT sum(not_finite_rows) FROM measure.segments").await, [1800]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.norms").await, [0]);
}

#[tokio::test]
async fn a_damaged_segment_is_left_out_and_one_that_fails_has_a_problem() {
    let install = TestInstall::float(4)
        .segment("_default", 1, 10, &[])
        .segment("_default", 2, 10, &[])
        .segment("p", 3, 10, &[1]);
    fs::write(install.file(1, "1.rv"), [0; 8]).unwrap();
    let source = install.open().await;
    let ctx = session_over(&source);
    // The headers are known, and then the vectors are gone.
    assert_eq!(source.measure_total("c").await.unwrap(), MeasureTotal { rows: 19, bytes: 19 * 24 });
    fs::remove_file(install.file(2, "2.rv")).unwrap();
    assert_eq!(texts(&ctx, "SELECT segment_id FROM measure.segments ORDER BY 1").await, ["2", "3"]);
    let problem = &texts(&ctx, "SELECT problem FROM measure.segments WHERE problem IS NOT NULL").await[0];
    assert!(problem.starts_with("vectors `/") && problem.contains("2.rv` is missing"), "{problem}");
    assert_eq!(numbers(&ctx, "SELECT sum(rows) FROM measure.norms").await, [9]);
    assert_eq!(numbers(&ctx, "SELECT live_rows FROM measure.segments WHERE min_norm IS NULL").await, [10]);
}

#[tokio::test]
async fn vectors_are_read_once_and_only_when_a_plan_runs() {
    let install = TestInstall::float(16).segment("_default", 1, 100, &[3]).segment("p", 2, 50, &[]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    let tables = ["segments", "norms", "invalid_rows", "repeats"];
    for table in tables {
        plan(&ctx, &format!("SELECT * FROM measure.{table}")).await;
    }
    assert_eq!(bucket.asked(), (0, 0));
    for table in tables.into_iter().chain(tables) {
        query(&ctx, &format!("SELECT * FROM measure.{table}")).await;
    }
    // Beside the vectors, their length headers: by the check of headers, and by the scan.
    assert_eq!(bucket.vectors_asked(), 150 * 64 + 2 * 8 + 2 * 8);
    // Another session over the same source reads nothing.
    bucket.asked();
    query(&session_over(&source), "SELECT * FROM measure.segments").await;
    assert_eq!(bucket.asked(), (0, 0));
}

#[tokio::test]
async fn a_filter_over_collections_leaves_the_others_unread() {
    let install = TestInstall::float(16).segment("_default", 1, 100, &[]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    for table in ["segments", "norms", "invalid_rows", "repeats", "repeated_ids", "bloom_filters"] {
        for filter in ["collection = 'x'", "collection LIKE 'd%'", "collection IS NULL"] {
            let sql = format!("SELECT count(*) FROM measure.{table} WHERE {filter}");
            assert_eq!(numbers(&ctx, &sql).await, [0]);
            assert_eq!(bucket.asked(), (0, 0), "{sql}");
        }
    }
    let sql = "SELECT live_rows FROM measure.segments WHERE collection = 'c' AND segment_id = '1'";
    assert_eq!(numbers(&ctx, sql).await, [100]);
    let sql = "SELECT live_rows FROM measure.segments WHERE collection = (SELECT max(collection) FROM meta.collections)";
    assert_eq!(numbers(&ctx, sql).await, [100]);
}

#[tokio::test]
async fn of_binary_vectors_only_ids_are_read() {
    let install = TestInstall::binary(64).segment("_default", 1, 10, &[0]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    assert_eq!(numbers(&ctx, "SELECT min_id FROM measure.segments").await, [1001]);
    let known = "SELECT count(not_finite_rows) + count(zero_rows) + count(avg_norm) FROM measure.segments";
    assert_eq!(numbers(&ctx, known).await, [0]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.norms").await, [0]);
    assert_eq!(bucket.vectors_asked(), 8);
}

#[tokio::test]
async fn an_empty_installation_has_no_rows() {
    let install = TestInstall::float(2).named(&["empty"]).segment("q", 9, 0, &[]);
    let ctx = install.session().await;
    for (table, _) in TABLES {
        let rows = numbers(&ctx, &format!("SELECT count(*) FROM measure.{table}")).await;
        let expected = match table {
            // `_default` has none, and the segment of `q` has no rows.
            "segments" | "bloom_filters" | "directories" => 1,
            _ => 0,
        };
        assert_eq!(rows, [expected], "{table}");
    }
    assert_eq!(texts(&ctx, "SELECT min_id FROM measure.segments").await, ["NULL"]);
}

/// Sums what it is told.
#[derive(Default)]
struct Sum(AtomicU64, AtomicU64);

impl MeasureObserver for Sum {
    fn on_rows(&self, rows: u64, bytes: u64) {
        self.0.fetch_add(rows, Ordering::Relaxed);
        self.1.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn who_watches_is_told_of_all_rows() {
    let install = TestInstall::float(4).segment("_default", 1, 10, &[3]).segment("p", 2, 6, &[]);
    let source = install.open().await;
    let sum = Arc::new(Sum::default());
    source.watch_measure(Arc::clone(&sum) as Arc<dyn MeasureObserver>);
    query(&session_over(&source), "SELECT * FROM measure.segments, measure.norms").await;
    let told = MeasureTotal { rows: sum.0.load(Ordering::Relaxed), bytes: sum.1.load(Ordering::Relaxed) };
    assert_eq!(told, source.measure_total("c").await.unwrap());
    assert_eq!(told.rows, 15);
    assert!(source.measure_total("d").await.is_err());
}

#[tokio::test]
async fn repeated_ids_are_counted_with_their_partitions_and_vectors() {
    let install = TestInstall::float(2)
        .segment("_default", 1, 5, &[4])
        .segment("_default", 2, 5, &[])
        .segment("p", 3, 5, &[]);
    // 2000 is three times, in two partitions and with different vectors; 1001 twice with
    // equal ones; 1004 is deleted in its first segment.
    put_id(&install, 3, 0, 2000);
    put_id(&install, 2, 3, 2000);
    put_id(&install, 2, 4, 1001);
    put_vector(&install, 2, 4, &[1001.0, 0.5]);
    put_id(&install, 3, 4, 1004);
    let ctx = install.session().await;
    for (column, value) in [("ids", 2), ("rows", 5), ("across_partitions", 1), ("different_vectors", 1)] {
        assert_eq!(
            numbers(&ctx, &format!("SELECT {column} FROM measure.repeats")).await,
            [value],
            "{column}"
        );
    }
    let rows = "SELECT id || ' ' || rows || ' ' || partitions || ' ' || has_different_vectors FROM measure.repeated_ids";
    assert_eq!(texts(&ctx, rows).await, ["1001 2 1 false", "2000 3 2 true"]);
}

#[tokio::test]
async fn many_repeated_ids_are_found_within_little_memory() {
    // Twice the same 20000 rows, the second half with other vectors in the last 3000.
    let rows = 20_000_u64;
    let install = TestInstall::float(2).segment("_default", 1, 3, &[]).segment("_default", 2, 3, &[]);
    let ids: Vec<u8> = (0..rows).flat_map(|id| (id ^ 5).to_le_bytes()).collect();
    let vectors = |other: u64| -> Vec<u8> {
        let of_row = |row: u64| if row >= rows - other { [1; 8] } else { row.to_le_bytes() };
        (0..rows).flat_map(of_row).collect()
    };
    for (segment, other) in [(1, 0), (2, 3000)] {
        fs::write(install.file(segment, &format!("{segment}.uid")), counted(&ids)).unwrap();
        fs::write(install.file(segment, &format!("{segment}.rv")), counted(&vectors(other))).unwrap();
    }
    let source = install.open().await;
    let ctx = session(SessionOptions { workers: 2, memory_bytes: 1 << 20 }).unwrap();
    source.register(&ctx).unwrap();
    for (column, value) in
        [("ids", 20_000), ("rows", 40_000), ("across_partitions", 0), ("different_vectors", 3000)]
    {
        assert_eq!(
            numbers(&ctx, &format!("SELECT {column} FROM measure.repeats")).await,
            [value],
            "{column}"
        );
    }
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.repeated_ids").await, [1000]);
    assert_eq!(numbers(&ctx, "SELECT max(id) FROM measure.repeated_ids").await, [999]);
}

#[tokio::test]
async fn vectors_are_read_of_few_rows_that_repeat() {
    let install = TestInstall::float(128).segment("_default", 1, 900, &[]).segment("p", 2, 900, &[]);
    put_id(&install, 2, 7, 1000);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    assert_eq!(numbers(&ctx, "SELECT different_vectors FROM measure.repeats").await, [1]);
    // Two vectors, and the length headers at three times.
    let asked = bucket.vectors_asked();
    assert!(asked <= 2 * 512 + 6 * 8, "{asked}");
}

#[tokio::test]
async fn ids_that_ascend_in_ranges_of_their_own_are_not_sorted() {
    let install = TestInstall::float(16).segment("_default", 1, 900, &[]).segment("p", 2, 900, &[]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.repeats").await, [0]);
    let (_, first) = bucket.asked();
    // The ids once, and headers.
    assert!(first < 1800 * 8 + 200, "{first}");
}

#[tokio::test]
async fn folders_are_listed_with_what_the_metadata_says_of_them() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 3, &[]);
    let tables = install.tables();
    fs::write(install.file(1, "1700"), [0; 10]).unwrap();
    fs::write(install.file(1, "temp_del"), []).unwrap();
    fs::write(install.file(1, "age.ra"), [0; 4]).unwrap();
    fs::write(install.file(1, ".hidden"), [0; 4]).unwrap();
    fs::create_dir_all(tables.join("c/3")).unwrap();
    fs::write(tables.join("c/3/3.uid"), counted(&[0; 16])).unwrap();
    fs::create_dir_all(tables.join("ghost/4/deeper")).unwrap();
    fs::create_dir_all(tables.join(".snapshot/5")).unwrap();
    fs::write(tables.join("loose"), []).unwrap();
    let outside = install.root().join("outside/6");
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, tables.join("c/6")).unwrap();
    std::os::unix::fs::symlink(&tables, tables.join("loop")).unwrap();
    std::os::unix::fs::symlink(tables.join("loose"), tables.join("c/1/link")).unwrap();
    let ctx = install.session().await;
    let states = "SELECT table_id || '/' || segment_id || ' ' || state FROM measure.directories ORDER BY 1";
    assert_eq!(texts(&ctx, states).await, ["c/1 live", "c/3 unknown", "c_p/2 live", "ghost/4 ghost"]);
    let of_first = |column: &str| format!("SELECT {column} FROM measure.directories WHERE segment_id = '1'");
    for (column, value) in [
        ("files", "6"),
        // Ids, vectors, deleted docs, an index and an attribute.
        ("bytes", "118"),
        ("rows", "5"),
        ("has_ids AND has_vectors AND has_deleted_docs", "true"),
        ("has_bloom_filter", "false"),
        ("attribute_files", "1"),
        ("index_files", "1"),
        ("temporary_files", "1"),
        ("collection || ' ' || partition_tag", "c _default"),
    ] {
        assert_eq!(texts(&ctx, &of_first(column)).await, [value], "{column}");
    }
    let path = &texts(&ctx, &of_first("path || ' ' || root")).await[0];
    assert_eq!(path, &format!("{} {}", tables.join("c/1").display(), tables.display()));
    assert_eq!(texts(&ctx, "SELECT rows FROM measure.directories WHERE segment_id = '4'").await, ["NULL"]);
    assert_eq!(numbers(&ctx, "SELECT count(collection) FROM measure.directories").await, [3]);
}

#[tokio::test]
async fn live_segments_behind_links_are_live_and_no_folder_is_counted_twice() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 3, &[]);
    let (tables, elsewhere) = (install.tables(), install.root().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    let link = |from: &std::path::Path, to: &str| {
        std::os::unix::fs::symlink(from, tables.join(to)).unwrap();
    };
    // A segment, and a table with a folder that the metadata does not name.
    fs::rename(tables.join("c/1"), elsewhere.join("1")).unwrap();
    link(&elsewhere.join("1"), "c/1");
    fs::create_dir(tables.join("c_p/7")).unwrap();
    fs::rename(tables.join("c_p"), elsewhere.join("c_p")).unwrap();
    link(&elsewhere.join("c_p"), "c_p");
    // Other names of these, and links that lead nowhere or around.
    link(&elsewhere.join("c_p"), "alias");
    link(&elsewhere.join("1"), "c/0");
    link(&tables.join("c/nothing"), "c/2");
    link(&tables, "c/3");
    let mut install = install.install();
    let rows = "SELECT table_id || '/' || segment_id || ' ' || state || ' ' || has_ids FROM measure.directories ORDER BY 1";
    let expected = ["c/1 live true", "c_p/2 live true", "c_p/7 unknown false"];
    let ctx = session_over(&Source::open(&install).await.unwrap());
    assert_eq!(texts(&ctx, rows).await, expected);
    // Another name of the same `tables` folder.
    std::os::unix::fs::symlink(&tables, elsewhere.join("tables")).unwrap();
    install.tables.push(elsewhere.join("tables"));
    let ctx = session_over(&Source::open(&install).await.unwrap());
    assert_eq!(texts(&ctx, rows).await, expected);
}

#[tokio::test]
async fn a_bucket_is_listed_as_a_folder_is() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 3, &[]);
    fs::create_dir_all(install.tables().join("ghost/4")).unwrap();
    fs::write(install.tables().join("ghost/4/4.uid"), counted(&[0; 16])).unwrap();
    let columns = "table_id || segment_id || state || files || bytes || rows || has_ids || has_vectors";
    let sql = format!("SELECT {columns} FROM measure.directories ORDER BY 1");
    let (source, _) = install.open_in_bucket().await;
    let in_bucket = session_over(&source);
    assert_eq!(texts(&in_bucket, &sql).await, texts(&install.session().await, &sql).await);
    let paths = "SELECT path FROM measure.directories WHERE state = 'ghost'";
    assert_eq!(texts(&in_bucket, paths).await, ["s3://bucket/var/db/tables/ghost/4"]);
}

#[tokio::test]
async fn all_tables_folders_are_listed() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]);
    let other = install.root().join("other");
    fs::create_dir_all(other.join("c/1")).unwrap();
    fs::write(other.join("c/1/1700"), [0; 7]).unwrap();
    let mut both = install.install();
    both.tables.extend([other, install.root().join("not_there")]);
    let ctx = session_over(&Source::open(&both).await.unwrap());
    let rows = "SELECT state || ' ' || has_ids || ' ' || index_files FROM measure.directories ORDER BY root";
    assert_eq!(texts(&ctx, rows).await, ["live false 1", "live true 0"]);
}

#[tokio::test]
async fn bloom_filters_are_tested_against_live_ids() {
    let install = TestInstall::float(2)
        .segment("_default", 1, 5, &[1])
        .segment("_default", 2, 5, &[])
        .segment("_default", 3, 5, &[])
        .segment("p", 4, 5, &[]);
    // A filter of 1.1.1 for 6 ids, whose counters are all above 0, or all 0.
    let filter = |counters: u8| {
        let structure = [&[0; 40][..], &[counters; 36]].concat();
        [b"bloom_0\0", &6_u32.to_le_bytes()[..], &0.01_f64.to_le_bytes(), &76_u64.to_le_bytes(), &structure]
            .concat()
    };
    fs::write(install.file(1, "bloom_filter"), filter(0x11)).unwrap();
    fs::write(install.file(2, "bloom_filter"), filter(0)).unwrap();
    fs::write(install.file(3, "bloom_filter"), &filter(0x11)[..90]).unwrap();
    let ctx = install.session().await;
    let states = "SELECT segment_id || ' ' || state || ' ' || coalesce(CAST(missing_ids AS VARCHAR), '-') FROM measure.bloom_filters ORDER BY 1";
    assert_eq!(texts(&ctx, states).await, ["1 ok 0", "2 incomplete 5", "3 damaged -", "4 missing -"]);
    let problem = &texts(&ctx, "SELECT problem FROM measure.bloom_filters WHERE state = 'damaged'").await[0];
    assert!(problem.contains("bloom_filter` is damaged: expected 76 more bytes"), "{problem}");
}

/// A filter of 1.1.1 for 6 ids, which lets all ids pass.
fn full_filter() -> Vec<u8> {
    let settings = [&6_u32.to_le_bytes()[..], &0.01_f64.to_le_bytes(), &76_u64.to_le_bytes()].concat();
    [b"bloom_0\0", &settings[..], &[0; 40], &[0x11; 36]].concat()
}

#[tokio::test]
async fn a_bloom_filter_of_any_size_is_refused_before_it_is_read() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]);
    fs::write(install.file(1, "bloom_filter"), [0; 8]).unwrap();
    let file = fs::File::options().write(true).open(install.file(1, "bloom_filter")).unwrap();
    file.set_len((1 << 30) + 1).unwrap();
    let ctx = install.session().await;
    let states = "SELECT coalesce(state, 'none') || ' ' || problem FROM measure.bloom_filters";
    let expected = "none the bloom filter has 1073741825 bytes, of which at most 1073741824 are read";
    assert_eq!(texts(&ctx, states).await, [expected]);
    file.set_len(0).unwrap();
    assert_eq!(texts(&ctx, "SELECT state FROM measure.bloom_filters").await, ["damaged"]);
}

#[tokio::test]
async fn a_bloom_filter_takes_its_room_from_the_session() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]);
    fs::write(install.file(1, "bloom_filter"), vec![0; 3 << 20]).unwrap();
    let source = install.open().await;
    let ctx = session(SessionOptions { workers: 2, memory_bytes: 2 << 20 }).unwrap();
    source.register(&ctx).unwrap();
    let refused = &texts(&ctx, "SELECT problem FROM measure.bloom_filters WHERE state IS NULL").await[0];
    assert!(refused.contains("bloom filter") && refused.contains("3.0 MB"), "{refused}");
    // With more room it is read.
    assert_eq!(texts(&session_over(&source), "SELECT state FROM measure.bloom_filters").await, ["damaged"]);
}

#[tokio::test]
async fn a_bloom_filter_that_cannot_be_asked_for_is_not_damaged() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 5, &[]);
    for segment in [1, 2] {
        fs::write(install.file(segment, "bloom_filter"), full_filter()).unwrap();
    }
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    let states = "SELECT segment_id || ' ' || coalesce(state, problem) FROM measure.bloom_filters ORDER BY 1";
    texts(&ctx, "SELECT count(*) FROM measure.norms").await;
    bucket.fail("1/bloom_filter", Failure::Busy);
    bucket.fail("2/bloom_filter", Failure::Denied);
    let asked = texts(&ctx, states).await;
    assert!(asked[0].starts_with("1 cannot read bloom filter `s3://bucket/"), "{}", asked[0]);
    assert_eq!(asked[1], "2 missing", "who may not list is denied what is not there");
    assert_eq!(texts(&ctx, states).await, ["1 ok", "2 missing"]);
}

#[tokio::test]
async fn a_bloom_filter_without_answer_fails_who_does_not_ask_why() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]);
    fs::write(install.file(1, "bloom_filter"), full_filter()).unwrap();
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    texts(&ctx, "SELECT count(*) FROM measure.norms").await;
    bucket.fail("1/bloom_filter", Failure::Busy);
    let error = failure(&ctx, "SELECT state FROM measure.bloom_filters").await;
    assert!(error.contains("cannot read bloom filter") && error.contains("busy"), "{error}");
    assert_eq!(texts(&ctx, "SELECT state FROM measure.bloom_filters").await, ["ok"]);
}

#[tokio::test]
async fn a_segment_whose_headers_fail_once_is_told_and_read_the_next_time() {
    for file in ["2.uid", "2.rv", "2/deleted_docs"] {
        let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 5, &[]);
        put_vector(&install, 2, 1, &[f32::NAN, 0.0]);
        put_id(&install, 2, 0, 1000);
        for (table, found) in [("invalid_rows", 1), ("repeats", 1), ("repeated_ids", 1), ("norms", 9)] {
            let (source, bucket) = install.open_in_bucket().await;
            let ctx = session_over(&source);
            // The folders are found by headers, too.
            source.inner.roots.locator().await.unwrap();
            bucket.fail(file, Failure::Busy);
            let column = if table == "norms" { "CAST(sum(rows) AS BIGINT)" } else { "count(*)" };
            let sql = format!("SELECT {column} FROM measure.{table}");
            let error = failure(&ctx, &sql).await;
            assert!(error.contains("cannot read") && error.contains("busy"), "{file} {table}: {error}");
            assert_eq!(numbers(&ctx, &sql).await, [found], "{file} {table}");
        }
        let (source, bucket) = install.open_in_bucket().await;
        let ctx = session_over(&source);
        source.inner.roots.locator().await.unwrap();
        bucket.fail(file, Failure::Busy);
        let segments = "SELECT segment_id || ' ' || coalesce(problem, CAST(live_rows AS VARCHAR)) FROM measure.segments ORDER BY 1";
        let told = texts(&ctx, segments).await;
        assert_eq!(told[0], "1 5");
        assert!(told[1].starts_with("2 cannot read ") && told[1].contains("busy"), "{}", told[1]);
        assert_eq!(texts(&ctx, segments).await, ["1 5", "2 5"]);
        assert_eq!(numbers(&ctx, "SELECT not_finite_rows FROM measure.segments").await, [0, 1]);
    }
}

#[tokio::test]
async fn a_segment_whose_data_fails_once_is_read_alone_the_next_time() {
    let install = TestInstall::float(16).segment("_default", 1, 100, &[]).segment("p", 2, 50, &[]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    source.measure_total("c").await.unwrap();
    bucket.vectors_asked();
    bucket.fail("1.rv", Failure::Busy);
    let problems = "SELECT problem FROM measure.segments ORDER BY segment_id";
    let told = texts(&ctx, problems).await;
    assert!(told[0].contains("busy") && told[1] == "NULL", "{told:?}");
    let first = bucket.vectors_asked();
    assert_eq!(first, 50 * 64 + 8);
    assert_eq!(texts(&ctx, problems).await, ["NULL", "NULL"]);
    assert_eq!(bucket.vectors_asked(), 100 * 64 + 8);
    assert_eq!(numbers(&ctx, "SELECT CAST(sum(rows) AS BIGINT) FROM measure.norms").await, [150]);
    assert_eq!(numbers(&ctx, "SELECT live_rows FROM measure.segments").await, [50, 100]);
    assert_eq!(bucket.vectors_asked(), 0);
}

#[tokio::test]
async fn who_does_not_ask_for_problems_is_failed_by_them() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 5, &[]);
    for table in ["segments", "norms", "invalid_rows", "repeats", "repeated_ids"] {
        let (source, bucket) = install.open_in_bucket().await;
        let ctx = session_over(&source);
        source.measure_total("c").await.unwrap();
        bucket.fail("2.uid", Failure::Busy);
        let sql = format!("SELECT count(*) FROM measure.{table}");
        let error = failure(&ctx, &sql).await;
        assert!(error.contains("2.uid") && error.contains("busy"), "{table}: {error}");
        numbers(&ctx, &sql).await;
    }
}

#[tokio::test]
async fn a_pass_that_was_given_up_is_made_again() {
    let install = TestInstall::float(2).segment("_default", 1, 5, &[]).segment("p", 2, 5, &[]);
    let (source, _) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    for table in ["segments", "norms", "repeats", "bloom_filters"] {
        let sql = format!("SELECT count(*) FROM measure.{table}");
        for polls in 1..6 {
            let frame = ctx.sql(&sql).await.unwrap();
            let mut rows = Box::pin(frame.collect());
            for _ in 0..polls {
                if futures::poll!(rows.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(numbers(&ctx, "SELECT live_rows FROM measure.segments").await, [5, 5]);
    assert_eq!(numbers(&ctx, "SELECT CAST(sum(rows) AS BIGINT) FROM measure.norms").await, [10]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.repeats").await, [0]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.bloom_filters").await, [2]);
}

#[tokio::test]
async fn filters_over_collections_leave_the_rows_that_the_engine_leaves() {
    let install = TestInstall::float(2).named(&["c", "D"]);
    let install = install.segment("_default", 1, 5, &[]).segment("_default", 2, 3, &[]);
    put_id(&install, 2, 0, 1000);
    // The segments of `D` are like those of `c`.
    for (segment, file) in [(1, "1.uid"), (1, "1.rv"), (2, "2.uid"), (2, "2.rv")]
        .into_iter()
        .chain([(1, "deleted_docs"), (2, "deleted_docs")])
    {
        let folder = install.tables().join("D").join(segment.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::copy(install.file(segment, file), folder.join(file)).unwrap();
    }
    let ctx = install.session().await;
    for table in ["segments", "norms", "bloom_filters", "repeats"] {
        let plain = query(&ctx, &format!("SELECT * FROM measure.{table}")).await;
        let schema = Arc::clone(ctx.table(format!("measure.{table}")).await.unwrap().schema().inner());
        let plain = datafusion::catalog::MemTable::try_new(schema, vec![plain]).unwrap();
        ctx.register_table(format!("plain_{table}"), Arc::new(plain)).unwrap();
        let other = match table {
            "segments" | "bloom_filters" => "segment_id = '2'",
            _ => "rows > 3",
        };
        for filter in [
            "collection <> 'c'",
            &format!("collection = 'c' OR {other}"),
            &format!("collection = 'c' AND {other}"),
            "collection NOT IN ('c', 'x')",
            "lower(collection) = 'd'",
            "collection IS NULL",
            "collection IS NOT NULL AND NOT (collection = 'D')",
            "NULL",
            "collection IN ('D', NULL)",
            "collection NOT IN ('D', NULL)",
        ] {
            let of = |name: String| format!("SELECT count(*) FROM {name} WHERE {filter}");
            let expected = numbers(&ctx, &of(format!("plain_{table}"))).await;
            assert_eq!(numbers(&ctx, &of(format!("measure.{table}"))).await, expected, "{table} {filter}");
        }
    }
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM measure.segments WHERE collection <> 'c'").await, [2]);
}
