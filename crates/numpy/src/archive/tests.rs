// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::testing::{Bench, archive, deflated, float32s, int64s, npy, stored};

fn two_arrays() -> [(&'static str, Vec<u8>); 2] {
    let vectors = npy("<f4", "(3, 2)", &float32s([0.0, 0.5, 1.0, 1.5, 2.0, 2.5]));
    [("vector.npy", vectors), ("id.npy", npy("<i8", "(3,)", &int64s(3)))]
}

fn packed(options: zip::write::SimpleFileOptions) -> Vec<u8> {
    let arrays = two_arrays();
    archive(&arrays.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())), options)
}

#[tokio::test]
async fn stored_deflated_and_large_entries_are_columns_in_their_order() {
    let bench = Bench::new();
    for options in [stored(), deflated(), stored().large_file(true), deflated().large_file(true)] {
        bench.write("x.npz", &packed(options));
        bench.create("NPZ", "x.npz").await.unwrap();
        let rows = bench.sql("SELECT * FROM t").await.unwrap();
        assert_eq!(rows, "[0.0, 0.5] | 0; [1.0, 1.5] | 1; [2.0, 2.5] | 2");
        assert_eq!(bench.sql("SELECT id FROM t WHERE vector[1] > 0.5").await.unwrap(), "1; 2");
        assert_eq!(bench.sql("SELECT id FROM t LIMIT 1").await.unwrap(), "0");
        assert_eq!(bench.sql("SELECT count(*) FROM t").await.unwrap(), "3");
        bench.create_with("NPZ", "x.npz", "OPTIONS ('row_number' 'n')").await.unwrap();
        assert_eq!(bench.sql("SELECT id, n FROM t WHERE n > 0").await.unwrap(), "1 | 1; 2 | 2");
        assert_eq!(bench.sql("SELECT n FROM t").await.unwrap(), "0; 1; 2");
        bench.create("NPZ", "x.npz").await.unwrap();
        let plan = bench.sql("EXPLAIN SELECT id FROM t").await.unwrap();
        assert!(plan.contains("file_type=npz, arrays=[id]"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_blocks_of_several_columns_stay_in_step() {
    let rows = 300_000_i64;
    let ids: Vec<u8> = (0..rows).flat_map(i64::to_le_bytes).collect();
    let halves: Vec<u8> =
        (0..rows).flat_map(|row| [row, row / 2].into_iter().flat_map(i64::to_be_bytes)).collect();
    let arrays = [
        ("id.npy", npy("<i8", &format!("({rows},)"), &ids)),
        ("pair.npy", npy(">i8", &format!("({rows}, 2)"), &halves)),
    ];
    let bench = Bench::new();
    for options in [stored(), deflated()] {
        let arrays = arrays.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
        bench.write("x.npz", &archive(&arrays, options));
        bench.create("NPZ", "x.npz").await.unwrap();
        let wrong = "SELECT count(*), sum(id) FROM t WHERE id = pair[1] AND id / 2 = pair[2]";
        assert_eq!(bench.sql(wrong).await.unwrap(), format!("{rows} | {}", rows * (rows - 1) / 2));
    }
}

#[tokio::test]
async fn a_limit_ends_the_unpacking() {
    let zeros = vec![0; 64 << 20];
    let bench = Bench::new();
    let bytes = npy("|u1", &format!("({},)", zeros.len()), &zeros);
    bench.write("x.npz", &archive(&[("x.npy", &bytes)], stored()));
    bench.create("NPZ", "x.npz").await.unwrap();
    let read = bench.bytes_scanned("SELECT x FROM t LIMIT 10").await;
    assert!(read < 5 << 20, "{read} bytes");
}

#[tokio::test]
async fn archives_that_are_none_are_refused_by_name() {
    let bench = Bench::new();
    let array = npy("<i8", "(1,)", &int64s(1));
    for (bytes, expected) in [
        (b"".to_vec(), "cannot read archive"),
        (array.clone(), "holds one array, which cannot be a column: create the table `STORED AS NPY`"),
        (b"PK and no archive".to_vec(), "cannot read archive"),
        (archive(&[], stored()), "has no arrays: expected arrays `*.npy`"),
        (archive(&[("readme.txt", b"hello")], stored()), "holds `readme.txt`, which is no `.npy` file"),
        (
            archive(&[("a.npy", b"hello")], stored()),
            "x.npz: a.npy` is damaged: expected a file that begins with",
        ),
        (archive(&[("a.npy", &array[..100])], deflated()), "x.npz: a.npy` is damaged"),
        (archive(&[("a.npy", &[&array[..], b"+"].concat())], deflated()), "found 137 bytes"),
    ] {
        bench.write("x.npz", &bytes);
        let said = bench.create("NPZ", "x.npz").await.unwrap_err();
        assert!(said.contains(expected) && said.contains("x.npz"), "expected {expected}: {said}");
    }
    bench.write("d/x.npz", b"");
    let said = bench.create("NPZ", "d").await.unwrap_err();
    assert!(said.contains("takes no folder of archives: name one `.npz` file"), "{said}");
    let other = npy("<i8", "(2,)", &int64s(2));
    bench.write("x.npz", &archive(&[("a.npy", &array), ("b.npy", &other)], stored()));
    let said = bench.create("NPZ", "x.npz").await.unwrap_err();
    assert!(said.contains("x.npz: a.npy` has 1 rows, and") && said.contains("x.npz: b.npy` has 2"), "{said}");
}

#[tokio::test]
async fn a_changed_value_is_found_by_its_checksum() {
    let bench = Bench::new();
    for rows in [3, 4000] {
        let ids = npy("<i8", &format!("({rows},)"), &int64s(rows));
        let mut bytes = archive(&[("id.npy", &ids), ("other.npy", &ids)], stored());
        let last = i64::from(rows - 1).to_le_bytes();
        let at = bytes.windows(8).position(|window| window == last).unwrap();
        bytes[at + 7] ^= 1;
        bench.write("x.npz", &bytes);
        let said = match bench.create("NPZ", "x.npz").await {
            // A small array is unpacked when its header is.
            Err(said) if rows == 3 => said,
            created => {
                created.unwrap();
                let count = bench.sql("SELECT count(other) FROM t WHERE other >= 0").await;
                assert_eq!(count.unwrap(), "4000", "the other array is whole");
                bench.sql("SELECT id FROM t").await.unwrap_err()
            }
        };
        assert!(said.contains("x.npz: id.npy") && said.contains("Invalid checksum"), "{said}");
    }
}

/// Sets the sizes that an archive's directory claims for its one entry.
fn lying(mut bytes: Vec<u8>, size: u32) -> Vec<u8> {
    let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[directory + 24..directory + 28].copy_from_slice(&size.to_le_bytes());
    bytes
}

#[tokio::test]
async fn sizes_that_lie_are_found() {
    let bench = Bench::new();
    let array = npy("<i8", "(3,)", &int64s(3));
    let whole = archive(&[("a.npy", &array)], deflated());
    for size in [0, 1, 127, 151, 153, u32::MAX - 1] {
        bench.write("x.npz", &lying(whole.clone(), size));
        let said = bench.create("NPZ", "x.npz").await.unwrap_err();
        assert!(said.contains("x.npz"), "{size}: {said}");
    }
    // The header and the directory agree on a size that the packed bytes do not have.
    let long = npy("<i8", "(900,)", &int64s(3));
    let claimed = u32::try_from(128 + 900 * 8).unwrap();
    bench.write("x.npz", &lying(archive(&[("a.npy", &long)], deflated()), claimed));
    bench.create("NPZ", "x.npz").await.unwrap();
    let said = bench.sql("SELECT a FROM t").await.unwrap_err();
    assert!(said.contains("x.npz: a.npy` is damaged: expected 7328 bytes"), "{said}");
}

#[tokio::test]
async fn what_unpacks_to_much_is_streamed() {
    let bench = Bench::new();
    let rows = 96 << 20;
    let bytes = npy("|i1", &format!("({rows},)"), &vec![0; rows]);
    let packed = archive(&[("a.npy", &bytes)], deflated());
    assert!(packed.len() < 200_000, "{} bytes", packed.len());
    bench.write("x.npz", &packed);
    bench.create("NPZ", "x.npz").await.unwrap();
    let batches = bench.batches("SELECT a FROM t LIMIT 5000000").await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 1 << 16));
    assert_eq!(batches.iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum::<usize>(), 5_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn archives_with_changed_bytes_are_read_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
        is_deflated: bool,
    ) {
        let mut bytes = packed(if is_deflated { deflated() } else { stored() });
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let read = Runtime::new().unwrap().block_on(async {
            let bench = Bench::new();
            bench.write("x.npz", &bytes);
            bench.create("NPZ", "x.npz").await?;
            bench.sql("SELECT * FROM t").await
        });
        if let Err(said) = read {
            prop_assert!(said.contains("x.npz") && !said.contains("panicked"), "{}", said);
        }
    }
}
