// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::testing::TestInstall;

async fn ask(install: &TestInstall, sql: &str) -> Result<Vec<Option<f64>>, String> {
    let ctx = install.session().await;
    let batches = ctx.sql(sql).await.map_err(|error| error.to_string())?;
    let batches = batches.collect().await.map_err(|error| error.to_string())?;
    let column = |batch: &datafusion::arrow::array::RecordBatch| {
        let column = batch.column(0).as_primitive_opt::<Float64Type>();
        column
            .unwrap_or_else(|| panic!("{}", pretty_format_batches(&batches).unwrap()))
            .iter()
            .collect::<Vec<_>>()
    };
    Ok(batches.iter().flat_map(column).collect())
}

async fn one(sql: &str) -> Result<Option<f64>, String> {
    let found = ask(&TestInstall::float(2).segment("_default", 1, 3, &[]), sql).await?;
    assert_eq!(found.len(), 1, "{sql}");
    Ok(found[0])
}

#[tokio::test]
async fn literals_of_all_numbers_are_vectors() {
    for (sql, expected) in [
        ("l2_distance([0.0, 0.0], [3.0, 4.0])", 5.0),
        ("l2_distance([0, 0], [3, 4])", 5.0),
        ("inner_product([1, 2.5], [4, 2])", 9.0),
        ("cosine_distance([1, 0], [0, 1])", 1.0),
        ("l2_norm([3, 4])", 5.0),
        ("l2_norm(l2_normalize([3, 4]))", 1.0),
        ("l2_norm(l2_normalize([0, 0]))", 0.0),
        ("hamming_distance(X'00ff', X'0f0f')", 8.0),
        ("jaccard_distance(X'0f', X'03')", 0.5),
        ("tanimoto_distance(X'0f', X'03')", 1.0),
        ("CAST(vector_dims([1, 2, 3]) AS DOUBLE)", 3.0),
        ("CAST(vector_dims(X'00ff') AS DOUBLE)", 16.0),
        ("CAST(is_finite([1.0, 2.0]) AS INT) + 0.0", 1.0),
        ("CAST(is_finite([CAST('NaN' AS FLOAT)]) AS INT) + 0.0", 0.0),
        ("first_non_finite([0, CAST('-inf' AS FLOAT), CAST('NaN' AS FLOAT)]) + 0.0", 1.0),
    ] {
        let found = one(&format!("SELECT {sql}")).await.unwrap().unwrap();
        assert!((found - expected).abs() < 1e-7, "{sql} is {found}");
    }
}

#[tokio::test]
async fn null_gives_null() {
    for sql in [
        "l2_distance(NULL, [1, 2])",
        "l2_norm(NULL)",
        "first_non_finite(NULL) + 0.0",
        "first_non_finite([1, 2]) + 0.0",
        "hamming_distance(X'00', NULL)",
    ] {
        assert_eq!(one(&format!("SELECT {sql}")).await.unwrap(), None, "{sql}");
    }
}

#[tokio::test]
async fn columns_are_compared_with_literals_and_with_columns() {
    // A float vector begins with its id, the other components follow from it.
    let install = TestInstall::float(2).segment("_default", 1, 100, &[7]).segment("p", 2, 50, &[]);
    let nearest = "SELECT CAST(id AS DOUBLE) FROM c ORDER BY l2_distance(vector, (SELECT vector FROM c WHERE id = 1030)) LIMIT 1";
    assert_eq!(ask(&install, nearest).await.unwrap(), [Some(1030.0)]);
    let itself = ask(&install, "SELECT l2_distance(vector, vector) FROM c").await.unwrap();
    assert_eq!(itself.len(), 149);
    assert!(itself.iter().all(|distance| *distance == Some(0.0)));
    let sql = "SELECT l2_distance(vector, [0, 0]) - l2_norm(vector) FROM c";
    assert!(ask(&install, sql).await.unwrap().iter().all(|difference| *difference == Some(0.0)));
    let sql = "SELECT l2_norm(l2_normalize(vector)) FROM c WHERE id > 1000";
    for norm in ask(&install, sql).await.unwrap() {
        assert!((norm.unwrap() - 1.0).abs() < 1e-6);
    }
    let binary = TestInstall::binary(16).segment("_default", 1, 4, &[]);
    let sql =
        "SELECT hamming_distance(vector, vector) + jaccard_distance(vector, vector) FROM c WHERE id = 1003";
    assert_eq!(ask(&binary, sql).await.unwrap(), [Some(0.0)]);
}

#[tokio::test]
async fn what_does_not_fit_is_named_on_both_sides() {
    for (sql, words) in [
        ("SELECT l2_distance(vector, [1, 2, 3]) FROM c", &["l2_distance", "2 components", "3"][..]),
        ("SELECT l2_distance([1], [1, 2])", &["1 components", "2"]),
        ("SELECT hamming_distance(X'00', X'0000')", &["8 bits", "16"]),
        ("SELECT l2_distance(vector, 'x') FROM c", &["argument 2", "Utf8"]),
        ("SELECT hamming_distance(vector, vector) FROM c", &["argument 1", "binary vector"]),
        ("SELECT l2_distance(vector) FROM c", &["takes 2 arguments, found 1"]),
        ("SELECT l2_norm([1, NULL])", &["argument 1", "NULL"]),
    ] {
        let error = one(sql).await.unwrap_err();
        for word in words {
            assert!(error.contains(word), "{sql}: `{word}` is missing in {error}");
        }
    }
}

#[tokio::test]
async fn every_function_says_what_it_is() {
    let ctx = crate::session::session(crate::session::SessionOptions::default()).unwrap();
    let state = ctx.state();
    let ours =
        super::FloatFunction::all().map(|one| datafusion::logical_expr::ScalarUDFImpl::name(&one).to_owned());
    let ours = ours.chain(
        super::BinaryFunction::all()
            .map(|one| datafusion::logical_expr::ScalarUDFImpl::name(&one).to_owned()),
    );
    for name in ours.collect::<Vec<_>>() {
        let documentation = state.scalar_functions()[&name].documentation();
        assert!(documentation.is_some_and(|text| text.syntax_example.starts_with(&name)), "{name}");
    }
}

#[tokio::test]
async fn a_vector_of_null_has_no_distance_wherever_it_comes_from() {
    let install = TestInstall::float(4).segment("_default", 1, 5, &[]);
    let ctx = install.session().await;
    for nulls in [
        "SELECT l2_distance(vector, (SELECT vector FROM c WHERE id = 5)) FROM c",
        "SELECT l2_norm(b.vector) FROM c AS a LEFT JOIN c AS b ON b.id = a.id + 100",
        "SELECT l2_distance(a.vector, b.vector) FROM c AS a LEFT JOIN c AS b ON b.id = a.id + 100",
        "SELECT l2_norm(v) FROM (SELECT lag(vector) OVER (ORDER BY id) AS v, id FROM c) WHERE id = 1000",
    ] {
        for batch in crate::testing::query(&ctx, nulls).await {
            assert_eq!(batch.column(0).null_count(), batch.num_rows(), "{nulls}");
        }
    }
    let some = "SELECT count(l2_norm(v)) FROM (SELECT lag(vector) OVER (ORDER BY id) AS v FROM c)";
    assert_eq!(crate::testing::numbers(&ctx, some).await, [4]);
    let mixed = "SELECT l2_norm([1.0, NULL]) FROM c";
    assert!(crate::testing::failure(&ctx, mixed).await.contains("is NULL"));
}
