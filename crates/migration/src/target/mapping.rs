// SPDX-License-Identifier: Apache-2.0
//! What becomes of a metric and an index, and what does not fit.

use m2m_milvus::mapping::{self, Mapped};
use m2m_milvus::{IndexSpec, ServerVersion};

use super::{Limit, Wanted, limits};
use crate::error::{Error, Result};
use crate::settings::IndexChoice;

const NO_INDEX: &str = "no index is built: Milvus loads and searches a collection only with one";

/// What becomes of a collection on a server of some version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The metric in Milvus 2.x; that of 1.x where it has none, which is a limit then.
    pub metric: Mapped<String>,
    /// Whether Milvus 2.x has the metric.
    pub has_metric: bool,
    /// The index in Milvus 2.x, unless none is built.
    pub index: Mapped<Option<IndexSpec>>,
    /// Why the server cannot have such a collection.
    pub limits: Vec<Limit>,
}

impl Mapping {
    /// What the user should know of metric and index, one sentence each.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.metric.note.iter().chain(&self.index.note)
    }

    /// Makes sure that the server can have such a collection.
    ///
    /// # Errors
    ///
    /// When a limit would be hit; all of them are named.
    pub fn check(&self, wanted: &Wanted, version: &ServerVersion) -> Result<()> {
        if self.limits.is_empty() {
            return Ok(());
        }
        Err(Error::Unsupported {
            collection: wanted.source.clone(),
            version: version.to_string(),
            reason: self.limits.iter().map(Limit::to_string).collect::<Vec<_>>().join("; "),
        })
    }
}

/// Decides what becomes of a collection, without asking a server.
#[must_use]
pub fn map(wanted: &Wanted, version: &ServerVersion, choice: IndexChoice) -> Mapping {
    let mut limits = limits::exceeded(wanted, version);
    let metric = metric(wanted, version).map_err(|error| limits.push(Limit::of_error(&error)));
    let has_metric = metric.is_ok();
    let metric = metric.unwrap_or_else(|()| Mapped { value: wanted.metric.clone(), note: None });
    let index = index(wanted, version, choice, &metric.value).unwrap_or_else(|error| {
        limits.push(Limit::of_error(&error));
        Mapped { value: None, note: None }
    });
    Mapping { metric, has_metric, index, limits }
}

fn metric(wanted: &Wanted, version: &ServerVersion) -> m2m_milvus::Result<Mapped<String>> {
    if wanted.cosine && wanted.metric == "IP" {
        mapping::cosine(version)?;
        let note = "metric IP becomes COSINE, as the settings say: it ranks vectors of length 1 the same";
        return Ok(Mapped { value: "COSINE".into(), note: Some(note.into()) });
    }
    mapping::metric(&wanted.metric, version)
}

fn index(
    wanted: &Wanted,
    version: &ServerVersion,
    choice: IndexChoice,
    metric: &str,
) -> m2m_milvus::Result<Mapped<Option<IndexSpec>>> {
    let Some((_, _, vector)) = wanted.vector_field() else { return Ok(Mapped { value: None, note: None }) };
    let mapped = match choice {
        IndexChoice::None => return Ok(Mapped { value: None, note: Some(NO_INDEX.into()) }),
        IndexChoice::Keep => mapping::index(&wanted.engine, &wanted.index_params, metric, vector, version)?,
        IndexChoice::Auto => mapping::auto_index(metric, vector, wanted.rows, version),
    };
    Ok(Mapped { value: Some(mapped.value), note: mapped.note })
}

#[cfg(test)]
mod tests;
