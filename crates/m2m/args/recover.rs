// SPDX-License-Identifier: Apache-2.0
//! Arguments of `m2m recover`.

use clap::Args as ClapArgs;
use m2m_catalog::Metric;
use m2m_datasource::recover::{Choices, Owner};

use crate::error::{Error, Result};

/// Arguments of `m2m recover`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Recover {
    /// The metric of a collection, or of all that are not named: `JACCARD` or `pictures=IP`; again for more
    #[arg(long, value_name = "[NAME=]METRIC", value_parser = metric)]
    metric: Vec<(Option<String>, Metric)>,
    /// The collection of a partition, by the partition's folder, and its tag: `1620000033330064000=pictures:2020`; again for more
    #[arg(long, value_name = "FOLDER=NAME[:TAG]", value_parser = owner)]
    owner: Vec<(String, Owner)>,
    /// Leave out a folder of `tables`, or one segment of it, which then counts as dropped; again for more
    #[arg(long, value_name = "FOLDER[/SEGMENT]", value_parser = place)]
    leave_out: Vec<(String, Option<String>)>,
    /// Count a segment that seems to be left over of a merge; again for more
    #[arg(long, value_name = "FOLDER/SEGMENT", value_parser = segment)]
    keep: Vec<(String, String)>,
    /// Replace a `meta.json` in the output folder
    #[arg(long)]
    pub(crate) overwrite: bool,
}

impl Recover {
    /// What was said of the installation.
    pub(crate) fn choices(&self) -> Result<Choices> {
        let mut choices = Choices::default();
        let twice = |setting: &str, what: &str| Error::Setting {
            setting: setting.into(),
            reason: format!("{what} is given twice"),
        };
        for (name, metric) in &self.metric {
            let before = match name {
                Some(name) => choices.metrics.insert(name.clone(), *metric),
                None if metric.is_binary() => choices.binary_metric.replace(*metric),
                None => choices.float_metric.replace(*metric),
            };
            if before.is_some() {
                let what =
                    name.as_ref().map_or("the metric of all others".into(), |name| format!("`{name}`"));
                return Err(twice("--metric", &what));
            }
        }
        for (folder, owner) in &self.owner {
            if choices.owners.insert(folder.clone(), owner.clone()).is_some() {
                return Err(twice("--owner", &format!("`{folder}`")));
            }
        }
        choices.left_out.extend(self.leave_out.iter().cloned());
        choices.kept.extend(self.keep.iter().cloned());
        Ok(choices)
    }
}

/// The metric of a name, in any case.
pub(crate) fn metric_of_name(name: &str) -> Option<Metric> {
    (1..=7).filter_map(Metric::from_code).find(|metric| metric.name().eq_ignore_ascii_case(name.trim()))
}

fn metric(text: &str) -> Result<(Option<String>, Metric), String> {
    let (name, word) = text.rsplit_once('=').map_or((None, text), |(name, word)| (Some(name), word));
    let metric = metric_of_name(word).ok_or_else(|| {
        let known: Vec<&str> = (1..=7).filter_map(Metric::from_code).map(Metric::name).collect();
        format!("expected one of {}, found `{word}`", known.join(", "))
    })?;
    match name.map(str::trim) {
        Some("") => Err("expected a collection before `=`, found nothing".into()),
        name => Ok((name.map(str::to_owned), metric)),
    }
}

fn owner(text: &str) -> Result<(String, Owner), String> {
    let expected = || "expected FOLDER=NAME or FOLDER=NAME:TAG".to_owned();
    let (folder, owner) = text.split_once('=').ok_or_else(expected)?;
    let (collection, tag) = owner.split_once(':').map_or((owner, None), |(name, tag)| (name, Some(tag)));
    if folder.is_empty() || collection.is_empty() {
        return Err(expected());
    }
    // The old server takes any tag that is not blank (`utils/ValidationUtil.cpp`, v1.1.1).
    if tag.is_some_and(|tag| tag.trim().is_empty() || tag.trim() != tag || tag.len() > 255) {
        return Err("expected a tag of 1 to 255 bytes without spaces around it".into());
    }
    Ok((folder.to_owned(), Owner { collection: collection.to_owned(), tag: tag.map(str::to_owned) }))
}

fn place(text: &str) -> Result<(String, Option<String>), String> {
    let (folder, segment) = text.split_once('/').map_or((text, None), |(folder, one)| (folder, Some(one)));
    if folder.is_empty() || segment.is_some_and(|segment| segment.is_empty() || segment.contains('/')) {
        return Err("expected FOLDER or FOLDER/SEGMENT".into());
    }
    Ok((folder.to_owned(), segment.map(str::to_owned)))
}

fn segment(text: &str) -> Result<(String, String), String> {
    match place(text) {
        Ok((folder, Some(segment))) => Ok((folder, segment)),
        _ => Err("expected FOLDER/SEGMENT".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_of_all_or_of_one_collection() {
        assert_eq!(metric("l2").unwrap(), (None, Metric::L2));
        assert_eq!(metric("a=Jaccard").unwrap(), (Some("a".into()), Metric::Jaccard));
        for refused in ["", "=", "a=", "=L2", "cosine", "a=b=c"] {
            assert!(metric(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn partitions_have_an_owner_and_perhaps_a_tag() {
        let tag = |text| owner(text).map(|(_, owner)| owner.tag);
        assert_eq!(tag("7=a").unwrap(), None);
        assert_eq!(tag("7=a:b:c=d").unwrap().as_deref(), Some("b:c=d"));
        for refused in ["", "7", "=a", "7=", "7=:x", "7=a:", "7=a: x", &format!("7=a:{}", "x".repeat(256))] {
            assert!(owner(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn folders_and_segments_are_named_by_parts_of_a_path() {
        assert_eq!(place("a").unwrap(), ("a".into(), None));
        assert_eq!(segment("a/7").unwrap(), ("a".into(), "7".into()));
        for refused in ["", "/", "a/", "/7", "a/7/x"] {
            assert!(place(refused).is_err() && segment(refused).is_err(), "{refused:?}");
        }
        assert!(segment("a").is_err());
    }

    #[test]
    fn what_is_said_twice_is_refused() {
        let of = |metric: &[&str], owner: &[&str]| Recover {
            metric: metric.iter().map(|text| super::metric(text).unwrap()).collect(),
            owner: owner.iter().map(|text| super::owner(text).unwrap()).collect(),
            leave_out: Vec::new(),
            keep: Vec::new(),
            overwrite: false,
        };
        let choices = of(&["L2", "HAMMING", "a=IP"], &["7=a"]).choices().unwrap();
        assert_eq!((choices.float_metric, choices.binary_metric), (Some(Metric::L2), Some(Metric::Hamming)));
        for twice in [of(&["L2", "IP"], &[]), of(&["a=L2", "a=IP"], &[]), of(&[], &["7=a", "7=b"])] {
            assert!(twice.choices().unwrap_err().to_string().contains("twice"));
        }
    }
}
