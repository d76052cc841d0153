// SPDX-License-Identifier: Apache-2.0
//! Files that numpy wrote are tables with what numpy wrote.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};
use m2m_storage::{BucketOptions, Secret, Storage};
use serde::Deserialize;

use crate::support::command::{m2m, run, run_command};
use crate::support::hex::hex;
use crate::support::services::unique;
use crate::support::{fixtures, services};

/// What numpy says of an array.
#[derive(Debug, Deserialize)]
struct Expected {
    /// Little-endian bytes of all values, in hexadecimal digits.
    bytes: Option<String>,
    /// The strings instead, each in hexadecimal digits.
    strings: Option<Vec<String>>,
    shape: Vec<usize>,
    nulls: usize,
}

fn numpy(args: &[&str]) -> String {
    let script = fixtures::project().join("tests/tools/numpy_tables.py");
    let output = Command::new(services::python()).arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A session that knows an installation and NumPy files.
async fn open(install: &str, workers: usize) -> SessionContext {
    let source = Source::open(&Install::locate(&fixtures::install(install)).unwrap()).await.unwrap();
    let ctx = session(SessionOptions { workers, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    m2m_numpy::register(&ctx);
    ctx
}

async fn create(ctx: &SessionContext, name: &str, kind: &str, path: &Path) {
    let sql = format!("CREATE EXTERNAL TABLE {name} STORED AS {kind} LOCATION '{}'", path.display());
    ctx.sql(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn rows(ctx: &SessionContext, sql: &str) -> RecordBatch {
    let frame = ctx.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    concat_batches(&schema, &batches).unwrap()
}

/// The values of lists of lists, and how long the lists are.
fn flat(array: &ArrayRef) -> (ArrayRef, Vec<usize>) {
    let (mut values, mut shape) = (Arc::clone(array), vec![array.len()]);
    while let DataType::FixedSizeList(_, size) = values.data_type().clone() {
        shape.push(usize::try_from(size).unwrap());
        values = Arc::clone(values.as_fixed_size_list().values());
    }
    (values, shape)
}

fn compare(name: &str, array: &ArrayRef, expected: &Expected) {
    let (values, shape) = flat(array);
    assert_eq!((shape, values.null_count()), (expected.shape.clone(), expected.nulls), "{name}");
    let strings = match values.data_type() {
        DataType::Utf8 => {
            values.as_string::<i32>().iter().map(|text| hex(text.unwrap().as_bytes())).collect()
        }
        DataType::Binary => values.as_binary::<i32>().iter().map(|bytes| hex(bytes.unwrap())).collect(),
        DataType::Boolean => {
            let bytes: Vec<u8> = values.as_boolean().iter().map(|value| value.unwrap().into()).collect();
            return assert_eq!(Some(hex(&bytes)), expected.bytes, "{name}");
        }
        _ => {
            let bytes = hex(values.to_data().buffers()[0].as_slice());
            return assert_eq!(Some(bytes), expected.bytes, "{name}");
        }
    };
    assert_eq!(Some(strings), expected.strings, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_of_every_type_and_shape_are_columns_as_numpy_wrote_them() {
    let folder = tempfile::tempdir().unwrap();
    numpy(&["types", folder.path().to_str().unwrap()]);
    let ctx = open("install-1.1.1", 2).await;
    create(&ctx, "folder", "NPY", folder.path()).await;
    create(&ctx, "stored", "NPZ", &folder.path().join("stored.npz")).await;
    create(&ctx, "deflated", "NPZ", &folder.path().join("deflated.npz")).await;
    for (table, least) in [("folder", 128), ("stored", 126), ("deflated", 126)] {
        let rows = rows(&ctx, &format!("SELECT * FROM {table}")).await;
        assert!(rows.num_columns() >= least, "{} columns", rows.num_columns());
        for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
            let name = if field.name().starts_with("version") { "of_li8" } else { field.name() };
            let json = std::fs::read(folder.path().join(format!("{name}.json"))).unwrap();
            compare(&format!("{table}.{name}"), array, &serde_json::from_slice(&json).unwrap());
        }
    }
    create(&ctx, "scalar", "NPY", &folder.path().join("others/scalar.npy")).await;
    assert_eq!(rows(&ctx, "SELECT * FROM scalar").await.column(0).as_primitive::<Int64Type>().values(), &[7]);
    create(&ctx, "none", "NPY", &folder.path().join("others/none.npy")).await;
    assert_eq!(rows(&ctx, "SELECT * FROM none").await.num_rows(), 0);
}

#[tokio::test]
async fn arrays_that_are_no_columns_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    numpy(&["refused", folder.path().to_str().unwrap()]);
    let ctx = open("install-1.1.1", 2).await;
    for (name, what, remedy) in [
        ("complex", "complex numbers (`<c16`)", "save `a.real` and `a.imag`"),
        ("object", "pickled Python objects (`|O`)", "np.array(a.tolist())"),
        ("structured", "a structured dtype", "np.savez(f, **{n: a[n] for n in a.dtype.names})"),
        ("void", "raw bytes without a type (`|V3`)", "a.view('u1')"),
        ("long", "floating-point numbers of more than 64 bits (`<f16`)", "a.astype('<f8')"),
        ("fortran", "an array in Fortran order", "np.ascontiguousarray(a)"),
        ("weeks", "times of a unit that SQL does not have (`<M8[W]`)", "a.astype('<M8[us]')"),
        ("tens", "times of a unit that SQL does not have (`<M8[10s]`)", "a.astype('<M8[us]')"),
        ("unitless", "times of a unit that SQL does not have (`<M8`)", "a.astype('<M8[us]')"),
        ("nothing", "rows without values (shape [3, 0] of `<f8`)", "leave it out"),
    ] {
        let path = folder.path().join(format!("{name}.npy"));
        let sql = format!("CREATE EXTERNAL TABLE t STORED AS NPY LOCATION '{}'", path.display());
        let said = ctx.sql(&sql).await.unwrap_err().to_string();
        let file = format!("NumPy file `{}` holds {what}", path.display());
        assert!(said.contains(&file) && said.contains(remedy), "{name}: {said}");
    }
}

/// The fixture's vectors as NumPy files, and in `query.npy`, `queries.npy` and
/// `queries.npz` what is searched for.
fn dump(collection: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures::install("install-1.1.1");
    let (root, out) = (root.to_str().unwrap(), folder.path().to_str().unwrap());
    run(&["dump", "--install", root, "--out", out, "--col", collection]).ends_with(0);
    folder
}

fn check_nearest(what: &str, found: &RecordBatch, expected: &[(i64, f64)]) {
    let ids = found.column(0).as_primitive::<Int64Type>().values();
    let expected_ids: Vec<i64> = expected.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, &expected_ids[..], "{what}");
    let distances = cast(found.column(1), &DataType::Float64).unwrap();
    for (distance, (id, expected)) in distances.as_primitive::<Float64Type>().values().iter().zip(expected) {
        assert!(
            (distance - expected).abs() <= 1e-5 * expected.max(1.0),
            "{what}, id {id}: {distance}, {expected}"
        );
    }
}

/// The nearest of each of several vectors. Distances are computed before they
/// are sorted, so that no vector is.
const BY_WINDOW: &str = "
    WITH distances AS (
        SELECT q.id AS query_id, c.id, l2_distance(c.vector, q.query) AS d FROM float_l2 c CROSS JOIN queries q
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY query_id ORDER BY d, id) AS rank FROM distances
    )
    SELECT id, d FROM ranked WHERE rank <= 10 ORDER BY query_id, rank";

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_of_a_vector_in_a_file_are_those_that_numpy_finds() {
    let folder = dump("float_l2");
    let folder = folder.path();
    let answers = numpy(&["nearest", folder.to_str().unwrap(), "10"]);
    let answers: Vec<Vec<(i64, f64)>> = serde_json::from_str(&answers).unwrap();
    for workers in [1, 2] {
        let ctx = open("install-1.1.1", workers).await;
        create(&ctx, "q", "NPY", &folder.join("query.npy")).await;
        create(&ctx, "queries", "NPZ", &folder.join("queries.npz")).await;
        for sql in [
            "SELECT id, l2_distance(vector, (SELECT query FROM q)) AS d FROM float_l2 ORDER BY d, id LIMIT 10",
            "SELECT id, l2_distance(vector, query) AS d FROM float_l2 CROSS JOIN q ORDER BY d, id LIMIT 10",
            "SELECT id, l2_distance(vector, query) AS d FROM float_l2, q ORDER BY l2_distance(vector, query), id LIMIT 10",
        ] {
            check_nearest(sql, &rows(&ctx, sql).await, &answers[0]);
        }
        for (number, answer) in answers.iter().enumerate() {
            let sql = format!(
                "SELECT c.id, l2_distance(vector, (SELECT query FROM queries WHERE id = {number})) AS d \
                 FROM float_l2 c ORDER BY d, c.id LIMIT 10"
            );
            check_nearest(&sql, &rows(&ctx, &sql).await, answer);
        }
        let found = rows(&ctx, BY_WINDOW).await;
        assert_eq!(found.num_rows(), 10 * answers.len());
        for (number, answer) in answers.iter().enumerate() {
            check_nearest(BY_WINDOW, &found.slice(10 * number, 10), answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_bytes_are_searched_as_binary_vectors_when_the_table_says_so() {
    let folder = dump("bin_hamming");
    let folder = folder.path();
    let answers = numpy(&["nearest", folder.to_str().unwrap(), "10"]);
    let answers: Vec<Vec<(i64, f64)>> = serde_json::from_str(&answers).unwrap();
    let ctx = open("install-1.1.1", 2).await;
    for (name, kind, file) in [("q", "NPY", "query.npy"), ("queries", "NPZ", "queries.npz")] {
        let file = folder.join(file);
        let sql = format!(
            "CREATE EXTERNAL TABLE {name} STORED AS {kind} LOCATION '{}' OPTIONS ('binary' 'true')",
            file.display()
        );
        ctx.sql(&sql).await.unwrap();
    }
    let sql = "SELECT id, hamming_distance(vector, (SELECT query FROM q)) AS d FROM bin_hamming ORDER BY d, id LIMIT 10";
    check_nearest(sql, &rows(&ctx, sql).await, &answers[0]);
    let sql = "SELECT c.id, hamming_distance(c.vector, query) AS d FROM bin_hamming c CROSS JOIN queries q \
               WHERE q.id = 2 ORDER BY d, c.id LIMIT 10";
    check_nearest(sql, &rows(&ctx, sql).await, &answers[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dumped_file_set_is_a_table_that_joins_with_its_collection() {
    let folder = dump("float_l2");
    let ctx = open("install-1.1.1", 2).await;
    let sets = folder.path().join("float_l2/_default");
    let count = async |sql: &str| rows(&ctx, sql).await.column(0).as_primitive::<Int64Type>().value(0);
    let mut live = 0;
    for set in std::fs::read_dir(&sets).unwrap() {
        let set = set.unwrap().path();
        let sql =
            format!("CREATE OR REPLACE EXTERNAL TABLE dumped STORED AS NPY LOCATION '{}'", set.display());
        ctx.sql(&sql).await.unwrap();
        let dumped = count("SELECT count(*) FROM dumped").await;
        // Some ids are there twice, with other vectors.
        let same = "SELECT count(*) FROM dumped d JOIN float_l2 c ON d.id = c.id AND d.vector = c.vector \
                    WHERE c.partition_tag = '_default'";
        assert_eq!(count(same).await, dumped);
        live += dumped;
    }
    assert_eq!(live, count("SELECT count(*) FROM float_l2 WHERE partition_tag = '_default'").await);
}

/// Puts files into the bucket of the S3 server and returns their URL.
async fn upload(files: &[(&str, Vec<u8>)]) -> String {
    let (bucket, prefix) = (services::open().bucket, unique("arrays"));
    let options = BucketOptions {
        endpoint: Some(services::open().s3_endpoint),
        access_key: Some(services::s3_access().into()),
        secret_key: Some(Secret::from(services::s3_secret())),
        ..BucketOptions::default()
    };
    let storage = Storage::bucket(&bucket, &prefix, &options).unwrap();
    for (name, bytes) in files {
        storage.put_atomic(&storage.child(name), bytes.clone().into()).await.unwrap();
    }
    format!("s3://{bucket}/{prefix}")
}

#[tokio::test]
async fn arrays_in_a_bucket_are_read_with_the_configured_keys() {
    let folder = tempfile::tempdir().unwrap();
    numpy(&["large", folder.path().to_str().unwrap(), "700000"]);
    let names = ["id.npy", "half.npy", "stored.npz", "deflated.npz"];
    let files = names.map(|name| (name, std::fs::read(folder.path().join(name)).unwrap()));
    let url = upload(&files).await;
    let install = fixtures::install("install-1.1.1");
    for (kind, place) in [("NPY", "/"), ("NPY", ""), ("NPZ", "/stored.npz"), ("NPZ", "/deflated.npz")] {
        let sql = format!(
            "CREATE EXTERNAL TABLE t STORED AS {kind} LOCATION '{url}{place}'; \
             SELECT count(*) AS rows, sum(id) AS ids, count(*) FILTER (WHERE half[1] * 2 = id AND half[2] = -half[1]) AS same FROM t"
        );
        let args = ["sql", "--install", install.to_str().unwrap(), "--format", "csv", &sql];
        let mut command = m2m(&args);
        command
            .env("M2M_S3_ENDPOINT", services::open().s3_endpoint)
            .env("M2M_S3_ACCESS_KEY", services::s3_access())
            .env("M2M_S3_SECRET_KEY", services::s3_secret());
        let run = run_command(&args, command).ends_with(0);
        services::assert_no_secret(&run);
        assert_eq!(run.stdout, "rows,ids,same\n700000,244999650000,700000\n", "{place}");
    }
}
