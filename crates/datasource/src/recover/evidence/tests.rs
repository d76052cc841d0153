// SPDX-License-Identifier: Apache-2.0

use object_store::memory::InMemory;

use super::*;

/// An index file of this type with blobs of these names and sizes.
fn index(code: i32, blobs: &[(&str, usize)]) -> Vec<u8> {
    let mut bytes = code.to_le_bytes().to_vec();
    for (name, size) in blobs {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((*size as u64).to_le_bytes());
        bytes.extend(vec![7; *size]);
    }
    bytes
}

async fn kind_of(bytes: Vec<u8>) -> Option<IndexKind> {
    let (store, path) = (InMemory::new(), Path::from("9"));
    let size = bytes.len() as u64;
    store.put(&path, bytes.into()).await.unwrap();
    index_of(&store, &path, size).await.unwrap()
}

#[tokio::test]
async fn a_whole_index_file_tells_what_its_vectors_are() {
    let float = kind_of(index(9, &[("IVF", 100)])).await.unwrap();
    assert_eq!((float.name, float.is_binary), ("IVF_SQ8", false), "the metadata's number of BIN_FLAT is 9");
    let binary = kind_of(index(101, &[("BinaryIVF", 3000), ("RAW", 0)])).await.unwrap();
    assert_eq!((binary.name, binary.is_binary), ("BIN_IVF_FLAT", true));
}

#[tokio::test]
async fn types_that_no_server_since_0_8_writes_tell_nothing() {
    for code in [0, 3, 4, 6, 8, 10, 13, 17, 99, 102, -1, i32::MAX, i32::MIN] {
        assert_eq!(kind_of(index(code, &[("IVF", 100)])).await, None, "{code}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_whole_index_tells_nothing() {
    let whole = index(2, &[("IVF", 40), ("RAW_DATA", 4)]);
    for length in 0..whole.len() {
        // What ends after a blob is a whole index.
        let is_whole = length == 4 + 8 + 3 + 8 + 40;
        assert_eq!(kind_of(whole[..length].to_vec()).await.is_some(), is_whole, "{length}");
    }
    assert_eq!(kind_of([whole.as_slice(), &[0]].concat()).await, None);
    for (at, huge) in [(4, u64::MAX), (4, 0), (4, 257), (15, u64::MAX), (15, 1 << 40)] {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&huge.to_le_bytes());
        assert_eq!(kind_of(bytes).await, None, "{huge} at {at}");
    }
    assert_eq!(kind_of(index(2, &[("I\u{1b}F", 40)])).await, None);
    assert_eq!(kind_of(index(2, &[("slice", 0); BLOBS + 1])).await, None, "it ends, even so");
}

#[test]
fn widths_leave_what_a_vector_can_have() {
    let both = |bytes| {
        let (float, binary) = layouts(bytes);
        (float.map(VectorLayout::dimension), binary.map(VectorLayout::dimension))
    };
    assert_eq!(both(64), (Some(16), Some(512)));
    assert_eq!(both(5), (None, Some(40)));
    assert_eq!(both(4096), (Some(1024), Some(32_768)));
    assert_eq!(both(4100), (Some(1025), None));
    assert_eq!(both(131_072), (Some(32_768), None));
    for bytes in [0, 4097, 131_076, u64::MAX, 1 << 61] {
        assert_eq!(both(bytes), (None, None), "{bytes}");
    }
}

#[test]
fn values_are_told_by_their_exponents() {
    let floats: Vec<u8> = (1..200_u8).flat_map(|one| (f32::from(one) / 7.0 - 9.0).to_le_bytes()).collect();
    assert_eq!(guess(&floats), Some(false));
    let mut numbers = crate::testing::Numbers(5);
    let bits: Vec<u8> = (0..800).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
    assert_eq!(guess(&bits), Some(true));
    assert_eq!(guess(&[0; 64]), None);
    assert_eq!(guess(&[1, 2, 3]), None);
}
