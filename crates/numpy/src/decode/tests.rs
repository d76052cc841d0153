// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::util::display::array_value_to_string;
use proptest::prelude::*;

use super::*;

fn values(descr: &str, bytes: &[u8]) -> Vec<String> {
    let array = decode(Element::parse(descr).unwrap(), &Bytes::copy_from_slice(bytes)).unwrap();
    assert_eq!(array.data_type(), &Element::parse(descr).unwrap().data_type());
    (0..array.len()).map(|index| array_value_to_string(&array, index).unwrap()).collect()
}

fn bad(descr: &str, bytes: &[u8]) -> (usize, String) {
    let bad = decode(Element::parse(descr).unwrap(), &Bytes::copy_from_slice(bytes)).unwrap_err();
    (bad.index, bad.found)
}

#[test]
fn numbers_of_both_orders_are_the_same() {
    let cases: [(&str, &[u8], &[&str]); 10] = [
        ("i1", &[0x80, 0x7f], &["-128", "127"]),
        ("u1", &[0, 0xff], &["0", "255"]),
        ("i2", &[0, 0x80, 0xff, 0x7f], &["-32768", "32767"]),
        ("u2", &[1, 2], &["513"]),
        ("i4", &[0, 0, 0, 0x80], &["-2147483648"]),
        ("u4", &[0xff; 4], &["4294967295"]),
        ("i8", &[0, 0, 0, 0, 0, 0, 0, 0x80], &["-9223372036854775808"]),
        ("u8", &[0xff; 8], &["18446744073709551615"]),
        ("f4", &[0, 0, 0x80, 0x7f, 0, 0, 0xc0, 0x3f], &["inf", "1.5"]),
        ("f8", &[0, 0, 0, 0, 0, 0, 0xf8, 0xbf], &["-1.5"]),
    ];
    for (name, little, expected) in cases {
        let size: usize = name[1..].parse().unwrap();
        assert_eq!(
            values(&format!("{}{name}", if size == 1 { '|' } else { '<' }), little),
            expected,
            "{name}"
        );
        if size > 1 {
            let big: Vec<u8> = little.chunks(size).flat_map(|value| value.iter().rev()).copied().collect();
            assert_eq!(values(&format!(">{name}"), &big), expected, "big-endian {name}");
        }
    }
    assert_eq!(values("<f2", &[0, 0x3e, 0, 0xfc]), ["1.5", "-inf"]);
    assert_eq!(values("|b1", &[0, 1, 1]), ["false", "true", "true"]);
}

#[test]
fn little_endian_numbers_are_not_copied() {
    let numbers: Vec<u8> = [1_u64, 2, 3].into_iter().flat_map(u64::to_le_bytes).collect();
    let mut bytes = vec![0; 32];
    // Wherever the bytes lie, here the address is right for numbers.
    let start = bytes.as_ptr().align_offset(8);
    bytes[start..start + 24].copy_from_slice(&numbers);
    let bytes = Bytes::from(bytes).slice(start..start + 24);
    let array = decode(Element::parse("<u8").unwrap(), &bytes).unwrap();
    let numbers = array.as_primitive::<UInt64Type>();
    assert_eq!(numbers.values(), &[1, 2, 3]);
    assert_eq!(numbers.values().inner().as_ptr(), bytes.as_ptr());
    // Four bytes further it is wrong for them, but not for smaller ones.
    let odd = bytes.slice(4..20);
    let array = decode(Element::parse("<u8").unwrap(), &odd).unwrap();
    assert_eq!(array.as_primitive::<UInt64Type>().values(), &[2 << 32, 3 << 32]);
    let array = decode(Element::parse("<u4").unwrap(), &odd).unwrap();
    assert_eq!(array.as_primitive::<UInt32Type>().values().inner().as_ptr(), odd.as_ptr());
}

#[test]
fn strings_end_where_their_zeros_begin() {
    let array = decode(Element::parse("|S3").unwrap(), &Bytes::from_static(b"a\0\0\0\0\0b\0cdef")).unwrap();
    let strings: Vec<_> = array.as_binary::<i32>().iter().map(Option::unwrap).collect();
    assert_eq!(strings, [&b"a"[..], b"", b"b\0c", b"def"]);
    let text =
        |points: &[char]| points.iter().flat_map(|point| u32::from(*point).to_le_bytes()).collect::<Vec<_>>();
    let points = ['ü', '\0', '\0', '𝄞', '\0', 'z', '\0', '\0', '\0'];
    assert_eq!(values("<U3", &text(&points)), ["ü", "𝄞\0z", ""]);
    let big: Vec<u8> = points.iter().flat_map(|point| u32::from(*point).to_be_bytes()).collect();
    assert_eq!(values(">U3", &big), ["ü", "𝄞\0z", ""]);
}

#[test]
fn times_keep_their_unit_and_no_time_is_null() {
    let bytes = |numbers: &[i64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(values("<M8[D]", &bytes(&[0, i64::MIN, -1])), ["1970-01-01", "", "1969-12-31"]);
    assert_eq!(values("<M8[s]", &bytes(&[1, i64::MIN])), ["1970-01-01T00:00:01", ""]);
    assert_eq!(values("<M8[ns]", &bytes(&[1])), ["1970-01-01T00:00:00.000000001"]);
    assert_eq!(values("<m8[ms]", &bytes(&[i64::MIN, 1500])), ["", "PT1.5S"]);
    let array = decode(Element::parse("<M8[us]").unwrap(), &bytes(&[1, 2]).into()).unwrap();
    assert_eq!(array.null_count(), 0);
}

#[test]
fn values_without_a_meaning_are_found() {
    assert_eq!(bad("|b1", &[1, 0, 2, 3]), (2, "byte 0x02".into()));
    assert_eq!(bad("<U1", &[0x61, 0, 0, 0, 0, 0xd8, 0, 0]), (1, "code point 0xd800".into()));
    assert_eq!(bad("<U2", &[0, 0, 0, 0, 0, 0, 0x11, 0]), (0, "code point 0x110000".into()));
    assert_eq!(bad("<M8[D]", &i64::MAX.to_le_bytes()).0, 0);
}

proptest! {
    #[test]
    fn any_bytes_of_any_type_are_values_or_a_bad_value(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        descr in proptest::sample::select(vec![
            "|b1", ">i2", "<u4", ">f4", "<f8", "|S3", "<U1", ">U3", "<M8[D]", ">M8[s]", "<M8[ns]", ">m8[us]",
        ]),
    ) {
        let element = Element::parse(descr).unwrap();
        let size = element.bytes().unwrap();
        let whole = bytes.len() / size;
        match decode(element, &bytes.into_iter().take(whole * size).collect()) {
            Ok(array) => prop_assert_eq!(array.len(), whole),
            Err(bad) => prop_assert!(bad.index < whole),
        }
    }
}
