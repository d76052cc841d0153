// SPDX-License-Identifier: Apache-2.0
//! A reason why a server cannot have a collection.

use std::fmt;

use m2m_milvus::Error;

/// Why a server cannot have a collection, and what to do. Shown as
/// `problem: remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What does not fit.
    pub problem: String,
    /// What to do about it, where that is known.
    pub remedy: Option<String>,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        self.remedy.iter().try_for_each(|remedy| write!(f, ": {remedy}"))
    }
}

impl Limit {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn without_remedy(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: None }
    }

    /// A metric or an index that has no counterpart.
    pub(super) fn of_error(error: &Error) -> Self {
        match error {
            Error::UnsupportedMetric { metric, version, remedy } => {
                Self::new(format!("metric `{metric}` has no counterpart in Milvus {version}"), *remedy)
            }
            Error::IndexParameters { .. } | Error::IndexParameter { .. } => {
                Self::new(said(error), "have another index with `m2m.index: auto`, or none with `none`")
            }
            _ => Self::without_remedy(said(error)),
        }
    }
}

/// An error and its causes, in a line. Many an error says its cause itself, which is not
/// said again.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::error::DataFusionError;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("too many links");
        let shared = DataFusionError::Shared(Arc::new(DataFusionError::External(Box::new(cause))));
        assert_eq!(said(&shared), "External error: too many links");
        let cause = DataFusionError::Plan("no column `a`".into());
        let error = crate::Error::Summary(serde_json::Error::io(std::io::Error::other(cause)));
        assert_eq!(said(&error).matches("no column `a`").count(), 1, "{}", said(&error));
    }
}
