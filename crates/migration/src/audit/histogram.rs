// SPDX-License-Identifier: Apache-2.0
//! Bars of histograms.

use super::report::Bin;

/// The most bars of a histogram.
const BARS: usize = 24;
/// A range is divided by logarithm when its ends differ by more than this factor.
const WIDE: f64 = 100.0;

/// Divides segments by their rows: powers of ten, and in each of them 1, 2 and 5.
pub(super) fn by_rows(rows: &[u64]) -> Vec<Bin> {
    let Some(most) = rows.iter().max() else { return Vec::new() };
    let mut bounds = vec![0, 1];
    'up: for power in 0..19 {
        for step in [2, 5, 10] {
            let bound = 10_u64.saturating_pow(power).saturating_mul(step);
            bounds.push(bound);
            if bound > *most {
                break 'up;
            }
        }
    }
    let bins = bounds.windows(2).map(|pair| {
        let count = rows.iter().filter(|rows| (pair[0]..pair[1]).contains(rows)).count();
        Bin { from: number(pair[0]), to: number(pair[1]), count: count as u64 }
    });
    trimmed(bins.collect())
}

/// Puts fine bins, sorted, into bars between the smallest and the largest value. A bin
/// goes where its middle is.
pub(super) fn by_length(fine: &[Bin], min: f64, max: f64) -> Vec<Bin> {
    let total: u64 = fine.iter().map(|bin| bin.count).sum();
    // Wider than a fine bin, all of them would be drawn apart for nothing.
    if max <= min * 1.05 || !max.is_finite() {
        return vec![Bin { from: min, to: max, count: total }];
    }
    let is_wide = min > 0.0 && max / min > WIDE;
    let place = |value: f64| match is_wide {
        true => (value / min).ln() / (max / min).ln(),
        false => (value - min) / (max - min),
    };
    let bound = |bar: usize| {
        let share = number(bar as u64) / number(BARS as u64);
        match is_wide {
            true => min * (max / min).powf(share),
            false => min + share * (max - min),
        }
    };
    let mut bins: Vec<Bin> =
        (0..BARS).map(|bar| Bin { from: bound(bar), to: bound(bar + 1), count: 0 }).collect();
    for one in fine {
        let middle = f64::midpoint(one.from, one.to).clamp(min, max);
        let at = (0..BARS).rev().find(|bar| place(middle) >= number(*bar as u64) / number(BARS as u64));
        if let Some(bin) = bins.get_mut(at.unwrap_or(0)) {
            bin.count += one.count;
        }
    }
    bins
}

/// Without the empty bins at both ends.
fn trimmed(bins: Vec<Bin>) -> Vec<Bin> {
    let first = bins.iter().position(|bin| bin.count > 0).unwrap_or(bins.len());
    let last = bins.iter().rposition(|bin| bin.count > 0).map_or(first, |last| last + 1);
    bins.get(first..last).unwrap_or_default().to_vec()
}

/// Exact up to 2^53, which is more than a bar can show.
#[expect(clippy::cast_precision_loss, reason = "bounds of bars need no more")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(from: f64, to: f64, count: u64) -> Bin {
        Bin { from, to, count }
    }

    #[test]
    fn segments_are_divided_by_their_rows() {
        assert_eq!(by_rows(&[]), []);
        assert_eq!(by_rows(&[0]), [bin(0.0, 1.0, 1)]);
        assert_eq!(by_rows(&[1, 3, 4]), [bin(1.0, 2.0, 1), bin(2.0, 5.0, 2)]);
        assert_eq!(by_rows(&[5, 10]), [bin(5.0, 10.0, 1), bin(10.0, 20.0, 1)]);
        let all = by_rows(&[0, 1, 1_000_000, i64::MAX.unsigned_abs()]);
        assert_eq!(all.iter().map(|bin| bin.count).sum::<u64>(), 4);
    }

    #[test]
    fn no_vector_is_lost_between_bars() {
        let fine: Vec<Bin> = (0..160)
            .map(|at| bin(2_f64.powf(f64::from(at) / 16.0), 2_f64.powf(f64::from(at + 1) / 16.0), 3))
            .collect();
        for (min, max) in [(1.0, 1024.0), (1.01, 1000.0), (1.0, 90.0), (0.0, 1024.0)] {
            let bars = by_length(&fine, min, max);
            assert_eq!(bars.iter().map(|bin| bin.count).sum::<u64>(), 480, "{min} {max}");
            assert_eq!(bars.len(), BARS);
            assert!((bars[0].from - min).abs() < 1e-9 && (bars[BARS - 1].to - max).abs() < 1e-6);
            assert!(bars.windows(2).all(|pair| (pair[0].to - pair[1].from).abs() < 1e-9));
        }
        assert_eq!(by_length(&fine, 16.0, 16.0), [bin(16.0, 16.0, 480)]);
        assert_eq!(by_length(&[], 0.0, 0.0), [bin(0.0, 0.0, 0)]);
    }
}
