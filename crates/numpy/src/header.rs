// SPDX-License-Identifier: Apache-2.0
//! The header of a `.npy` file.
//!
//! ```text
//! offset  bytes  meaning
//!      0      6  \x93NUMPY
//!      6      2  version: 1.0, 2.0 or 3.0
//!      8   2, 4  length of the text, little-endian: 2 bytes in version 1.0, else 4
//!  10, 12      n  text: {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 128), }
//!                 then the values, to the end of the file
//! ```
//!
//! Nothing of it is believed: the text is read by a grammar of its own that has
//! three keys and no nesting, products are checked, and the length of the file
//! has to be that of the shape.

use crate::element::Element;
use crate::error::Fault;

/// Bytes from the start of a file in which a header ends. NumPy itself reads
/// no longer text from a file that it does not trust.
pub(crate) const START_BYTES: u64 = 12 + TEXT_MAX as u64;

const TEXT_MAX: usize = 10_000;
/// What every file begins with.
pub(crate) const MAGIC: [u8; 6] = *b"\x93NUMPY";
const ARCHIVE_MAGIC: &[u8] = b"PK\x03\x04";
/// Bytes of one row; a row is never cut, so it has to fit in memory.
const ROW_BYTES_MAX: usize = 16 << 20;
/// Axes of an array.
const AXES_MAX: usize = 8;

/// What a file says of its array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) element: Element,
    pub(crate) rows: u64,
    /// The axes behind that of the rows.
    pub(crate) axes: Vec<usize>,
    /// Bytes of one row, one at least.
    pub(crate) row_bytes: usize,
    /// Where the values start.
    pub(crate) data_start: u64,
}

impl Header {
    /// Reads the header from the start of a file of `length` bytes: all of
    /// the file, or [`START_BYTES`] of it.
    pub(crate) fn parse(start: &[u8], length: u64) -> Result<Self, Fault> {
        let (text, data_start) = text(start)?;
        let words = HeaderText::read(text)?;
        let header = Self::of_words(&words, data_start)?;
        let expected = header.data_bytes().and_then(|bytes| bytes.checked_add(data_start));
        if expected != Some(length) {
            let shape = format!("shape {:?} of `{}`", words.shape, words.descr);
            let expected = match expected {
                Some(expected) => format!("{expected} bytes for {shape}"),
                None => format!("a {shape} that a file can have"),
            };
            return Err(Fault::damaged(expected, format!("{length} bytes")));
        }
        Ok(header)
    }

    fn of_words(words: &HeaderText, data_start: u64) -> Result<Self, Fault> {
        let element = Element::parse(&words.descr)?;
        if words.shape.len() > AXES_MAX {
            let what = format!("an array of {} axes", words.shape.len());
            return Err(Fault::refused(what, "save `a.reshape(len(a), -1)`"));
        }
        let (rows, axes) = match words.shape.split_first() {
            None => (1, &[][..]),
            Some((&rows, axes)) => (rows, axes),
        };
        if words.is_fortran && !axes.is_empty() {
            let what = "an array in Fortran order, whose rows are not in one piece";
            return Err(Fault::refused(what, "save `np.ascontiguousarray(a)`"));
        }
        let too_wide = || {
            let what = format!("rows of shape {axes:?} of `{}`, more than 16 MiB each", words.descr);
            Fault::refused(what, "save it in a shape with narrower rows")
        };
        let axes = axes.iter().map(|&axis| usize::try_from(axis)).collect::<Result<Vec<_>, _>>();
        let axes = axes.map_err(|_| too_wide())?;
        let element_bytes = element.bytes().ok_or_else(too_wide)?;
        let row_bytes = axes.iter().try_fold(element_bytes, |bytes, &axis| bytes.checked_mul(axis));
        match row_bytes {
            Some(0) => {
                let what = format!("rows without values (shape {:?} of `{}`)", words.shape, words.descr);
                Err(Fault::refused(what, "leave it out"))
            }
            Some(row_bytes) if row_bytes <= ROW_BYTES_MAX => {
                Ok(Self { element, rows, axes, row_bytes, data_start })
            }
            _ => Err(too_wide()),
        }
    }

    fn data_bytes(&self) -> Option<u64> {
        self.rows.checked_mul(self.row_bytes as u64)
    }

    /// The values of one row.
    pub(crate) fn row_values(&self) -> usize {
        self.axes.iter().product()
    }
}

/// The text of a header, and where the values start.
fn text(start: &[u8]) -> Result<(&[u8], u64), Fault> {
    let beginning = || {
        let found = start.get(..start.len().min(10)).unwrap_or_default().escape_ascii();
        format!("{} bytes that begin with `{found}`", start.len())
    };
    if start.starts_with(ARCHIVE_MAGIC) {
        return Err(Fault::refused("an archive of arrays", "create the table `STORED AS NPZ`"));
    }
    let Some(rest) = start.strip_prefix(&MAGIC) else {
        return Err(Fault::damaged("a file that begins with `\\x93NUMPY`", beginning()));
    };
    let (length, preamble, rest) = match *rest {
        [1, 0, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), 10, rest),
        [2 | 3, 0, a, b, c, d, ref rest @ ..] => {
            let length = usize::try_from(u32::from_le_bytes([a, b, c, d]));
            (length.unwrap_or(usize::MAX), 12, rest)
        }
        [1..=3, 0, ..] | [_] | [] => return Err(Fault::damaged("a whole header", beginning())),
        [major, minor, ..] => {
            let expected = "a header of version 1.0, 2.0 or 3.0";
            return Err(Fault::damaged(expected, format!("version {major}.{minor}")));
        }
    };
    if length > TEXT_MAX {
        let expected = format!("a header of at most {TEXT_MAX} bytes");
        return Err(Fault::damaged(expected, format!("one of {length} bytes")));
    }
    match rest.get(..length) {
        Some(text) => Ok((text, (preamble + length) as u64)),
        None => Err(Fault::damaged(
            format!("a header of {length} bytes"),
            format!("a file that ends after {} of them", rest.len()),
        )),
    }
}

/// What the text of a `.npy` header says, before anything of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText {
    /// The type in NumPy's notation, such as `<f4`.
    pub descr: String,
    /// Whether the first axis is the one whose values stand side by side.
    pub is_fortran: bool,
    /// The length of each axis.
    pub shape: Vec<u64>,
}

impl HeaderText {
    /// Reads the text, which is everything of a header behind its length.
    ///
    /// Its bytes are gone through once, whatever they are. There is nothing when
    /// they are not a dictionary with the three keys of a header, or when the
    /// type is a structured one.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::read_some(text)?.ok()
    }

    fn read(text: &[u8]) -> Result<Self, Fault> {
        let damaged = || {
            let shown = text.get(..text.len().min(200)).unwrap_or_default();
            let found = String::from_utf8_lossy(shown).trim_end().escape_debug().to_string();
            Fault::damaged("a header with `descr`, `fortran_order` and `shape`", format!("`{found}`"))
        };
        Self::read_some(text).ok_or_else(damaged)?
    }

    /// The words; nothing when the text is not a header's.
    fn read_some(text: &[u8]) -> Option<Result<Self, Fault>> {
        let mut scanner = Scanner(text);
        let (mut descr, mut is_fortran, mut shape) = (None, None, None);
        scanner.expect(b'{')?;
        while !scanner.accept(b'}') {
            let key = scanner.string()?;
            scanner.expect(b':')?;
            match key {
                b"descr" if scanner.accept(b'[') => return Some(Err(structured())),
                b"descr" if descr.is_none() => descr = Some(std::str::from_utf8(scanner.string()?).ok()?),
                b"fortran_order" if is_fortran.is_none() => is_fortran = Some(scanner.boolean()?),
                b"shape" if shape.is_none() => shape = Some(scanner.shape()?),
                _ => return None,
            }
            if !scanner.accept(b',') {
                scanner.expect(b'}')?;
                break;
            }
        }
        let descr = descr?.to_owned();
        scanner.is_done().then_some(Ok(Self { descr, is_fortran: is_fortran?, shape: shape? }))
    }
}

fn structured() -> Fault {
    let remedy = "save each field as an array of its own: `np.savez(f, **{n: a[n] for n in a.dtype.names})`";
    Fault::refused("a structured dtype", remedy)
}

/// Reads the few forms of Python that a header has.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    fn accept(&mut self, token: u8) -> bool {
        self.0 = self.0.trim_ascii_start();
        match self.0.split_first() {
            Some((&first, rest)) if first == token => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, token: u8) -> Option<()> {
        self.accept(token).then_some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let quote = if self.accept(b'\'') { b'\'' } else { self.expect(b'"').map(|()| b'"')? };
        let end = self.0.iter().position(|&byte| byte == quote)?;
        let (string, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        (!string.contains(&b'\\')).then_some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.0 = self.0.trim_ascii_start();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(value);
            }
        }
        None
    }

    /// Numbers between parentheses.
    fn shape(&mut self) -> Option<Vec<u64>> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while !self.accept(b')') {
            shape.push(self.number()?);
            // Python 2 marks long numbers.
            self.accept(b'L');
            if !self.accept(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Some(shape)
    }

    fn number(&mut self) -> Option<u64> {
        self.0 = self.0.trim_ascii_start();
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn is_done(&self) -> bool {
        self.0.trim_ascii().is_empty()
    }
}

#[cfg(test)]
mod tests;
