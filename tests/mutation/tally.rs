// SPDX-License-Identifier: Apache-2.0
//! What became of changes.

use std::collections::BTreeMap;
use std::iter::Sum;

use super::change::Change;

/// Fates that are told apart.
const SORTS: usize = 8;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The rows of the truth were dumped.
    Same,
    /// The dump was refused.
    Refused,
    /// Other rows were dumped, and an audit warns of what was changed.
    Reported,
    /// Other rows were dumped, and an audit notes it, as it does of collections that are dropped.
    Noted,
    /// All rows were dumped, under another name.
    Renamed,
    /// Values of vectors were dumped as they were changed, and nothing else.
    Values,
    /// One row has another id, or another row lives, and the bloom filter has the id.
    Chance,
    /// None of these.
    Wrong(String),
}

impl Fate {
    const TITLES: [&str; SORTS] =
        ["same", "refused", "reported", "noted", "renamed", "values", "chance", "wrong"];

    fn column(&self) -> usize {
        match self {
            Self::Same => 0,
            Self::Refused => 1,
            Self::Reported => 2,
            Self::Noted => 3,
            Self::Renamed => 4,
            Self::Values => 5,
            Self::Chance => 6,
            Self::Wrong(_) => 7,
        }
    }
}

/// How many changes of each sort had which fate.
#[derive(Default)]
pub(crate) struct Tally {
    counts: BTreeMap<String, [u64; SORTS]>,
    wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, change: &Change, fate: Fate) {
        self.counts.entry(change.title()).or_default()[fate.column()] += 1;
        if let Fate::Wrong(why) = fate {
            self.wrong.push(format!("{change}: {why}"));
        }
    }

    /// Shows a line for each sort of change.
    pub(crate) fn print(&self) {
        let mut all = [0; SORTS];
        println!("{:24} {}", "", Fate::TITLES.map(|title| format!("{title:>9}")).concat());
        for (title, counts) in &self.counts {
            println!("{title:24} {}", counts.map(|count| format!("{count:9}")).concat());
            all.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        println!("{:24} {}", "all", all.map(|count| format!("{count:9}")).concat());
    }

    /// Fails the test if something should not be.
    #[track_caller]
    pub(crate) fn fail(&self) {
        let [ids, chance] = ["flip Ids", "flip DeletedDocs"]
            .iter()
            .filter_map(|title| self.counts.get(*title))
            .fold([0, 0], |[all, chance], counts| [all + counts.iter().sum::<u64>(), chance + counts[6]]);
        assert!(chance <= 2 + ids / 30, "{chance} of {ids} changed ids pass a filter of one in a hundred");
        assert!(self.wrong.is_empty(), "{} changes:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            for (title, counts) in tally.counts {
                let of_title = sum.counts.entry(title).or_default();
                of_title.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            sum.wrong.extend(tally.wrong);
            sum
        })
    }
}
