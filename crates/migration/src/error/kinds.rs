// SPDX-License-Identifier: Apache-2.0
//! What errors have in common, and how those of others become ours.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::Error;

impl Error {
    /// Whether the same command may go on where this one stopped, once what stopped it is mended.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        matches!(
            self,
            Self::Milvus(_)
                | Self::Storage(_)
                | Self::Sink(_)
                | Self::Query(_)
                | Self::TimedOut { .. }
                | Self::ImportFailed { .. }
                | Self::LedgerNotWritten { .. }
        )
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Query(innermost(error))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::from(DataFusionError::from(error))
    }
}

/// Takes off the wrappers that a query engine puts around an error of ours,
/// so that a message says what failed and not how it travelled.
fn innermost(error: DataFusionError) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<DataFusionError>() {
            Ok(nested) => innermost(*nested),
            Err(inner) => inner,
        },
        DataFusionError::Context(_, inner) => innermost(*inner),
        DataFusionError::ArrowError(arrow, backtrace) => match *arrow {
            ArrowError::ExternalError(inner) => innermost(DataFusionError::External(inner)),
            other => Box::new(DataFusionError::ArrowError(Box::new(other), backtrace)),
        },
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => innermost(inner),
            Err(shared) => Box::new(DataFusionError::Shared(shared)),
        },
        other => Box::new(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_ours_is_shown_without_the_engine_around_it() {
        let ours = || Box::new(std::io::Error::other("segment `7` is cut short"));
        let wrapped = [
            DataFusionError::External(ours()),
            DataFusionError::Context("while scanning".into(), Box::new(DataFusionError::External(ours()))),
            DataFusionError::from(ArrowError::ExternalError(ours())),
            DataFusionError::External(Box::new(DataFusionError::External(ours()))),
            DataFusionError::Shared(std::sync::Arc::new(DataFusionError::External(ours()))),
        ];
        for error in wrapped {
            assert_eq!(Error::from(error).to_string(), "segment `7` is cut short");
        }
    }
}
