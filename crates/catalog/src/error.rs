// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with the metadata of an installation.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What another library found wrong.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the metadata of an installation cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is no installation.
    #[error(
        "`{}` is no Milvus 1.x installation: expected `db/meta.sqlite` and `db/tables`, or `meta.json` and `tables`", path.display()
    )]
    NotAnInstall {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {what} `{}`", path.display())]
    Read {
        /// What it is.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder was named where a file of metadata should be.
    #[error("metadata `{}` is a folder: {remedy}", path.display())]
    MetadataFolder {
        /// The folder.
        path: PathBuf,
        /// What to name instead.
        remedy: String,
    },
    /// The metadata is neither SQLite nor JSON.
    #[error("metadata `{}` is neither a SQLite database nor JSON: it begins with {found}", path.display())]
    UnknownMetadata {
        /// The file.
        path: PathBuf,
        /// Its first bytes, as text.
        found: String,
    },
    /// The `meta.json` is larger than any that was written as one.
    #[error("metadata `{}` is larger than {limit} bytes, too large for a `meta.json`", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        limit: u64,
    },
    /// SQLite found the database damaged.
    #[error("metadata `{}` is damaged: {reason}; restore it from a backup, or have `m2m recover` make it anew from the segments", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's own words.
        reason: String,
    },
    /// The installation is one of Milvus 0.11.
    #[error(
        "metadata `{metadata}` is of Milvus 0.11, whose files have another format that m2m does not read"
    )]
    Milvus011 {
        /// Where it stands.
        metadata: String,
    },
    /// The database holds something else.
    #[error(
        "metadata `{metadata}` is not of Milvus 1.x: expected the tables `Tables`, `TableFiles` and `Environment`, found {found}"
    )]
    OtherDatabase {
        /// Where it stands.
        metadata: String,
        /// The tables it has, or those that the user may see.
        found: String,
    },
    /// The address of a MySQL database cannot be parsed. It is not repeated: any
    /// part of it may be the password.
    #[error(
        "cannot parse the address of the MySQL database: {reason}; expected `user:password@tcp(host:port)/database` or `mysql://user:password@host:port/database`"
    )]
    MySqlAddress {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database server cannot be reached, or does not let the user read.
    #[error("cannot read database `{metadata}`: {reason}; {remedy}")]
    Database {
        /// Its address, without the password.
        metadata: String,
        /// What happened.
        reason: &'static str,
        /// What to do.
        remedy: &'static str,
        /// Why, in the server's or the system's own words.
        source: Option<Cause>,
    },
    /// The database refused a query.
    #[error("cannot query `{metadata}`")]
    Sql {
        /// Where it stands.
        metadata: String,
        /// Why.
        source: Cause,
    },
    /// The `meta.json` is not what it should be.
    #[error("cannot decode metadata `{metadata}`")]
    Json {
        /// Where it stands.
        metadata: String,
        /// Why, with line and column.
        source: serde_json::Error,
    },
    /// The `meta.json` cannot be encoded.
    #[error("cannot encode `meta.json`")]
    Encode {
        /// Why.
        source: serde_json::Error,
    },
    /// The `meta.json` was written by a newer m2m.
    #[error("metadata `{metadata}` has version {found}, this m2m reads up to 2: use a newer one")]
    JsonVersion {
        /// Where it stands.
        metadata: String,
        /// Its version.
        found: u64,
    },
    /// A row that matters has a value it cannot have.
    #[error("metadata `{metadata}`, {place}: expected {expected}, found {found}")]
    Value {
        /// Where it stands.
        metadata: String,
        /// The row and column.
        place: String,
        /// What can stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A record of the write-ahead log is damaged.
    #[error("cannot read write-ahead log `{}`; whether rows stand only there cannot be told", path.display())]
    Wal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: m2m_segment::Error,
    },
    /// The write-ahead log has files and nothing that says how far it reaches.
    #[error(
        "write-ahead log `{}` has no `mxlog.meta`; whether rows stand only there cannot be told", path.display()
    )]
    WalPosition {
        /// The folder.
        path: PathBuf,
    },
    /// The write-ahead log ends before the position that the server had reached.
    #[error(
        "write-ahead log `{}` ends at {found}, before position {expected} that the server had reached; whether rows stand only there cannot be told", path.display()
    )]
    WalShort {
        /// The file.
        path: PathBuf,
        /// The position that was reached.
        expected: u64,
        /// Where the log ends.
        found: u64,
    },
}

impl Error {
    pub(crate) fn read(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { what, path, source }
    }
}

/// What lies behind an error whose own text would only repeat it.
pub(crate) fn cause(error: sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Database(error) => error.into_error(),
        sqlx::Error::Io(error) => error.into(),
        sqlx::Error::Tls(error) | sqlx::Error::Configuration(error) => error,
        other => other.into(),
    }
}
