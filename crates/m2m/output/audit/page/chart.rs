// SPDX-License-Identifier: Apache-2.0
//! Drawings of numbers: where each shape stands, and what is said of it.

use indicatif::HumanBytes;
use m2m_migration::audit::{Bin, Norms};

use super::text::rounded;
use crate::output::words::counted;

/// Width of a stacked bar: it is drawn in percent.
const STACK_WIDTH: f64 = 100.0;
/// What is there is drawn at least so wide, or so high.
const THINNEST: f64 = 1.0;

/// A bar of live, deleted and orphan bytes.
#[derive(Default)]
pub(super) struct Stack {
    pub(super) parts: Vec<Part>,
    /// The same in words.
    pub(super) description: String,
}

/// A part of a stacked bar.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) x: f64,
    pub(super) width: f64,
}

impl Stack {
    /// Draws shares of a whole; orphan bytes are not known when folders were not listed.
    pub(super) fn new(live: u64, deleted: u64, orphan: Option<u64>) -> Self {
        let sizes = [("live", live), ("deleted", deleted), ("orphan", orphan.unwrap_or(0))];
        let sum: f64 = sizes.iter().map(|(_, bytes)| *bytes as f64).sum();
        let present = sizes.iter().filter(|(_, bytes)| *bytes > 0);
        let wide: Vec<(&'static str, f64)> = present
            .map(|(class, bytes)| (*class, (*bytes as f64 / sum * STACK_WIDTH).max(THINNEST)))
            .collect();
        let shrink = STACK_WIDTH / wide.iter().map(|(_, width)| width).sum::<f64>();
        let mut x = 0.0;
        let parts = wide.into_iter().map(|(class, width)| {
            let part = Part { class, x, width: width * shrink };
            x += part.width;
            part
        });
        let orphan = match orphan {
            Some(bytes) => format!("{} orphan", HumanBytes(bytes)),
            None => "orphan bytes not looked for".into(),
        };
        Self {
            parts: parts.collect(),
            description: format!("{} live, {} deleted, {orphan}", HumanBytes(live), HumanBytes(deleted)),
        }
    }
}

/// Where the bars of a histogram stand.
const LEFT: f64 = 0.0;
const RIGHT: f64 = 320.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 98.0;
/// The widest bar.
const WIDEST: f64 = 40.0;

/// How many there are of each size.
pub(super) struct Histogram {
    pub(super) caption: String,
    /// The same in words.
    pub(super) description: String,
    /// What the sizes are.
    pub(super) axis: &'static str,
    pub(super) bars: Vec<Bar>,
    /// What the highest bar stands for.
    pub(super) highest: String,
    /// Where the sizes begin and end.
    pub(super) first: String,
    pub(super) last: String,
}

/// A bar of a histogram.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) label: String,
}

impl Histogram {
    /// Draws the lengths of vectors, if there are any, in at most so many bars.
    pub(super) fn of_norms(norms: &Norms, most_bars: usize) -> Option<Self> {
        let caption = format!(
            "Lengths of the vectors: {} to {}, {} on average; {:.1} % have length 1",
            rounded(norms.min),
            rounded(norms.max),
            rounded(norms.mean),
            norms.unit_share * 100.0,
        );
        Self::new(&joined(&norms.bins, most_bars), caption, "length", "vector")
    }

    /// Draws the sizes of segments, if there are any, in at most so many bars.
    pub(super) fn of_segments(bins: &[Bin], most_bars: usize) -> Option<Self> {
        let caption = format!("Sizes of {}", counted(sum(bins), "segment"));
        Self::new(&joined(bins, most_bars), caption, "live rows", "segment")
    }

    fn new(bins: &[Bin], caption: String, axis: &'static str, noun: &str) -> Option<Self> {
        let highest = *bins.iter().max_by_key(|bin| bin.count).filter(|bin| bin.count > 0)?;
        let (first, last) = (bins.first()?.from, bins.last()?.to);
        let step = (RIGHT - LEFT) / bins.len() as f64;
        let width = (step * 0.9).min(WIDEST);
        let bars = bins.iter().enumerate().filter(|(_, bin)| bin.count > 0).map(|(at, bin)| {
            let height = (bin.count as f64 / highest.count as f64 * (BOTTOM - TOP)).max(THINNEST);
            Bar {
                x: LEFT + step * at as f64 + (step - width) / 2.0,
                y: BOTTOM - height,
                width,
                height,
                label: format!("{}: {}", range(bin), counted(bin.count, noun)),
            }
        });
        let bars: Vec<Bar> = bars.collect();
        let description = format!(
            "{caption}. Histogram over {axis} from {} to {}; the highest of {} is {}: {}.",
            rounded(first),
            rounded(last),
            counted(bars.len() as u64, "bar"),
            range(&highest),
            counted(highest.count, noun),
        );
        Some(Self {
            caption,
            description,
            axis,
            bars,
            highest: counted(highest.count, noun),
            first: rounded(first),
            last: rounded(last),
        })
    }
}

fn range(bin: &Bin) -> String {
    match bin.from == bin.to {
        true => rounded(bin.from),
        false => format!("{} to {}", rounded(bin.from), rounded(bin.to)),
    }
}

/// The bins, as many neighbours taken together as it needs to have few.
fn joined(bins: &[Bin], most: usize) -> Vec<Bin> {
    let together = bins.len().div_ceil(most.max(1)).max(1);
    let join =
        |group: &[Bin]| Some(Bin { from: group.first()?.from, to: group.last()?.to, count: sum(group) });
    bins.chunks(together).filter_map(join).collect()
}

fn sum(bins: &[Bin]) -> u64 {
    bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(from: f64, to: f64, count: u64) -> Bin {
        Bin { from, to, count }
    }

    #[test]
    fn a_stack_of_nothing_has_no_parts() {
        let stack = Stack::new(0, 0, None);
        assert!(stack.parts.is_empty());
        assert_eq!(stack.description, "0 B live, 0 B deleted, orphan bytes not looked for");
    }

    #[test]
    fn a_stack_is_full_and_shows_the_smallest_part() {
        for (live, deleted, orphan) in [(1, 1 << 40, 1), (u64::MAX, u64::MAX, u64::MAX), (5, 0, 0), (0, 0, 7)]
        {
            let stack = Stack::new(live, deleted, Some(orphan));
            let last = stack.parts.last().unwrap();
            assert!((last.x + last.width - STACK_WIDTH).abs() < 1e-6);
            assert!(stack.parts.iter().all(|part| part.width > 0.9), "a part cannot be seen");
            let present = [live, deleted, orphan].iter().filter(|bytes| **bytes > 0).count();
            assert_eq!(stack.parts.len(), present);
        }
    }

    #[test]
    fn a_histogram_of_one_bin_is_one_bar() {
        let chart = Histogram::of_segments(&[bin(10.0, 10.0, 3)], 9).unwrap();
        assert_eq!(chart.bars.len(), 1);
        assert_eq!(chart.bars[0].label, "10: 3 segments");
        assert_eq!((chart.bars[0].y, chart.bars[0].height), (TOP, BOTTOM - TOP));
        assert!(chart.bars[0].x > LEFT && chart.bars[0].width == WIDEST);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(Histogram::of_segments(&[], 9).is_none());
        assert!(Histogram::of_segments(&[bin(0.0, 1.0, 0), bin(1.0, 2.0, 0)], 9).is_none());
    }

    #[test]
    fn many_bins_are_joined_and_none_is_lost() {
        let bins: Vec<Bin> = (0..1000).map(|at| bin(f64::from(at), f64::from(at + 1), 2)).collect();
        let joined = joined(&bins, 32);
        assert!(joined.len() <= 32);
        assert_eq!(joined.iter().map(|bin| bin.count).sum::<u64>(), 2000);
        assert_eq!((joined[0].from, joined.last().unwrap().to), (0.0, 1000.0));
        let norms = Norms { min: 0.5, mean: 1.0, max: 999.5, unit_share: 0.25, bins };
        let chart = Histogram::of_norms(&norms, 32).unwrap();
        assert_eq!(chart.caption, "Lengths of the vectors: 0.5 to 999.5, 1 on average; 25.0 % have length 1");
        assert!(chart.bars.iter().all(|bar| bar.x >= LEFT && bar.x + bar.width <= RIGHT));
    }

    #[test]
    fn one_among_very_many_is_seen() {
        let chart = Histogram::of_segments(&[bin(0.0, 1.0, u64::MAX), bin(1.0, 2.0, 0), bin(2.0, 3.0, 1)], 9);
        let bars = chart.unwrap().bars;
        assert_eq!(bars.len(), 2, "an empty bin is no bar");
        assert!(bars.iter().all(|bar| bar.height >= THINNEST && bar.y >= TOP));
    }
}
