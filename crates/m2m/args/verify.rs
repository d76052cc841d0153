// SPDX-License-Identifier: Apache-2.0
//! Arguments of `m2m verify`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use clap::builder::RangedU64ValueParser;
use m2m_migration::{DEFAULT_SAMPLE_ROWS, DEFAULT_TOP_K, RowsBefore, SearchSettings, VerifySettings};

use super::Selection;

/// The most neighbours that a search of Milvus 2.x gives.
const MAX_TOP_K: u64 = 16_384;

/// Arguments of `m2m verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Print the report as JSON on standard output, as `sql/verify/report.schema.json` describes it
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) options: VerifyOptions,
}

/// How to verify.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Verify")]
pub(crate) struct VerifyOptions {
    /// About how many rows of each collection to compare bit for bit
    #[arg(long, default_value_t = DEFAULT_SAMPLE_ROWS, value_name = "N", conflicts_with = "full")]
    sample: usize,
    /// Compare all rows bit for bit
    #[arg(long)]
    full: bool,
    /// Search Milvus for so many vectors of each collection, and compare what it finds with an exact search of the source
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    search: Option<usize>,
    /// Neighbours that each search asks for
    #[arg(long, default_value_t = DEFAULT_TOP_K, value_name = "K", requires = "search",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_TOP_K))]
    top_k: usize,
    /// The least share of the neighbours, from 0 to 1, that searches must find
    #[arg(long, value_name = "R", requires = "search", value_parser = share)]
    min_recall: Option<f64>,
    /// Parameter of the searches, such as `nprobe=64` or `ef=200`, in place of one that suits the index; again for more
    #[arg(long, value_name = "NAME=N", requires = "search", value_parser = parameter)]
    search_param: Vec<(String, i64)>,
}

impl VerifyOptions {
    /// The settings of a verification. `before` are rows that collections had before
    /// others were appended, by their names in Milvus.
    pub(crate) fn settings(&self, before: BTreeMap<String, RowsBefore>) -> VerifySettings {
        let search = self.search.map(|queries| SearchSettings {
            queries,
            top_k: self.top_k,
            min_recall: self.min_recall,
            params: self.search_param.iter().cloned().collect(),
        });
        VerifySettings { sample_rows: (!self.full).then_some(self.sample), search, before }
    }
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("expected a number from 0 to 1")
}

fn parameter(text: &str) -> Result<(String, i64), &'static str> {
    let expected = "expected a name and a whole number, such as `nprobe=64`";
    let (name, value) = text.split_once('=').ok_or(expected)?;
    let value = value.trim().parse().map_err(|_| expected)?;
    let name = name.trim();
    if name.is_empty() { Err(expected) } else { Ok((name.to_owned(), value)) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: VerifyOptions,
    }

    fn parsed(args: &[&str]) -> Result<VerifySettings, String> {
        let line = Line::try_parse_from([&["m2m"], args].concat()).map_err(|error| error.to_string())?;
        Ok(line.options.settings(BTreeMap::new()))
    }

    #[test]
    fn a_sample_is_compared_unless_all_rows_are() {
        assert_eq!(parsed(&[]).unwrap().sample_rows, Some(DEFAULT_SAMPLE_ROWS));
        assert_eq!(parsed(&["--sample", "0"]).unwrap().sample_rows, Some(0));
        assert_eq!(parsed(&["--full"]).unwrap().sample_rows, None);
        assert!(parsed(&["--full", "--sample", "9"]).unwrap_err().contains("--sample"));
    }

    #[test]
    fn searches_are_asked_for_with_all_that_goes_with_them() {
        assert_eq!(parsed(&[]).unwrap().search, None);
        let expected =
            SearchSettings { queries: 7, top_k: DEFAULT_TOP_K, min_recall: None, params: BTreeMap::new() };
        assert_eq!(parsed(&["--search", "7"]).unwrap().search, Some(expected.clone()));
        let all = ["--search", "7", "--top-k", "3", "--min-recall", "0.5", "--search-param", "nprobe = 1"];
        let params = [("nprobe".to_owned(), 1)].into();
        let expected = SearchSettings { top_k: 3, min_recall: Some(0.5), params, ..expected };
        assert_eq!(parsed(&all).unwrap().search, Some(expected));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (refused, said) in [
            (&["--search", "0"][..], "--search"),
            (&["--search=-1"], "--search"),
            (&["--top-k", "3"], "--search"),
            (&["--min-recall", "0.5"], "--search"),
            (&["--search-param", "ef=1"], "--search"),
            (&["--search", "1", "--top-k", "0"], "--top-k"),
            (&["--search", "1", "--top-k", "16385"], "--top-k"),
            (&["--search", "1", "--min-recall", "1.5"], "from 0 to 1"),
            (&["--search", "1", "--min-recall", "NaN"], "from 0 to 1"),
            (&["--search", "1", "--search-param", "ef"], "whole number"),
            (&["--search", "1", "--search-param", "=4"], "whole number"),
            (&["--search", "1", "--search-param", "ef=4.5"], "whole number"),
        ] {
            let error = parsed(refused).unwrap_err();
            assert!(error.contains(said), "{refused:?}: {error}");
        }
    }
}
