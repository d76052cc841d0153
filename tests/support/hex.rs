// SPDX-License-Identifier: Apache-2.0
//! Hexadecimal digits, as the tools in Python write bytes.

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Those of little-endian floats.
pub(crate) fn hex_of_floats(values: &[f32]) -> String {
    values.iter().map(|value| hex(&value.to_le_bytes())).collect()
}
