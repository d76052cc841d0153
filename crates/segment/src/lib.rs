// SPDX-License-Identifier: Apache-2.0
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
//! Bytes ⇄ values of the segment files of Milvus 0.7 to 1.1.
//!
//! A segment is a directory with the raw vectors, the ids and the deleted
//! offsets of up to 2³¹ rows. Its files have no magic, no version and no
//! checksum; only a length stands before the payload:
//!
//! ```text
//!              0        8                                            8+n
//! <id>.uid     | n u64  | rows × id i64                              |
//! <id>.rv      | n u64  | rows × vector                              |
//! deleted_docs | n u64  | entries × offset i32                       | left over, ignored
//! ```
//!
//! All integers and floats are little-endian. So every length is compared with
//! the size of its file, the vectors with the ids, and each offset with the rows,
//! before a byte is believed. Nothing here panics, whatever the bytes. Beside them
//! stands a filter of the ids, which a reader can do without ([`bloom_filter`]). The
//! write-ahead log stands apart from the segments and has a format of its own ([`wal`]).
//!
//! ```
//! use m2m_segment::{VectorElement, VectorLayout, deleted_docs::DeletedDocs, ids, rows, vectors};
//!
//! # fn main() -> Result<(), m2m_segment::Error> {
//! // Three rows of dimension 2, the second of which is deleted.
//! let layout = VectorLayout::try_new(VectorElement::Float32, 2)?;
//! let count = ids::rows(24_u64.to_le_bytes(), 32)?;
//! vectors::check(24_u64.to_le_bytes(), 32, count, layout)?;
//! let deleted = DeletedDocs::decode(&[4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], count)?;
//! assert_eq!(deleted.live_runs(0..count).collect::<Vec<_>>(), [0..1, 2..3]);
//!
//! let mut block = [1_u8; 24];
//! let kept = rows::retain_live(&mut block, layout.row_bytes(), 0, &deleted)?;
//! assert_eq!(kept, 16);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It opens no file and reads no index: the raw vectors are always beside it.
//! It does not read the files of Milvus 0.11, which has another format; it only
//! tells them ([`snapshot`]).

pub mod bloom_filter;
pub mod deleted_docs;
pub mod digest;
pub mod distance;
mod error;
pub mod finite;
mod header;
pub mod ids;
mod layout;
pub mod names;
pub mod rows;
pub mod snapshot;
pub mod vectors;
pub mod wal;

pub use error::{Error, Result};
pub use header::HEADER_LEN;
pub use layout::{MAX_DIMENSION, VectorElement, VectorLayout};
