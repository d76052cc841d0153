// SPDX-License-Identifier: Apache-2.0

//! The header of a `.npy` file: written as `numpy.save` writes it, read back
//! and checked before a file is given to Milvus.
//!
//! ```
//! use m2m_sink::npy::{NpyType, header};
//!
//! # fn main() -> m2m_sink::Result<()> {
//! let bytes = header(NpyType::Float32, 1000, Some(128))?;
//! let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 128), }";
//! assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
//! assert!(bytes[10..].starts_with(text.as_bytes()));
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use m2m_numpy::HeaderText;
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::manifest::FileEntry;
use crate::{Error, Result};

/// Length of the header of every import file, a multiple of 64.
pub const HEADER_LEN: usize = 128;

const HEADER_BYTES: u64 = 128;
const MAGIC: &[u8; 6] = b"\x93NUMPY";
const VERSION: [u8; 2] = [1, 0];
/// Magic, version and the length of the text.
const PREAMBLE_LEN: usize = 10;
/// Length of the text with its padding and line feed, little-endian.
const TEXT_LEN: [u8; 2] = [118, 0];
/// NumPy's notation of text, before its length.
const TEXT: &str = "<U";

/// An element type that import files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpyType {
    /// `|b1`, one byte a value.
    Bool,
    /// `|i1`.
    Int8,
    /// `<i2`.
    Int16,
    /// `<i4`.
    Int32,
    /// `<i8`.
    Int64,
    /// `|u1`, the bytes of a binary vector.
    UInt8,
    /// `<f4`.
    Float32,
    /// `<f8`.
    Float64,
    /// `<U12`: text of so many characters at most, four bytes each, zeros behind it.
    Text(u32),
}

impl NpyType {
    const NUMBERS: [Self; 8] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::Float32,
        Self::Float64,
    ];

    /// Returns NumPy's notation, such as `<f4`.
    pub fn descr(self) -> Cow<'static, str> {
        let number = match self {
            Self::Text(chars) => return format!("{TEXT}{chars}").into(),
            Self::Bool => "|b1",
            Self::Int8 => "|i1",
            Self::Int16 => "<i2",
            Self::Int32 => "<i4",
            Self::Int64 => "<i8",
            Self::UInt8 => "|u1",
            Self::Float32 => "<f4",
            Self::Float64 => "<f8",
        };
        number.into()
    }

    /// Returns the type of a notation, if import files have it.
    pub fn from_descr(descr: &str) -> Option<Self> {
        if let Some(chars) = descr.strip_prefix(TEXT) {
            let chars = chars.parse().ok().filter(|&chars| chars > 0)?;
            return Some(Self::Text(chars)).filter(|dtype| dtype.descr() == descr);
        }
        Self::NUMBERS.into_iter().find(|dtype| dtype.descr() == descr)
    }

    /// Returns the bytes of one value.
    pub fn item_bytes(self) -> u64 {
        match self {
            Self::Text(chars) => u64::from(chars) * 4,
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }
}

/// Returns the header that `numpy.save` writes for an array in C order, format
/// version 1.0: shape `(rows,)` without a width, otherwise `(rows, width)`.
///
/// # Errors
///
/// [`Error::Header`] when the file would be longer than a 64-bit length.
pub fn header(dtype: NpyType, rows: u64, width: Option<u64>) -> Result<[u8; HEADER_LEN]> {
    header_of(&dtype.descr(), dtype.item_bytes(), rows, width)
}

/// Returns the header for values of any type in NumPy's notation.
pub(crate) fn header_of(
    descr: &str,
    item_bytes: u64,
    rows: u64,
    width: Option<u64>,
) -> Result<[u8; HEADER_LEN]> {
    let fault = |reason| Error::Header { rows, width: width.unwrap_or(1), dtype: descr.to_owned(), reason };
    length(item_bytes, rows, width).ok_or_else(|| fault("the file would be too long"))?;
    let shape = match width {
        None => format!("({rows},)"),
        Some(width) => format!("({rows}, {width})"),
    };
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let mut header = [b' '; HEADER_LEN];
    let (preamble, rest) = header.split_at_mut(PREAMBLE_LEN);
    preamble.copy_from_slice(&[MAGIC.as_slice(), &VERSION, &TEXT_LEN].concat());
    let place = rest.get_mut(..text.len()).ok_or_else(|| fault("the text does not fit"))?;
    place.copy_from_slice(text.as_bytes());
    if let Some(last) = rest.last_mut() {
        *last = b'\n';
    }
    Ok(header)
}

/// Returns the length of a file with its header, if 64 bits can hold it.
pub(crate) fn file_bytes(dtype: NpyType, rows: u64, width: Option<u64>) -> Option<u64> {
    length(dtype.item_bytes(), rows, width)
}

fn length(item_bytes: u64, rows: u64, width: Option<u64>) -> Option<u64> {
    let row = item_bytes.checked_mul(width.unwrap_or(1))?;
    rows.checked_mul(row)?.checked_add(HEADER_BYTES)
}

/// What a file says of itself, as far as a manifest knows it too.
///
/// Two headers are equal when type, rows and length of the file are; with
/// these the width of a row is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The element type in NumPy's notation.
    pub dtype: String,
    /// The rows.
    pub rows: u64,
    /// The length of the whole file.
    pub bytes: u64,
}

impl Header {
    /// Returns what the manifest promises of a file.
    pub fn of_entry(entry: &FileEntry) -> Self {
        Self { dtype: entry.dtype.clone(), rows: entry.rows, bytes: entry.bytes }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {} in {} bytes", self.rows, self.dtype, self.bytes)
    }
}

/// Reads the header of an import file and compares it with the file's length.
///
/// Only the first bytes are asked for, in one request.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read, [`Error::NotAnImportFile`] when
/// it is not a `.npy` file as [`header`] describes it, or has another length.
pub async fn read_header(storage: &Storage, path: &Path) -> Result<Header> {
    let location = storage.display(path);
    let (start, bytes) = match read_start(storage, path).await {
        Ok(read) => read,
        Err(source) => return Err(Error::Read { location, source: source.into() }),
    };
    let fault = |(expected, found)| Error::NotAnImportFile { location, expected, found };
    parse(&start, bytes).map_err(fault)
}

/// Reads the header of an import file and compares it with the manifest's entry.
///
/// # Errors
///
/// Those of [`read_header`], and [`Error::NotAnImportFile`] when type, rows or
/// length differ from the entry.
pub async fn check_file(storage: &Storage, entry: &FileEntry) -> Result<()> {
    let path = storage.child(&entry.path);
    let (expected, found) = (Header::of_entry(entry), read_header(storage, &path).await?);
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_string(), found.to_string());
    Err(Error::NotAnImportFile { location: storage.display(&path), expected, found })
}

async fn read_start(storage: &Storage, path: &Path) -> object_store::Result<(Bytes, u64)> {
    const START: Range<u64> = 0..HEADER_BYTES;
    let options = GetOptions { range: Some(GetRange::Bounded(START)), ..GetOptions::default() };
    let answer = storage.store().get_opts(path, options).await?;
    let bytes = answer.meta.size;
    Ok((answer.bytes().await?, bytes))
}

/// What was expected, and what was found instead.
type Difference = (String, String);

fn parse(start: &[u8], bytes: u64) -> Result<Header, Difference> {
    let preamble = [MAGIC.as_slice(), &VERSION, &TEXT_LEN].concat();
    if start.len() != HEADER_LEN || !start.starts_with(&preamble) {
        let found = start.get(..PREAMBLE_LEN).unwrap_or(start).escape_ascii().to_string();
        let expected = format!("a NumPy header of version 1.0 and {HEADER_LEN} bytes");
        return Err((expected, format!("{} bytes that begin with `{found}`", start.len())));
    }
    let text = start.get(PREAMBLE_LEN..).unwrap_or_default();
    let quoted = |text: &[u8]| format!("`{}`", String::from_utf8_lossy(text).trim_end());
    let parsed = HeaderText::parse(text)
        .ok_or_else(|| ("a header with `descr`, `fortran_order` and `shape`".to_owned(), quoted(text)))?;
    if parsed.is_fortran {
        return Err(("rows in C order".to_owned(), "Fortran order".to_owned()));
    }
    let descr = parsed.descr.as_str();
    let dtype = NpyType::from_descr(descr)
        .ok_or_else(|| ("a type that Milvus imports".to_owned(), format!("`{descr}`")))?;
    let (rows, width) = rows_and_width(&parsed.shape)?;
    if width.is_some() && matches!(dtype, NpyType::Text(_)) {
        return Err(("text of one axis".to_owned(), format!("{:?}", parsed.shape)));
    }
    // Milvus looks for fixed pieces of text: what NumPy would write is what it surely finds.
    let expected =
        header(dtype, rows, width).map_err(|_| ("a shape that a file can have".to_owned(), quoted(text)))?;
    if expected != start {
        return Err((quoted(expected.get(PREAMBLE_LEN..).unwrap_or_default()), quoted(text)));
    }
    match file_bytes(dtype, rows, width) {
        Some(length) if length == bytes => Ok(Header { dtype: descr.to_owned(), rows, bytes }),
        length => {
            let expected = length.map_or("a shorter file".to_owned(), |length| format!("{length} bytes"));
            Err((format!("{expected} for shape {:?} of `{descr}`", parsed.shape), format!("{bytes} bytes")))
        }
    }
}

fn rows_and_width(shape: &[u64]) -> Result<(u64, Option<u64>), Difference> {
    match *shape {
        [rows] => Ok((rows, None)),
        [rows, width] => Ok((rows, Some(width))),
        _ => Err(("a shape of one or two axes".to_owned(), format!("{shape:?}"))),
    }
}

#[cfg(test)]
mod tests;
