// SPDX-License-Identifier: Apache-2.0
//! What a user says where files do not.

use std::collections::{BTreeMap, BTreeSet};

use m2m_catalog::Metric;

use crate::error::{Error, Result};

/// What a user says of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Metrics of collections, by name.
    pub metrics: BTreeMap<String, Metric>,
    /// The metric of all other collections of float vectors.
    pub float_metric: Option<Metric>,
    /// The metric of all other collections of binary vectors.
    pub binary_metric: Option<Metric>,
    /// Collections of partitions, by the partitions' folders.
    pub owners: BTreeMap<String, Owner>,
    /// What is left out: folders in `tables`, and segments of them.
    pub left_out: BTreeSet<(String, Option<String>)>,
    /// Segments that count, whatever other segments hold: folder and segment id.
    pub kept: BTreeSet<(String, String)>,
}

/// What a partition belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The collection.
    pub collection: String,
    /// The tag, if it is known.
    pub tag: Option<String>,
}

impl Choices {
    /// The metric that is said for a collection, and whether its name was said.
    pub(super) fn metric(&self, collection: &str, is_binary: Option<bool>) -> Option<Metric> {
        let named = self.metrics.get(collection).copied();
        named.or_else(|| match is_binary {
            Some(true) => self.binary_metric,
            Some(false) => self.float_metric,
            // One metric for all says what all are; two leave it open.
            None if self.binary_metric.is_none() => self.float_metric,
            None if self.float_metric.is_none() => self.binary_metric,
            None => None,
        })
    }

    pub(super) fn leaves_out(&self, table: &str) -> bool {
        self.left_out.contains(&(table.to_owned(), None))
    }

    pub(super) fn leaves_out_segment(&self, table: &str, segment: &str) -> bool {
        self.left_out.contains(&(table.to_owned(), Some(segment.to_owned())))
    }

    pub(super) fn keeps(&self, table: &str, segment: &str) -> bool {
        self.kept.contains(&(table.to_owned(), segment.to_owned()))
    }
}

/// The error of a choice that cannot be followed.
pub(super) fn wrong<T>(option: &'static str, reason: String) -> Result<T> {
    Err(Error::Choice { option, reason })
}
