// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::testing::Target;

/// The empty text's SHA-256, and that of `abc`, as FIPS 180-4 has them.
const SHA256: [(&[u8], &str); 2] = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
];

fn entry(path: &str, bytes: &[u8], sha256: Option<String>) -> FileEntry {
    FileEntry {
        path: path.into(),
        field: "id".into(),
        rows: 1,
        bytes: bytes.len() as u64,
        crc32c: crc32c::crc32c(bytes),
        sha256,
        dtype: "<i8".into(),
    }
}

fn sha256(bytes: &[u8]) -> Option<String> {
    let mut sums = Sums::new(Checksum::Sha256);
    sums.add(bytes);
    sums.sha256()
}

#[test]
fn sums_do_not_depend_on_the_pieces() {
    for (text, expected) in SHA256 {
        assert_eq!(sha256(text).as_deref(), Some(expected));
    }
    let mut sums = Sums::new(Checksum::Sha256);
    b"abc".chunks(1).for_each(|piece| sums.add(piece));
    assert_eq!((sums.bytes, sums.crc32c, sums.sha256().as_deref()), (3, 0x364b_3fb7, Some(SHA256[1].1)));
    assert_eq!(sums.crc32c_behind(b"123"), crc32c::crc32c(b"123abc"));
    assert_eq!(Sums::new(Checksum::Crc32c).sha256(), None);
}

#[test]
fn checksums_are_written_by_their_names() {
    for checksum in [Checksum::Crc32c, Checksum::Sha256] {
        let json = serde_json::to_string(&checksum).unwrap();
        assert_eq!(json, format!("\"{checksum}\""));
        assert_eq!(serde_json::from_str::<Checksum>(&json).unwrap(), checksum);
    }
    assert_eq!(Checksum::default(), Checksum::Crc32c);
}

#[tokio::test]
async fn file_as_written_passes_and_every_change_is_found() {
    let target = Target::new();
    // More than one block, and a rest.
    let block = usize::try_from(BLOCK_BYTES).unwrap();
    let bytes: Vec<u8> = (0..2 * block + 1000).map(|at| (at % 251) as u8).collect();
    let place = target.folder.path().join("a.npy");
    std::fs::write(&place, &bytes).unwrap();
    for sum in [None, sha256(&bytes), sha256(&bytes).map(|hex| hex.to_uppercase())] {
        check_checksums(&target.storage, &entry("a.npy", &bytes, sum)).await.unwrap();
    }
    let found = |error: Error| match error {
        Error::Damaged { location, expected, found } => {
            assert_eq!(location, place.display().to_string());
            (expected, found)
        }
        other => panic!("{other}"),
    };
    for at in [0, block - 1, block, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        std::fs::write(&place, &changed).unwrap();
        let error = check_checksums(&target.storage, &entry("a.npy", &bytes, None)).await.unwrap_err();
        let shown = |bytes: &[u8]| format!("CRC-32C {:08x}", crc32c::crc32c(bytes));
        assert_eq!(found(error), (shown(&bytes), shown(&changed)), "byte {at}");
    }
    for changed in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[]] {
        std::fs::write(&place, changed).unwrap();
        let error = check_checksums(&target.storage, &entry("a.npy", &bytes, None)).await.unwrap_err();
        let shown = |bytes: &[u8]| format!("{} bytes", bytes.len());
        assert_eq!(found(error), (shown(&bytes), shown(changed)));
    }
}

#[tokio::test]
async fn change_that_keeps_the_crc_is_found_by_sha_256() {
    let target = Target::new();
    std::fs::write(target.folder.path().join("a.npy"), b"abc").unwrap();
    let wrong = sha256(b"abd");
    let error = check_checksums(&target.storage, &entry("a.npy", b"abc", wrong.clone())).await.unwrap_err();
    let expected = format!(
        "`{}/a.npy` is not as it was written: expected SHA-256 {}, found SHA-256 {}; copy it once more from where it is whole, or dump again",
        target.folder.path().display(),
        wrong.unwrap(),
        SHA256[1].1
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn file_that_is_not_there_cannot_be_checked() {
    let target = Target::new();
    let error = check_checksums(&target.storage, &entry("a.npy", b"abc", None)).await.unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    // A path cannot leave the folder.
    let error = check_checksums(&target.storage, &entry("../a.npy", b"abc", None)).await.unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}
