// SPDX-License-Identifier: Apache-2.0
//! Rows that differ: all of them counted, the first few named.

/// Differing rows that are named one by one.
const NAMED: usize = 5;

/// A row that differs from what Milvus shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its place among those that were asked for.
    pub(super) row: usize,
    /// Its id.
    pub(super) id: i64,
    /// How, as a sentence.
    pub(super) said: String,
}

/// The differences of a collection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    named: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, difference: Difference) {
        self.rows += 1;
        if self.named.len() < NAMED {
            self.named.push(difference.said);
        }
    }

    /// How many rows differ.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What is said of them.
    pub(super) fn said(self, is_sample: bool) -> Vec<String> {
        let more = self.rows - self.named.len() as u64;
        let mut said = self.named;
        if more > 0 {
            let rows = if more == 1 { "row differs" } else { "rows differ" };
            said.push(format!("{more} more {}{rows}", if is_sample { "sampled " } else { "" }));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: i64) -> Tally {
        let mut tally = Tally::default();
        for id in 0..rows {
            tally.add(Difference { row: 0, id, said: format!("id {id} is missing") });
        }
        tally
    }

    #[test]
    fn the_first_few_are_named_and_all_are_counted() {
        assert_eq!(tally(0).said(true), Vec::<String>::new());
        assert_eq!(tally(5).said(false).len(), 5);
        let six = tally(6).said(false);
        assert_eq!((six[0].as_str(), six[5].as_str()), ("id 0 is missing", "1 more row differs"));
        let many = tally(1000);
        assert_eq!(many.rows(), 1000);
        assert_eq!(many.said(true)[5], "995 more sampled rows differ");
    }
}
