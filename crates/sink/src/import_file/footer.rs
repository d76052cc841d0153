// SPDX-License-Identifier: Apache-2.0

//! The footer of a Parquet file, as far as its number of rows.
//!
//! A footer is a struct in Thrift's compact protocol. Nothing is allocated for
//! what is passed over, and nothing in it is believed: a list that claims to be
//! long ends with the bytes.

/// Which field of the footer is the number of rows.
const ROWS_FIELD: i64 = 3;
/// Structs and lists inside each other; a footer has less than ten.
const DEPTH_MAX: u8 = 32;
/// Bytes of a number of 64 bits: seven bits each.
const VARINT_BYTES_MAX: u32 = 10;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Returns the number of rows that a footer states; none when it is no footer,
/// does not state it once, or has bytes behind its end.
pub(super) fn rows(footer: &[u8]) -> Option<i64> {
    let mut reader = Reader { rest: footer };
    let (mut rows, mut id) = (None, 0);
    loop {
        match reader.field(&mut id)? {
            STOP => break,
            I64 if id == ROWS_FIELD && rows.is_none() => rows = Some(reader.zigzag()?),
            _ if id == ROWS_FIELD => return None,
            kind => reader.skip(kind, 0)?,
        }
    }
    rows.filter(|_| reader.rest.is_empty())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Reads the head of a field and counts its id on; the last kind is [`STOP`].
    fn field(&mut self, id: &mut i64) -> Option<u8> {
        let head = self.byte()?;
        let (step, kind) = (head >> 4, head & 0xf);
        if kind != STOP {
            *id = if step == 0 { self.zigzag()? } else { id.checked_add(i64::from(step))? };
        }
        Some(kind)
    }

    /// Passes over a value of a field.
    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_add(1).filter(|&depth| depth <= DEPTH_MAX)?;
        match kind {
            // The kind is the value.
            TRUE | FALSE => Some(()),
            BYTE => self.byte().map(drop),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.pass(8),
            UUID => self.pass(16),
            BINARY => {
                let bytes = self.varint()?;
                self.pass(bytes)
            }
            LIST | SET => self.skip_list(depth),
            MAP => self.skip_map(depth),
            STRUCT => {
                let mut id = 0;
                loop {
                    match self.field(&mut id)? {
                        STOP => return Some(()),
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: u8) -> Option<()> {
        let head = self.byte()?;
        let items = match head >> 4 {
            0xf => self.varint()?,
            items => u64::from(items),
        };
        (0..items).try_for_each(|_| self.skip_item(head & 0xf, depth))
    }

    fn skip_map(&mut self, depth: u8) -> Option<()> {
        let items = self.varint()?;
        if items == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        (0..items).try_for_each(|_| {
            self.skip_item(kinds >> 4, depth)?;
            self.skip_item(kinds & 0xf, depth)
        })
    }

    /// Passes over an item of a list, which is a byte at least.
    fn skip_item(&mut self, kind: u8, depth: u8) -> Option<()> {
        match kind {
            TRUE | FALSE => self.byte().map(drop),
            _ => self.skip(kind, depth),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn pass(&mut self, bytes: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    fn zigzag(&mut self) -> Option<i64> {
        let bits = self.varint()?;
        Some((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for at in 0..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
