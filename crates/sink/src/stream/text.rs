// SPDX-License-Identifier: Apache-2.0

use arrow::array::{Array, StringArray};
use bytes::Bytes;
use serde::de::IgnoredAny;

use super::column::Fault;

/// Bytes of a NumPy array that are made at once: its rows are as long as the
/// longest text may be, and a batch of them would be gigabytes.
const BLOCK_BYTES: usize = 256 << 10;
/// Bytes of a character in UTF-32.
const CHAR_BYTES: usize = 4;

/// Returns the first text that is too long, has a NUL, or is not JSON where it should be.
pub(super) fn first_fault(
    texts: &StringArray,
    max_chars: Option<usize>,
    max_bytes: Option<usize>,
    is_json: bool,
) -> Option<(usize, Fault)> {
    texts.iter().enumerate().find_map(|(row, text)| {
        let text = text?;
        let fault = fault_of_length(text, max_chars, max_bytes).or_else(|| fault_of_content(text, is_json));
        fault.map(|fault| (row, fault))
    })
}

fn fault_of_length(text: &str, max_chars: Option<usize>, max_bytes: Option<usize>) -> Option<Fault> {
    if let Some(max) = max_bytes.filter(|&max| text.len() > max) {
        return Some(Fault::Value {
            expected: format!("at most {max} bytes of text"),
            found: text.len().to_string(),
        });
    }
    // No text has more characters than bytes.
    let max = max_chars.filter(|&max| text.len() > max)?;
    let chars = text.chars().count();
    (chars > max).then(|| Fault::Value {
        expected: format!("at most {max} characters of text"),
        found: chars.to_string(),
    })
}

fn fault_of_content(text: &str, is_json: bool) -> Option<Fault> {
    if text.contains('\0') {
        // NumPy takes those at the end of a text for its filling.
        let (expected, found) = ("text without NUL".to_owned(), "NUL".to_owned());
        return Some(Fault::Value { expected, found });
    }
    if !is_json {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).err().map(Fault::Json)
}

/// Cuts the rows of a NumPy array of so many characters into blocks of its bytes.
///
/// Texts are as [`first_fault`] wants them: a longer one would be cut.
pub(super) fn blocks(texts: &StringArray, chars: usize) -> impl Iterator<Item = Bytes> {
    let row_bytes = chars.saturating_mul(CHAR_BYTES);
    let rows = BLOCK_BYTES.checked_div(row_bytes).unwrap_or(1).max(1);
    (0..texts.len()).step_by(rows).map(move |first| {
        let last = first.saturating_add(rows).min(texts.len());
        let mut block = Vec::with_capacity(row_bytes.saturating_mul(last - first));
        for row in first..last {
            let end = block.len() + row_bytes;
            block.extend(texts.value(row).chars().take(chars).flat_map(|char| u32::from(char).to_le_bytes()));
            block.resize(end, 0);
        }
        block.into()
    })
}
