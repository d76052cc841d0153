// SPDX-License-Identifier: Apache-2.0
//! Bars of histograms.

use super::report::Bin;

/// The most bars of a histogram of lengths, that of zero apart.
const BARS: f64 = 24.0;

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
    trimmed(&bins.collect::<Vec<_>>())
}

/// Joins fine bins, sorted, to bars of as many bins each, so that every count is exact. The
/// outer bars end at the smallest and the largest value.
pub(super) fn by_length(fine: &[Bin], min: f64, max: f64) -> Vec<Bin> {
    let mut bars: Vec<Bin> = fine.iter().filter(|bin| bin.from <= 0.0).copied().collect();
    let positive: Vec<Bin> = fine.iter().filter(|bin| bin.from > 0.0).copied().collect();
    if let (Some(first), Some(last)) = (positive.first(), positive.last()) {
        let ratio = first.to / first.from;
        let steps = |to: f64| ((to / first.from).ln() / ratio.ln()).round().max(0.0);
        let per_bar = (steps(last.to) / BARS).ceil().max(1.0);
        let bound = |bar: f64| first.from * ratio.powf(bar * per_bar);
        let mut bar = 0.0;
        let mut joined = Bin { from: bound(0.0), to: bound(1.0), count: 0 };
        for bin in &positive {
            while steps(bin.from) >= (bar + 1.0) * per_bar {
                bars.push(joined);
                bar += 1.0;
                joined = Bin { from: bound(bar), to: bound(bar + 1.0), count: 0 };
            }
            joined.count += bin.count;
        }
        bars.push(joined);
    }
    if let Some(first) = bars.first_mut() {
        first.from = first.from.max(min);
    }
    if let Some(last) = bars.last_mut() {
        last.to = last.to.min(max);
    }
    bars
}

/// Without the empty bins at both ends.
fn trimmed(bins: &[Bin]) -> Vec<Bin> {
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

    /// Fine bins, 16 an octave, which hold their place.
    fn fine(places: std::ops::Range<i32>) -> Vec<Bin> {
        let bound = |place: i32| 2_f64.powf(f64::from(place) / 16.0);
        places.map(|place| bin(bound(place), bound(place + 1), u64::from(place.unsigned_abs()))).collect()
    }

    fn counts(bars: &[Bin]) -> Vec<u64> {
        bars.iter().map(|bar| bar.count).collect()
    }

    #[test]
    fn every_bar_counts_whole_bins() {
        // No more bins than bars: each is one.
        let bars = by_length(&fine(3..9), 1.15, 1.45);
        assert_eq!(counts(&bars), [3, 4, 5, 6, 7, 8]);
        assert_eq!((bars[0].from, bars[5].to), (1.15, 1.45));
        assert!(bars.windows(2).all(|pair| (pair[0].to - pair[1].from).abs() < 1e-9));
        // 160 bins are 7 a bar.
        let bars = by_length(&fine(0..160), 1.0, 1024.0);
        assert_eq!(counts(&bars)[..2], [21, 70]);
        assert_eq!((bars.len(), bars.iter().map(|bar| bar.count).sum::<u64>()), (23, 159 * 80));
        assert!((bars[22].to - 1024.0).abs() < 1e-6);
    }

    #[test]
    fn gaps_are_bars_that_count_nothing() {
        let fine = [&fine(0..2)[..], &fine(5..7)].concat();
        assert_eq!(counts(&by_length(&fine, 1.0, 1.35)), [0, 1, 0, 0, 0, 5, 6]);
    }

    #[test]
    fn zero_has_a_bar_of_its_own() {
        let fine = [&[bin(0.0, 0.0, 9)][..], &fine(4..6)].concat();
        let bars = by_length(&fine, 0.0, 1.29);
        assert_eq!((counts(&bars), bars[0].to, bars[2].to), (vec![9, 4, 5], 0.0, 1.29));
        assert_eq!(by_length(&fine[..1], 0.0, 0.0), [bin(0.0, 0.0, 9)]);
        assert_eq!(by_length(&[], 0.0, 0.0), []);
    }

    #[test]
    fn the_whole_range_of_floats_fits() {
        let ends = [bin(1e-45, 1e-45 * 2_f64.powf(0.0625), 1), bin(3.4e38, 3.4e38 * 2_f64.powf(0.0625), 2)];
        let bars = by_length(&ends, 1e-45, 3.4e38);
        assert!(bars.len() <= 25 && counts(&bars).iter().sum::<u64>() == 3, "{bars:?}");
    }
}
