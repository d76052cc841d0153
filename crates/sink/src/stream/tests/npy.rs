// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use arrow::array::{
    BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, LargeStringArray, StringArray, StringViewArray,
};
use arrow::datatypes::UInt16Type;
use proptest::prelude::*;

use super::*;
use crate::testing::{Watch, rows, with_column};

const NPY: ImportFormat = ImportFormat::Npy;

fn text_kind(max_chars: usize) -> FieldKind {
    FieldKind::Text { max_chars, max_bytes: 1000 }
}

#[tokio::test]
async fn every_kind_of_field_becomes_its_array() {
    let cases: [(FieldKind, ArrayRef, &str, &[u8]); 10] = [
        (FieldKind::Bool, Arc::new(BooleanArray::from(vec![true, false])), "|b1", &[1, 0]),
        (FieldKind::Int8, Arc::new(Int8Array::from(vec![1, -1])), "|i1", &[1, 255]),
        (FieldKind::Int16, Arc::new(Int16Array::from(vec![1, -2])), "<i2", &[1, 0, 254, 255]),
        (FieldKind::Int32, Arc::new(Int32Array::from(vec![1, 256])), "<i4", &[1, 0, 0, 0, 0, 1, 0, 0]),
        (
            FieldKind::Float,
            Arc::new(Float32Array::from(vec![1.0, -0.0])),
            "<f4",
            &[0, 0, 128, 63, 0, 0, 0, 128],
        ),
        (FieldKind::Double, Arc::new(Float64Array::from(vec![1.0])), "<f8", &[0, 0, 0, 0, 0, 0, 240, 63]),
        (
            text_kind(2),
            Arc::new(StringArray::from(vec!["ä", ""])),
            "<U2",
            &[228, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (text_kind(1), Arc::new(StringArray::from(vec!["🦀"])), "<U1", &[0x80, 0xf9, 1, 0]),
        (
            FieldKind::Json { max_chars: 3 },
            Arc::new(StringArray::from(vec!["{}"])),
            "<U3",
            &[123, 0, 0, 0, 125, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            FieldKind::BinaryVector(16),
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].iter()).unwrap()),
            "|u1",
            &[1, 2, 3, 4],
        ),
    ];
    for (kind, column, descr, expected) in cases {
        let rows = column.len();
        let bytes = Target::new().column(NPY, kind, column).await.unwrap();
        let shape = if kind.is_vector() { format!("({rows}, 2)") } else { format!("({rows},)") };
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        assert!(bytes[10..].starts_with(header.as_bytes()), "{kind:?}");
        assert_eq!(bytes[128..], *expected, "{kind:?}");
        NpyFile::new(bytes.as_slice()).unwrap();
    }
}

#[tokio::test]
async fn text_of_every_arrow_type_is_the_same_text() {
    let texts = ["", "abc", "grün", "漢字", "🦀"];
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
        Arc::new(texts.into_iter().collect::<DictionaryArray<UInt16Type>>()),
    ];
    for column in columns {
        let data_type = column.data_type().clone();
        let bytes = Target::new().column(NPY, text_kind(4), column).await.unwrap();
        let found: Vec<_> = bytes[128..].chunks(16).map(decoded).collect();
        assert_eq!(found, texts, "{data_type}");
    }
}

/// A text as NumPy reads it: without the zeros at its end.
fn decoded(row: &[u8]) -> String {
    let chars = row.chunks(4).map(|char| u32::from_le_bytes(char.try_into().unwrap()));
    let text: String = chars.map(|char| char::from_u32(char).unwrap()).collect();
    text.trim_end_matches('\0').to_owned()
}

#[tokio::test]
async fn long_texts_are_made_in_blocks() {
    let target = Target::new();
    let texts: Vec<_> = (0..100).map(|row| "x".repeat(row)).collect();
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(&texts));
    let pieces: Vec<_> = encode::npy_pieces(text_kind(65_535), &column).unwrap().collect();
    assert_eq!(pieces.len(), 100, "a row of 256 KiB each");
    let bytes =
        target.column(NPY, FieldKind::Text { max_chars: 65_535, max_bytes: 100 }, column).await.unwrap();
    let found: Vec<_> = bytes[128..].chunks(4 * 65_535).map(decoded).collect();
    assert_eq!(found, texts);
}

#[tokio::test]
async fn first_part_is_sent_last_and_few_are_on_their_way() {
    let (target, watch) = (Target::new(), Arc::new(Watch::default()));
    let mut options = target.stream_options(NPY, 5000);
    options.part_bytes = 10_000;
    let whole = rows("7", 0..5000);
    let batches = (0..5).map(|at| whole.slice(at * 1000, 1000)).collect();
    let files = stopped::watched(&target, batches, Then::End, options, None, &watch).await.unwrap();
    assert_eq!(files.len(), 2);
    let parts = watch.parts("embedding.npy");
    let mut others: Vec<_> = parts[..parts.len() - 1].to_vec();
    others.sort_unstable();
    let full = |number| (number, 10_000);
    assert_eq!(others, [full(1), full(2), full(3), full(4), full(5), (6, 128)]);
    assert_eq!(parts.last(), Some(&full(0)));
    // Two for each of two files.
    assert!(watch.in_flight_max() <= 4, "{}", watch.in_flight_max());
    assert_eq!(target.array::<f32>("c/p/7-0/embedding.npy")[14_997..], [4999., 4999.5, -4999.]);
    assert!(target.array::<i64>("c/p/7-0/key.npy").into_iter().eq(1000..6000));
}

/// Rows with a text, cut where `cuts` say.
pub(super) fn cut_rows(count: usize, cuts: &[usize]) -> Vec<RecordBatch> {
    let texts: Vec<_> = (0..count).map(|row| "é".repeat(row % 7)).collect();
    let whole = with_column(
        &rows("7", 0..i64::try_from(count).unwrap()),
        "note",
        Arc::new(StringArray::from_iter_values(texts)),
    );
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (count + 1)).collect();
    cuts.extend([0, count]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| whole.slice(cut[0], cut[1] - cut[0])).collect()
}

/// Writes rows that were cut somehow, and returns all files.
pub(super) async fn files_of(
    format: ImportFormat,
    count: usize,
    cuts: &[usize],
    set_rows: u64,
    part_bytes: usize,
) -> BTreeMap<PathBuf, Vec<u8>> {
    let target = Target::new();
    let mut options = target.stream_options(format, set_rows);
    options.fields.push(field("note", "note", FieldKind::Text { max_chars: 6, max_bytes: 12 }));
    options.part_bytes = part_bytes;
    target.stream_batches(cut_rows(count, cuts), options).await.unwrap();
    target.files().into_iter().map(|file| (file.clone(), target.bytes(file.to_str().unwrap()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn files_do_not_depend_on_batches_and_parts(
        count in 1..200_usize,
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        set_rows in 1..80_u64,
        part_bytes in 1..3000_usize,
        format in proptest::sample::select(vec![NPY, ImportFormat::Parquet]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let whole = runtime.block_on(files_of(format, count, &[], set_rows, 1 << 20));
        let cut = runtime.block_on(files_of(format, count, &cuts, set_rows, part_bytes));
        prop_assert!(whole == cut);
        let sets = count.div_ceil(usize::try_from(set_rows).unwrap());
        prop_assert_eq!(whole.len(), if format == NPY { sets * 3 } else { sets });
        if format == NPY {
            let ids: Vec<i64> = (0..sets)
                .flat_map(|set| {
                    let first = set * usize::try_from(set_rows).unwrap();
                    let bytes = &whole[&PathBuf::from(format!("c/p/7-{first}/key.npy"))];
                    NpyFile::new(bytes.as_slice()).unwrap().into_vec::<i64>().unwrap()
                })
                .collect();
            prop_assert!(ids.into_iter().eq(1000..1000 + i64::try_from(count).unwrap()));
        }
    }
}
