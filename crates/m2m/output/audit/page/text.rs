// SPDX-License-Identifier: Apache-2.0
//! Numbers in words.

use indicatif::HumanCount;

/// A number with four digits that count.
pub(super) fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => return "0".into(),
        size if !(1e-4..1e9).contains(&size) => return format!("{value:.3e}"),
        size if size >= 1000.0 => return grouped(value),
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        size if size >= 0.1 => 4,
        size if size >= 0.01 => 5,
        size if size >= 0.001 => 6,
        _ => 7,
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number of at most nine digits with separators between thousands.
fn grouped(value: f64) -> String {
    let text = format!("{value:.0}");
    text.parse().map_or(text, |whole| HumanCount(whole).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_can_be_read() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (0.000_999_7, "0.0009997"),
            (0.123_456, "0.1235"),
            (1.234_56, "1.235"),
            (99.999, "100"),
            (1234.6, "1,235"),
            (999_999_999.0, "999,999,999"),
            (1e9, "1.000e9"),
            (f64::from(f32::MAX), "3.403e38"),
            (f64::from(f32::MIN_POSITIVE), "1.175e-38"),
            (-2.5, "-2.5"),
            (-5000.0, "-5000"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(rounded(value), text);
        }
        assert_eq!(rounded(f64::NAN), "NaN");
    }
}
