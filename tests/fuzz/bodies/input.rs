// SPDX-License-Identifier: Apache-2.0
//! What the targets share: taking values from bytes, and looking at errors.

use std::error::Error;

/// Bytes that values are taken from. Where they end, zeros follow.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.number::<1>()[0]
    }

    /// The next two bytes as a number.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.number())
    }

    /// The next eight bytes as a number.
    pub(crate) fn long(&mut self) -> i64 {
        i64::from_le_bytes(self.number())
    }

    /// The next bytes, whose number stands before them in two bytes.
    pub(crate) fn part(&mut self) -> &'a [u8] {
        let length = usize::from(self.short()).min(self.0.len());
        let (part, rest) = self.0.split_at(length);
        self.0 = rest;
        part
    }

    fn number<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(self.0.len().min(N));
        self.0 = rest;
        let mut bytes = [0; N];
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }
}

/// An error and its causes as a user sees them; each says something.
pub(crate) fn said(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        assert!(!said.is_empty(), "an error says nothing: {error:?}");
        text = text + &said + "\n";
        next = error.source();
    }
    text
}
