// SPDX-License-Identifier: Apache-2.0

use arrow::array::{ArrayRef, AsArray};
use bytes::Bytes;

use super::options::FieldKind;
use super::text;
use crate::column::bytes_of;

/// Returns the bytes of a column without nulls in its NumPy file, in pieces; none
/// when it is of another type. Copies booleans and texts only.
pub(super) fn npy_pieces<'a>(
    kind: FieldKind,
    array: &'a ArrayRef,
) -> Option<Box<dyn Iterator<Item = Bytes> + Send + 'a>> {
    match kind {
        FieldKind::Text { max_chars, .. } | FieldKind::Json { max_chars } => {
            Some(Box::new(text::blocks(array.as_string_opt()?, max_chars)))
        }
        _ => {
            let (dtype, width) = kind.npy_type()?;
            Some(Box::new(std::iter::once(bytes_of(array, dtype, width)?)))
        }
    }
}
