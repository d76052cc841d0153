// SPDX-License-Identifier: Apache-2.0

use arrow::array::{Array, Float32Array, Float64Array, Int32Array, StringArray};

use super::*;
use crate::testing::{rows, rows_with, with_column};

const BOTH: [ImportFormat; 2] = [ImportFormat::Npy, ImportFormat::Parquet];

fn texts(texts: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringArray::from(texts))
}

fn text_kind(max_chars: usize, max_bytes: usize) -> FieldKind {
    FieldKind::Text { max_chars, max_bytes }
}

#[tokio::test]
async fn null_is_named() {
    for format in BOTH {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let error = Target::new().refused_column(format, FieldKind::Int32, column).await;
        let expected = "cannot write column `x` of collection `colours`: expected a value in every row, found null in entity 1001 (segment `7`, offset 1)";
        assert_eq!(error, expected);
        let error = Target::new().refused_column(format, text_kind(9, 9), texts(vec![Some(""), None])).await;
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn null_among_the_values_of_a_dictionary_is_named() {
    let values = StringArray::from(vec![Some("a"), None]);
    let keys = arrow::array::UInt16Array::from(vec![0, 1, 0]);
    let column = arrow::array::DictionaryArray::new(keys, Arc::new(values));
    assert_eq!(column.null_count(), 0);
    let error = Target::new().refused_column(ImportFormat::Npy, text_kind(9, 9), Arc::new(column)).await;
    assert!(error.contains("found null in entity 1001 (segment `7`, offset 1)"), "{error}");
}

#[tokio::test]
async fn row_without_id_is_named_by_its_place_or_not_at_all() {
    let target = Target::new();
    let ids: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![Some(1), None]));
    let batch = with_column(&rows("7", 4..6), "id", ids);
    let options = target.stream_options(ImportFormat::Npy, 9);
    let error = target.stream_batches(vec![batch.clone()], options).await.unwrap_err();
    assert!(cause(error).ends_with("found null in an entity without id (segment `7`, offset 5)"));

    let mut options = target.stream_options(ImportFormat::Npy, 9);
    options.naming = SetNaming::Numbered;
    let error = target.stream_batches(vec![batch.project(&[0, 1]).unwrap()], options).await.unwrap_err();
    assert!(cause(error).ends_with("found null in an entity without id"));
}

#[tokio::test]
async fn text_may_be_as_long_as_asked_and_no_longer() {
    let npy = ImportFormat::Npy;
    let column = || texts(vec![Some("ab"), Some("grün")]);
    Target::new().column(npy, text_kind(4, 5), column()).await.unwrap();
    let error = Target::new().refused_column(npy, text_kind(3, 5), column()).await;
    assert!(error.contains("expected at most 3 characters of text, found 4 in entity 1001"), "{error}");
    let error = Target::new().refused_column(npy, text_kind(4, 4), column()).await;
    assert!(error.contains("expected at most 4 bytes of text, found 5 in entity 1001"), "{error}");
    // Characters are the width of an array; Parquet has none.
    let parquet = ImportFormat::Parquet;
    Target::new().column(parquet, text_kind(1, 5), column()).await.unwrap();
    let error = Target::new().refused_column(parquet, text_kind(9, 4), column()).await;
    assert!(error.contains("expected at most 4 bytes of text, found 5"), "{error}");
    for format in BOTH {
        let kind = FieldKind::Json { max_chars: 4 };
        Target::new().column(format, kind, texts(vec![Some("\"é1\"")])).await.unwrap();
        let error = Target::new().refused_column(format, kind, texts(vec![Some("[123]")])).await;
        assert!(error.contains("expected at most 4 characters of text, found 5"), "{error}");
    }
}

#[tokio::test]
async fn text_with_nul_is_refused() {
    for format in BOTH {
        for text in ["a\0", "\0", "a\0b"] {
            let error = Target::new().refused_column(format, text_kind(9, 9), texts(vec![Some(text)])).await;
            assert!(error.contains("expected text without NUL, found NUL in entity 1000"), "{error}");
        }
    }
}

#[tokio::test]
async fn json_is_json() {
    let kind = FieldKind::Json { max_chars: 1000 };
    let good = ["{}", " [1, {\"a\": null}] ", "\"\\u0000\"", "1", "-1.5e300", "null", "{\"ü\": \"🦀\"}"];
    for format in BOTH {
        Target::new().column(format, kind, texts(good.map(Some).to_vec())).await.unwrap();
        let deep = "[".repeat(500);
        for bad in ["", " ", "{", "{a: 1}", "{} {}", "'a'", "nul", "01", "NaN", "\"\u{1}\"", deep.as_str()] {
            let target = Target::new();
            let (batch, options) = target.with_column(format, kind, texts(vec![Some("{}"), Some(bad)]));
            let error = target.stream_batches(vec![batch], options).await.unwrap_err();
            let datafusion::error::DataFusionError::External(error) = error else { panic!("{error}") };
            let expected = "cannot write column `x` of collection `colours`: expected JSON in entity 1001 (segment `7`, offset 1)";
            assert_eq!(error.to_string(), expected, "{bad}");
            assert!(error.source().is_some(), "{bad}");
            assert!(target.files().is_empty());
        }
    }
}

#[tokio::test]
async fn vector_that_is_not_finite_is_named() {
    for format in BOTH {
        for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            let target = Target::new();
            let mut values = vec![0.25; 60];
            values[40] = value;
            let batches = vec![rows("7", 0..5), rows_with("7", 5..25, values)];
            let error = target.stream_batches(batches, target.stream_options(format, 100)).await.unwrap_err();
            let expected = format!(
                "cannot write column `vector` of collection `colours`: expected a finite number, found {name} as component 1 in entity 1018 (segment `7`, offset 18)"
            );
            assert_eq!(cause(error), expected);
            assert!(target.files().is_empty());
        }
    }
}

#[tokio::test]
async fn number_that_is_not_finite_is_named() {
    for format in BOTH {
        let column: ArrayRef = Arc::new(Float32Array::from(vec![f32::MAX, f32::NEG_INFINITY]));
        let error = Target::new().refused_column(format, FieldKind::Float, column).await;
        assert!(error.contains("expected a finite number, found -inf in entity 1001"), "{error}");
        let column: ArrayRef = Arc::new(Float64Array::from(vec![f64::MIN, 5e-324, f64::NAN]));
        let error = Target::new().refused_column(format, FieldKind::Double, column).await;
        assert!(error.contains("expected a finite number, found NaN in entity 1002"), "{error}");
    }
}

#[tokio::test]
async fn numbers_are_not_looked_at_when_not_asked() {
    for format in BOTH {
        let target = Target::new();
        let mut options = target.stream_options(format, 100);
        options.check_finite = false;
        target.stream_batches(vec![rows_with("7", 0..1, vec![f32::NAN; 3])], options).await.unwrap();
    }
}

#[tokio::test]
async fn extreme_numbers_are_kept_bit_for_bit() {
    let target = Target::new();
    let values = vec![-0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1), 1e-40];
    let batches = vec![rows_with("7", 0..2, values.clone())];
    target.stream_batches(batches, target.stream_options(ImportFormat::Npy, 100)).await.unwrap();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&target.array::<f32>("c/p/7-0/embedding.npy")), bits(&values));
}
