// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;
use crate::element::Kind;
use crate::testing::{file, npy};

fn parse(bytes: &[u8]) -> Result<Header, Fault> {
    let start = bytes.get(..usize::try_from(START_BYTES).unwrap()).unwrap_or(bytes);
    Header::parse(start, bytes.len() as u64)
}

/// What a fault says, with its remedy.
fn fault(bytes: &[u8]) -> String {
    match parse(bytes) {
        Err(Fault::Damaged { expected, found }) => format!("damaged: expected {expected}, found {found}"),
        Err(Fault::Refused { what, remedy }) => format!("refused: {what}: {remedy}"),
        Ok(header) => panic!("{header:?}"),
    }
}

fn of_version(version: [u8; 2], length: u32, text: &[u8]) -> Vec<u8> {
    let length = length.to_le_bytes();
    let length = if version == [1, 0] { &length[..2] } else { &length[..] };
    [&MAGIC[..], &version, length, text].concat()
}

#[test]
fn shapes_are_rows_and_axes() {
    for (shape, values, rows, axes) in [
        ("()", 1, 1, vec![]),
        ("(0,)", 0, 0, vec![]),
        ("(3,)", 3, 3, vec![]),
        ("(3, 2)", 6, 3, vec![2]),
        ("(0, 5)", 0, 0, vec![5]),
        ("(2, 3, 4)", 24, 2, vec![3, 4]),
        ("(2,1,1,1,1,1,1,3)", 6, 2, vec![1, 1, 1, 1, 1, 1, 3]),
    ] {
        let header = parse(&npy("<f4", shape, &vec![0; values * 4])).unwrap();
        assert_eq!((header.rows, &header.axes), (rows, &axes), "{shape}");
        assert_eq!(header.element.kind, Kind::Float32);
        assert_eq!(header.row_bytes, 4 * header.row_values());
        assert_eq!(header.data_start, 128);
    }
}

#[test]
fn every_version_and_what_old_pythons_wrote_is_read() {
    let text = b"{'descr': '<i8', 'fortran_order': False, 'shape': (2L,), }";
    let length = u32::try_from(text.len()).unwrap();
    for (version, start) in [([1, 0], 10), ([2, 0], 12), ([3, 0], 12)] {
        let bytes = [of_version(version, length, text), vec![0; 16]].concat();
        let header = parse(&bytes).unwrap();
        assert_eq!((header.rows, header.data_start), (2, start + u64::from(length)), "{version:?}");
    }
    let other = "{\"shape\":(1,2),\"fortran_order\":False,\n\t\"descr\":\"|u1\"}";
    assert_eq!(parse(&file(other, &[1, 2])).unwrap().axes, [2]);
    let one_axis = "{'descr': '|u1', 'fortran_order': True, 'shape': (2,)}";
    assert_eq!(parse(&file(one_axis, &[1, 2])).unwrap().rows, 2, "one axis has one order");
}

#[test]
fn a_file_is_as_long_as_its_shape_says() {
    let whole = npy("<f4", "(3, 2)", &[0; 24]);
    parse(&whole).unwrap();
    for bytes in [&whole[..whole.len() - 1], &[&whole[..], b"\0"].concat()] {
        let said = fault(bytes);
        let expected = "damaged: expected 152 bytes for shape [3, 2] of `<f4`, found";
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn cut_anywhere_a_header_is_damaged() {
    let whole = npy("<f4", "(0, 2)", &[]);
    for end in 0..whole.len() {
        assert!(fault(&whole[..end]).starts_with("damaged"), "cut at {end}");
    }
    assert_eq!(
        fault(b""),
        "damaged: expected a file that begins with `\\x93NUMPY`, found 0 bytes that begin with ``"
    );
    assert!(fault(b"GIF89a and more").contains("found 15 bytes that begin with `GIF89a and`"));
    assert!(fault(b"PK\x03\x04 and more").contains("an archive of arrays: create the table `STORED AS NPZ`"));
}

#[test]
fn shapes_whose_products_overflow_are_no_shapes() {
    for shape in [
        "(18446744073709551615, 2)",
        "(4294967296, 4294967296)",
        "(9223372036854775807, 1)",
        "(1, 4294967296, 4294967296)",
        "(1, 18446744073709551615)",
    ] {
        let said = fault(&npy("<f8", shape, &[0; 16]));
        assert!(
            said.contains("that a file can have") || said.contains("more than 16 MiB"),
            "{shape}: {said}"
        );
    }
    for shape in
        ["(18446744073709551616,)", "(-1,)", "(0x10,)", "(1.0,)", "(1e3,)", "(,)", "(1 2)", "(1", "3", "[3]"]
    {
        assert!(fault(&npy("|u1", shape, &[0; 16])).starts_with("damaged"), "{shape}");
    }
    assert!(fault(&npy("<U4611686018427387904", "(1,)", b"")).contains("more than 16 MiB each"));
}

#[test]
fn a_length_that_lies_is_not_believed() {
    let said = fault(&of_version([2, 0], u32::MAX, b"{}"));
    assert_eq!(said, "damaged: expected a header of at most 10000 bytes, found one of 4294967295 bytes");
    let said = fault(&of_version([1, 0], 10_000, b"{}"));
    assert_eq!(said, "damaged: expected a header of 10000 bytes, found a file that ends after 2 of them");
    assert!(fault(&of_version([4, 0], 2, b"{}")).contains("found version 4.0"));
    assert!(fault(&of_version([1, 1], 2, b"{}")).contains("found version 1.1"));
}

#[test]
fn text_that_is_no_header_is_damaged() {
    for text in [
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': None, 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} and more",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ((((2,",
        "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
    ] {
        assert!(fault(&file(text, &[0; 8])).starts_with("damaged"), "{text}");
    }
}

/// A grammar that tried a bracket as several things would never come to the end
/// of the longest text there can be.
#[test]
fn brackets_in_brackets_cost_one_pass() {
    for bracket in ["[", "(", "{", "[(", "{'descr':", "'", "1,"] {
        for start in ["", "{'descr': ", "{'shape': ", "{'shape': ("] {
            let mut text = start.to_owned() + &bracket.repeat(TEXT_MAX);
            text.truncate(TEXT_MAX);
            assert_eq!(HeaderText::parse(text.as_bytes()), None, "{start}{bracket}");
        }
    }
}

#[test]
fn text_is_what_it_says_before_it_is_checked() {
    let text =
        b"{'descr': '??', 'fortran_order': True, 'shape': (18446744073709551615, 18446744073709551615), }\n";
    let shape = vec![u64::MAX; 2];
    let expected = HeaderText { descr: "??".into(), is_fortran: true, shape };
    assert_eq!(HeaderText::parse(text), Some(expected));
    let structured = b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }";
    assert_eq!(HeaderText::parse(structured), None);
}

#[test]
fn arrays_without_a_column_are_refused_with_a_remedy() {
    let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}";
    let structured = "{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (2,)}";
    for (bytes, name, remedy) in [
        (file(fortran, &[0; 16]), "Fortran order", "ascontiguousarray"),
        (file(structured, &[0; 24]), "structured dtype", "np.savez"),
        (npy("<c8", "(1,)", &[0; 8]), "complex", "a.real"),
        (npy("|O", "(1,)", &[0; 8]), "pickled", "tolist"),
        (npy("|u1", "(1,1,1,1,1,1,1,1,1)", &[0]), "9 axes", "reshape"),
        (npy("|u1", "(1, 16777217)", &[0]), "more than 16 MiB", "narrower"),
        (npy("|u1", "(5, 0)", &[]), "rows without values", "leave it out"),
        (npy("|S0", "(5,)", &[]), "rows without values", "leave it out"),
    ] {
        let said = fault(&bytes);
        assert!(said.starts_with("refused") && said.contains(name) && said.contains(remedy), "{said}");
    }
}

/// Whatever is read must hold what it says.
fn check(bytes: &[u8]) {
    if let Ok(header) = parse(bytes) {
        assert_eq!(header.data_start + header.rows * header.row_bytes as u64, bytes.len() as u64);
        assert_eq!(header.element.bytes().unwrap() * header.row_values(), header.row_bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
        check(&[&MAGIC[..], &bytes].concat());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[{}()\\[\\]'\",:LTFa-f0-9<|\\\\ é-]{0,80}") {
        check(&file(&text, b""));
        check(&file(&format!("{{'descr': {text}, 'fortran_order': False, 'shape': (0,)}}"), b""));
        check(&file(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {text}}}"), b""));
    }

    #[test]
    fn a_changed_byte_changes_the_array_or_is_found(at in 0..152_usize, value: u8, cut in 0..160_usize) {
        let mut bytes = npy("<f4", "(3, 2)", &[0; 24]);
        bytes[at] = value;
        check(&bytes);
        bytes.truncate(cut);
        check(&bytes);
    }

    #[test]
    fn any_shape_of_any_type_is_read_as_written(
        axes in proptest::collection::vec(0..20_u64, 0..6),
        descr in proptest::sample::select(vec!["|b1", "<i2", ">i4", "<u8", "<f2", "|S3", "<U2", "<M8[us]"]),
    ) {
        let element = Element::parse(descr).unwrap();
        let values: u64 = axes.iter().product();
        let shape = format!("({})", axes.iter().map(|axis| format!("{axis},")).collect::<String>());
        let length = usize::try_from(values).unwrap() * element.bytes().unwrap();
        let read = parse(&npy(descr, &shape, &vec![0; length]));
        if axes.iter().skip(1).any(|&axis| axis == 0) {
            let is_refused = matches!(read, Err(Fault::Refused { .. }));
            prop_assert!(is_refused);
        } else {
            let header = read.unwrap();
            prop_assert_eq!(header.element, element);
            prop_assert_eq!(header.rows, axes.first().copied().unwrap_or(1));
            let read: Vec<_> = header.axes.iter().map(|&axis| axis as u64).collect();
            prop_assert_eq!(&read[..], axes.get(1..).unwrap_or_default());
        }
    }
}
