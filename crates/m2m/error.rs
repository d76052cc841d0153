// SPDX-License-Identifier: Apache-2.0
//! Errors as a user sees them, and exit codes.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::query::Fault;

/// Result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// Something failed; standard error says what.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// The verification found differences.
    Different = 3,
    /// A signal ended the command.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something that is needed was not given.
    #[error("{what} is not given: {remedy}")]
    Missing { what: &'static str, remedy: &'static str },
    /// A setting has a value that cannot be used.
    #[error("{setting}: {reason}")]
    Setting { setting: String, reason: String },
    /// The configuration file cannot be read.
    #[error("cannot read configuration `{}`", path.display())]
    ReadConfig { path: PathBuf, source: io::Error },
    /// The configuration file is not what it should be.
    #[error("configuration `{}` is wrong", path.display())]
    Config { path: PathBuf, source: serde_yaml::Error },
    /// A new configuration file cannot be written.
    #[error("cannot write configuration `{}`", path.display())]
    WriteConfig { path: PathBuf, source: io::Error },
    /// A folder is to be loaded from, and nothing says where the server sees it.
    #[error(
        "cannot load from the folder `{folder}`: Milvus reads import files from its own storage. \
         Dump into its bucket instead (`--out s3://…`); or, when Milvus runs with `storageType: local`, \
         set `m2m.serverPath` to this folder as the server sees it (`{folder}` itself on the same machine)"
    )]
    LocalTarget { folder: String },
    /// A statement cannot be run as it stands.
    #[error("{0}")]
    Statement(Box<Fault>),
    /// A query of a migration cannot be run as it stands.
    #[error("{0}")]
    Rows(Box<Fault>),
    /// Rows cannot be written to a file.
    #[error("cannot write rows to `{place}`")]
    WriteRows { place: String, source: io::Error },
    /// A report cannot be written to a file.
    #[error("cannot write the audit to `{place}`")]
    WriteAudit { place: String, source: io::Error },
    /// A file with statements cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The runtime, a signal handler or an output failed.
    #[error("cannot {what}")]
    Io { what: &'static str, source: io::Error },
    /// The installation cannot be read.
    #[error(transparent)]
    Catalog(#[from] m2m_catalog::Error),
    /// The segments cannot be read.
    #[error(transparent)]
    Datasource(#[from] m2m_datasource::Error),
    /// The cluster.
    #[cfg(feature = "ballista")]
    #[error(transparent)]
    Cluster(#[from] m2m_distributed::Error),
    /// The object store refused or failed.
    #[error(transparent)]
    Storage(#[from] m2m_storage::Error),
    /// Milvus 2.x refused or failed.
    #[error(transparent)]
    Milvus(#[from] m2m_milvus::Error),
    /// A step of a migration failed.
    #[error(transparent)]
    Migration(#[from] m2m_migration::Error),
    /// The summary cannot be written as JSON.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    /// An audit cannot be written as a page.
    #[error("cannot write HTML")]
    Page(#[from] askama::Error),
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Migration(error.into())
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::Io { what: "write rows", source },
            other => Self::Migration(other.into()),
        }
    }
}

/// Whether the description of a place is wrong.
fn is_of_place(error: &m2m_storage::Error) -> bool {
    matches!(
        error,
        m2m_storage::Error::InvalidLocation { .. }
            | m2m_storage::Error::InvalidEndpoint { .. }
            | m2m_storage::Error::IncompleteCredentials { .. }
            | m2m_storage::Error::MissingRegion { .. }
            | m2m_storage::Error::InvalidSettings { .. }
            | m2m_storage::Error::NoCredentials { source: None, .. }
            | m2m_storage::Error::NoRoles { .. }
            | m2m_storage::Error::Authorities { .. }
    )
}

/// Whether the description of a connection to Milvus is wrong.
fn is_of_connection(error: &m2m_milvus::Error) -> bool {
    matches!(
        error,
        m2m_milvus::Error::InvalidAddress { .. }
            | m2m_milvus::Error::TlsPair { .. }
            | m2m_milvus::Error::TlsServerName { .. }
            | m2m_milvus::Error::TlsFileUnreadable { .. }
            | m2m_milvus::Error::TlsFileKind { .. }
            | m2m_milvus::Error::TlsFileContent { .. }
    )
}

impl Error {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. }
            | Self::Setting { .. }
            | Self::ReadConfig { .. }
            | Self::Config { .. }
            | Self::LocalTarget { .. } => Exit::Usage,
            Self::Catalog(
                m2m_catalog::Error::NotAnInstall { .. } | m2m_catalog::Error::MySqlAddress { .. },
            )
            | Self::Rows(_)
            | Self::Migration(
                m2m_migration::Error::NotInDump { .. }
                | m2m_migration::Error::DumpedName { .. }
                | m2m_migration::Error::Check { .. }
                | m2m_migration::Error::Checks { .. }
                | m2m_migration::Error::NoCheck { .. }
                | m2m_migration::Error::NoChecks { .. }
                | m2m_migration::Error::InSource { .. }
                | m2m_migration::Error::RenameOfMany { .. }
                | m2m_migration::Error::Filter { .. }
                | m2m_migration::Error::NamedQuery { .. }
                | m2m_migration::Error::FilterOfQuery { .. }
                | m2m_migration::Error::QueryBase { .. }
                | m2m_migration::Error::StoredRows { .. }
                | m2m_migration::Error::NotRepeatable { .. }
                | m2m_migration::Error::NoColumn { .. }
                | m2m_migration::Error::ColumnTwice { .. }
                | m2m_migration::Error::FieldTwice { .. }
                | m2m_migration::Error::ColumnType { .. }
                | m2m_migration::Error::NoTags { .. }
                | m2m_migration::Error::SettingsCase { .. }
                | m2m_migration::Error::SameTarget { .. }
                | m2m_migration::Error::VectorKind { .. }
                | m2m_migration::Error::Unexpected { .. },
            )
            | Self::Migration(m2m_migration::Error::Datasource(m2m_datasource::Error::NoCollection {
                ..
            }))
            | Self::Datasource(
                m2m_datasource::Error::Choice { .. } | m2m_datasource::Error::NoCollection { .. },
            ) => Exit::Usage,
            Self::Storage(error) if is_of_place(error) => Exit::Usage,
            Self::Milvus(error) if is_of_connection(error) => Exit::Usage,
            #[cfg(feature = "ballista")]
            Self::Cluster(m2m_distributed::Error::Address { .. } | m2m_distributed::Error::Listen { .. }) => {
                Exit::Usage
            }
            #[cfg(feature = "ballista")]
            Self::Cluster(_) => Exit::Failed,
            Self::Interrupted => Exit::Interrupted,
            Self::Read { .. }
            | Self::Statement(_)
            | Self::WriteRows { .. }
            | Self::WriteAudit { .. }
            | Self::WriteConfig { .. }
            | Self::Io { .. }
            | Self::Catalog(_)
            | Self::Datasource(_)
            | Self::Storage(_)
            | Self::Milvus(_)
            | Self::Migration(_)
            | Self::Json(_)
            | Self::Page(_) => Exit::Failed,
        }
    }

    /// Whether the reader of our output went away, which is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
            || matches!(self, Self::Json(error) if error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    }

    /// The error and its causes, a line each.
    pub(crate) fn report(&self) -> String {
        let mut said = plain(&self.to_string());
        let mut report = format!("error: {said}\n");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = plain(&error.to_string());
            // Some libraries repeat their cause in their own text.
            if !said.contains(&text) {
                report.push_str(&format!("caused by: {text}\n"));
            }
            said = text;
            cause = error.source();
        }
        if report.contains("Resources exhausted") {
            report.push_str(MEMORY_HINT);
        }
        report
    }
}

/// What can be done when a statement needs more memory than it may take.
const MEMORY_HINT: &str = "hint: raise `--memory`; sorts and groups spill to disk beyond it, joins by hash do not: \
                           `SET datafusion.optimizer.prefer_hash_join = false` joins by sorting\n";

/// The words without what the query engine puts before them: it says which part
/// of it noticed, which is nothing to a user.
fn plain(text: &str) -> String {
    const PARTS: [&str; 6] = [
        "External error: ",
        "Execution error: ",
        "Error during planning: ",
        "Arrow error: ",
        "Compute error: ",
        "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
    ];
    let mut rest = text;
    while let Some(shorter) = PARTS.iter().find_map(|part| rest.strip_prefix(part)) {
        rest = shorter;
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_not_named_in_a_report() {
        let error = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        assert_eq!(Error::from(error).report(), "error: Divide by zero error\n");
        let error = DataFusionError::Execution("`l2_distance`: no".into());
        assert_eq!(Error::from(error).report(), "error: `l2_distance`: no\n");
    }

    #[test]
    fn a_report_names_each_cause_once() {
        let source = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let error = Error::ReadConfig { path: "a.yaml".into(), source };
        assert_eq!(error.report(), "error: cannot read configuration `a.yaml`\ncaused by: no such file\n");
        assert_eq!(error.exit(), Exit::Usage);
    }
}
