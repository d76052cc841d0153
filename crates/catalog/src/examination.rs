// SPDX-License-Identifier: Apache-2.0
//! Metadata that is looked at although parts of it cannot be read.

use std::error::Error as _;

use crate::error::Error;
use crate::inventory::Inventory;
use crate::metadata::MetaSource;

/// All that can be read of the metadata and the write-ahead log, and what cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// What the metadata says, without the collections that have a problem.
    pub inventory: Inventory,
    /// What cannot be read, or cannot be.
    pub problems: Vec<Problem>,
    /// Every row of `Fields`. Empty for a `meta.json` and where there is no such table.
    pub fields: Vec<FieldsRow>,
}

/// Something of the metadata or the log that cannot be read, or cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// The collection that is left out because of it.
    pub collection: Option<String>,
    /// What exactly it concerns: a database, a file, a row and column.
    pub subject: String,
    /// What is wrong, and why, in one line.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Where a problem is, and with it what is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the metadata as a whole: no collection is known. Or in a table of it
    /// that no collection needs.
    Metadata,
    /// In rows of one collection, which is left out.
    Collection,
    /// In the write-ahead log: rows that stand only there are not known.
    Log,
}

impl Place {
    /// Returns the name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Collection => "collection",
            Self::Log => "log",
        }
    }
}

/// A row of `Fields`: an attribute of a hybrid collection (0.9 to 1.0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsRow {
    /// The collection.
    pub collection_id: String,
    /// Name of the attribute.
    pub field_name: String,
    /// The server's code of its type.
    pub field_type: Option<i64>,
    /// What else the client said, JSON.
    pub field_params: String,
}

/// An error, and what is lost by it.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) place: Place,
    pub(crate) collection: Option<String>,
    pub(crate) error: Error,
    /// Whether an inventory without it would not be whole.
    pub(crate) is_vital: bool,
}

impl Trouble {
    pub(crate) fn of_metadata(error: Error) -> Self {
        Self { place: Place::Metadata, collection: None, error, is_vital: true }
    }

    /// Trouble with a table that tells of attributes, which no vector needs.
    pub(crate) fn of_fields(error: Error) -> Self {
        Self { is_vital: false, ..Self::of_metadata(error) }
    }

    pub(crate) fn of_collection(name: &str, error: Error) -> Self {
        Self { place: Place::Collection, collection: Some(name.into()), ..Self::of_metadata(error) }
    }

    pub(crate) fn of_log(error: Error) -> Self {
        Self { place: Place::Log, ..Self::of_metadata(error) }
    }

    /// What a user is told who looks at the metadata in `source`.
    pub(crate) fn problem(self, source: &MetaSource) -> Problem {
        let subject = if self.is_vital { subject(&self.error, source) } else { "table `Fields`".into() };
        let remedy = match self.place {
            Place::Log => of_log(&self.error),
            Place::Collection => of_collection(source),
            Place::Metadata if !self.is_vital => {
                "nothing is lost for collections of vectors alone; of hybrid collections, which have other fields too, compare the table with that of a backup".into()
            }
            Place::Metadata => of_metadata(&self.error, source),
        };
        let message = in_one_line(&self.error);
        Problem { place: self.place, collection: self.collection, subject, message, remedy }
    }
}

fn subject(error: &Error, source: &MetaSource) -> String {
    match error {
        Error::Value { place, .. } => place.clone(),
        Error::Wal { path, .. }
        | Error::WalPosition { path }
        | Error::WalShort { path, .. }
        | Error::Read { path, .. } => path.display().to_string(),
        _ => source.to_string(),
    }
}

/// An error and its causes in one line.
fn in_one_line(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What gets metadata back that is lost.
const RESTORE: &str = "restore it from a backup, or, when there is none, let `m2m recover --tables DIR` write a `meta.json` from the segment files in the folder `tables`, and name that with `--meta`";

fn of_metadata(error: &Error, source: &MetaSource) -> String {
    match error {
        Error::Damaged { .. } => OF_DAMAGE.into(),
        Error::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => RESTORE.into(),
        Error::Read { path, .. } => {
            format!("let this user read `{}` and the folders above it; m2m does not write there", path.display())
        }
        Error::Database { remedy, .. } => (*remedy).into(),
        Error::Milvus011 { .. } => "m2m cannot migrate it: read its vectors out of a running 0.11 server with a client of that version, and insert them into Milvus 2.x".into(),
        Error::OtherDatabase { .. } => format!(
            "name the metadata of the Milvus server, which its `server_config.yaml` calls `meta_uri`; if its tables are gone, {RESTORE}"
        ),
        Error::TooLarge { .. } => "name the server's own `meta.sqlite` with `--meta`".into(),
        Error::JsonVersion { .. } => "use the m2m that wrote it, or a newer one".into(),
        Error::Json { .. } => format!(
            "correct the file where the message says, or write it anew with `m2m export` from the server's metadata; if that is lost, {RESTORE}"
        ),
        _ if matches!(source, MetaSource::MySql(_)) => {
            "check that the tables `Tables`, `TableFiles` and `Environment` have the columns that Milvus 0.7 to 1.1 makes, and that the user may read them".into()
        }
        _ => RESTORE.into(),
    }
}

/// The shell's own `.recover` saves more, but Debian's shell fails at it. Either
/// may write to the database that it opens.
const OF_DAMAGE: &str = "if the old server runs, stop it and look again; else restore a backup; without one, let `m2m recover --tables DIR` write a `meta.json` from the segment files in the folder `tables`; or copy the file, with its `-wal`, save the rows that can be read with `sqlite3 COPY .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 saved.sqlite`, name `saved.sqlite` with `--meta`, and see by another audit which segments it does not know any more";

fn of_collection(source: &MetaSource) -> String {
    match source {
        MetaSource::MetaJson { .. } => {
            "correct the value in the file, or write it anew with `m2m export` from the server's metadata"
        }
        MetaSource::MySql(_) => {
            "correct the value in a copy of the database, or set `state` of the rows in `Tables` to 1, which drops them, and name the copy with `--meta`"
        }
        MetaSource::Sqlite(_) | MetaSource::Unread(_) => {
            "correct the value in a copy of the metadata with `sqlite3`, or set `state` of the rows in `Tables` to 1, which drops them, and name the copy with `--meta`"
        }
    }
    .into()
}

fn of_log(error: &Error) -> String {
    let flush = "start the old server once and stop it cleanly, so that it writes all rows to segments";
    match error {
        Error::Read { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "let this user read the folder of the log and its files; m2m does not write there".into()
        }
        Error::Read { .. } | Error::WalPosition { .. } | Error::WalShort { .. } => format!(
            "if this is not the whole log of this server, name the right folder with `--wal`; else {flush}"
        ),
        _ => format!("{flush}; if it cannot read the log either, what stands only there is lost"),
    }
}

#[cfg(test)]
mod tests;
