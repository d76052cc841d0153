// SPDX-License-Identifier: Apache-2.0
//! What can go wrong while a table of a database is read.

use datafusion::error::DataFusionError;
use m2m_catalog::Cause;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a table of a database cannot be read. No password stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The location is not one of this format. It is not repeated: it may hold a password.
    #[error("LOCATION of a table stored as {format}: expected {expected}")]
    Location {
        /// The format.
        format: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// There is no such file.
    #[error("there is no SQLite database `{path}`")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file cannot be read.
    #[error("cannot read SQLite database `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file changed while it was read.
    #[error("SQLite database `{path}` changed while it was read: ask again when nobody writes")]
    Changed {
        /// The file.
        path: String,
    },
    /// Texts are not in UTF-8.
    #[error(
        "SQLite database `{path}` keeps texts in {encoding}, expected UTF-8: write its tables into a database with `PRAGMA encoding = 'UTF-8'`"
    )]
    Encoding {
        /// The file.
        path: String,
        /// What they are in.
        encoding: String,
    },
    /// The SQLite database refused a query.
    #[error("cannot query SQLite database `{path}`")]
    Sqlite {
        /// The file.
        path: String,
        /// Why, in SQLite's words.
        source: Cause,
    },
    /// The database server cannot be reached, refuses the user or a query.
    #[error(transparent)]
    Server(#[from] m2m_catalog::Error),
    /// The database has no such table.
    #[error("database `{database}` has no table `{table}`{known}; name one by the option `table`")]
    NoTable {
        /// The database, without a password.
        database: String,
        /// What was named.
        table: String,
        /// The tables that there are, in words.
        known: String,
    },
    /// The values of a column without a type are of several kinds.
    #[error(
        "column `{column}` of table `{table}` in `{database}` is declared as {declared}, and has values of several types: {found}; make a view with a CAST of it"
    )]
    Mixed {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The declared type, or `nothing`.
        declared: String,
        /// The types.
        found: String,
    },
    /// The table has other columns than when the SQL table was created.
    #[error(
        "the columns of table `{table}` in `{database}` changed after the table was created: expected {expected}, found {found}; drop the table and create it again"
    )]
    ColumnsChanged {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The columns then.
        expected: String,
        /// The columns now.
        found: String,
    },
    /// A value does not fit its column.
    #[error(
        "row {row} of table `{table}` in `{database}`, column `{column}`: expected {expected}, found {found}"
    )]
    Value {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The row as it was read, the first is 0.
        row: u64,
        /// The column.
        column: String,
        /// What fits.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The variable that should hold the password does not.
    #[error(
        "environment variable `{variable}`, which the option `password_env` names, is {fault}: set it to the password of the database"
    )]
    Password {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The password stands in two places.
    #[error(
        "the LOCATION has a password, and the option `password_env` names another: leave the one in the LOCATION out"
    )]
    TwoPasswords,
    /// A statement says what a database cannot do.
    #[error("a table stored as {format} takes no {clause}: {remedy}")]
    Clause {
        /// The format.
        format: &'static str,
        /// The part of the statement.
        clause: &'static str,
        /// What can be done.
        remedy: &'static str,
    },
    /// An option that does not exist.
    #[error("a table stored as {format} has no option `{option}`: there is {known}")]
    UnknownOption {
        /// The format.
        format: &'static str,
        /// What was given.
        option: String,
        /// What there is.
        known: &'static str,
    },
    /// An option without a value.
    #[error("option `{option}` of a table stored as {format}: expected {expected}, found nothing")]
    EmptyOption {
        /// The format.
        format: &'static str,
        /// The option.
        option: &'static str,
        /// What it takes.
        expected: &'static str,
    },
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
