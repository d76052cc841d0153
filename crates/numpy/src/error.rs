// SPDX-License-Identifier: Apache-2.0
//! What can go wrong while NumPy files are read.

use datafusion::error::DataFusionError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why NumPy files cannot be a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what NumPy writes.
    #[error("NumPy file `{file}` is damaged: expected {expected}, found {found}; write it again")]
    Damaged {
        /// The file, or an archive and what is in it.
        file: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The array is right, but has no form in a table.
    #[error("NumPy file `{file}` holds {what}, which cannot be a column: {remedy}")]
    Refused {
        /// The file, or an archive and what is in it.
        file: String,
        /// What is in it.
        what: String,
        /// What can be done.
        remedy: &'static str,
    },
    /// One value has no meaning.
    #[error("NumPy file `{file}`, row {row}: expected {expected}, found {found}")]
    Value {
        /// The file, or an archive and what is in it.
        file: String,
        /// The row, the first is 0.
        row: u64,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The arrays of a table are of different lengths.
    #[error(
        "`{first}` has {first_rows} rows, and `{other}` has {other_rows}: arrays of one table have the same number of rows; name the files one by one, or put those that belong together into one folder"
    )]
    RowsDiffer {
        /// The first array.
        first: String,
        /// Its rows.
        first_rows: u64,
        /// One that differs.
        other: String,
        /// Its rows.
        other_rows: u64,
    },
    /// Two arrays have the same name.
    #[error("`{file}` has two arrays `{name}`: a table's columns have different names")]
    SameName {
        /// The archive or folder.
        file: String,
        /// The name.
        name: String,
    },
    /// The location is neither a file nor a folder with files.
    #[error("there is no NumPy file `{location}`: name a file, or a folder by a `/` at its end")]
    Missing {
        /// What was named.
        location: String,
    },
    /// The folder or archive has no arrays.
    #[error("`{location}` has no arrays: expected {expected} directly in it")]
    Empty {
        /// What was named.
        location: String,
        /// What arrays are called.
        expected: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// The file or folder.
        file: String,
        /// Why.
        source: object_store::Error,
    },
    /// An archive cannot be read.
    #[error("cannot read archive `{file}`")]
    Archive {
        /// The archive, or an array of it.
        file: String,
        /// Why.
        source: zip::result::ZipError,
    },
    /// The file is another one than when the query was planned.
    #[error(
        "`{file}` changed after the query was planned: expected {expected} bytes, found {found}; ask again when it is complete"
    )]
    Changed {
        /// The file.
        file: String,
        /// Bytes at planning.
        expected: u64,
        /// Bytes at reading; as many when only the content changed.
        found: u64,
    },
    /// The arrays have other types or names than when the table was created.
    #[error(
        "the arrays of `{location}` changed after the table was created: expected {expected}, found {found}; drop the table and create it again"
    )]
    ColumnsChanged {
        /// The table's location.
        location: String,
        /// The columns then.
        expected: String,
        /// The columns now.
        found: String,
    },
    /// A statement says what NumPy files cannot do.
    #[error("a table of NumPy files takes no {clause}: {remedy}")]
    Clause {
        /// The part of the statement.
        clause: &'static str,
        /// What can be done.
        remedy: &'static str,
    },
    /// An option that does not exist.
    #[error("a table of NumPy files has no option `{option}`: there are {known}")]
    UnknownOption {
        /// What was given.
        option: String,
        /// What there is.
        known: &'static str,
    },
    /// A value that an option does not take.
    #[error("option `{option}` of a table of NumPy files: expected {expected}, found `{found}`")]
    OptionValue {
        /// The option.
        option: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// Why bytes are no array that a table can show, before the file's name is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are not what NumPy writes.
    Damaged { expected: String, found: String },
    /// They are, but have no form in a table.
    Refused { what: String, remedy: &'static str },
}

impl Fault {
    pub(crate) fn damaged(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Damaged { expected: expected.into(), found: found.into() }
    }

    pub(crate) fn refused(what: impl Into<String>, remedy: &'static str) -> Self {
        Self::Refused { what: what.into(), remedy }
    }

    /// Says which file it was.
    pub(crate) fn of(self, file: &str) -> Error {
        let file = file.to_owned();
        match self {
            Self::Damaged { expected, found } => Error::Damaged { file, expected, found },
            Self::Refused { what, remedy } => Error::Refused { file, what, remedy },
        }
    }
}
