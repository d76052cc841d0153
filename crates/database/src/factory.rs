// SPDX-License-Identifier: Apache-2.0
//! `CREATE EXTERNAL TABLE … STORED AS SQLITE` and `MYSQL`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::CreateExternalTable;
use m2m_catalog::MySql;
use url::Url;

use crate::error::{Error, Result};
use crate::sqlite::SqliteFile;
use crate::table::{Database, DatabaseTable};

const TABLE: &str = "table";
const PASSWORD_ENV: &str = "password_env";
/// What stands before the names of options that the parser knows nothing of.
const FORMAT: &str = "format.";

/// Makes tables of databases.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseTableFactory {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    MySql,
}

/// What a statement says beside the location.
#[derive(Debug, Default)]
struct Options {
    table: Option<String>,
    password_env: Option<String>,
}

impl DatabaseTableFactory {
    /// Returns the factory of `STORED AS SQLITE`.
    #[must_use]
    pub fn sqlite() -> Self {
        Self { kind: Kind::Sqlite }
    }

    /// Returns the factory of `STORED AS MYSQL`.
    #[must_use]
    pub fn mysql() -> Self {
        Self { kind: Kind::MySql }
    }
}

#[async_trait]
impl TableProviderFactory for DatabaseTableFactory {
    async fn create(&self, _: &dyn Session, cmd: &CreateExternalTable) -> DFResult<Arc<dyn TableProvider>> {
        let kind = self.kind;
        kind.refuse_clauses(cmd)?;
        let options = kind.options(&cmd.options)?;
        let location = kind.location(&cmd.locations)?;
        let name = cmd.name.table();
        let table = options.table.clone().unwrap_or_else(|| name.to_owned());
        let (database, definition) = match kind {
            Kind::Sqlite => (Database::Sqlite(sqlite(location)?), cmd.definition.clone()),
            Kind::MySql => {
                let server = mysql(location, options.password_env.as_deref())?;
                let definition = definition(&cmd.name.to_quoted_string(), &server, &table, &options);
                (Database::MySql(Box::new(server)), Some(definition))
            }
        };
        let table = DatabaseTable::open(database, table).await?;
        Ok(Arc::new(table.defined_by(definition)))
    }
}

impl Kind {
    fn format(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLITE",
            Self::MySql => "MYSQL",
        }
    }

    /// Refuses what a database cannot be told.
    fn refuse_clauses(self, cmd: &CreateExternalTable) -> Result<()> {
        let clauses = [
            (!cmd.schema.fields().is_empty(), "list of columns", "names and types are those of the database"),
            (!cmd.table_partition_cols.is_empty(), "PARTITIONED BY", "create a table for each"),
            (!cmd.order_exprs.is_empty(), "WITH ORDER", "sort in the query"),
            (cmd.unbounded, "UNBOUNDED", "a table has an end"),
            (cmd.constraints.iter().next().is_some(), "constraints", "check them by a query"),
        ];
        match clauses.into_iter().find(|(is_given, ..)| *is_given) {
            Some((_, clause, remedy)) => Err(Error::Clause { format: self.format(), clause, remedy }),
            None => Ok(()),
        }
    }

    fn location(self, locations: &[String]) -> Result<&str> {
        match locations {
            [location] => Ok(location),
            _ => Err(Error::Clause {
                format: self.format(),
                clause: "list of locations",
                remedy: "create a table for each",
            }),
        }
    }

    fn options(self, given: &HashMap<String, String>) -> Result<Options> {
        let mut options = Options::default();
        let full = |option, value: &String, expected| match value.is_empty() {
            true => Err(Error::EmptyOption { format: self.format(), option, expected }),
            false => Ok(Some(value.clone())),
        };
        for (option, value) in given {
            match option.strip_prefix(FORMAT).unwrap_or(option) {
                TABLE => options.table = full(TABLE, value, "the name of a table")?,
                PASSWORD_ENV if self == Self::MySql => {
                    options.password_env = full(PASSWORD_ENV, value, "the name of an environment variable")?;
                }
                other => {
                    let known = match self {
                        Self::Sqlite => "`table`",
                        Self::MySql => "`table` and `password_env`",
                    };
                    return Err(Error::UnknownOption { format: self.format(), option: other.into(), known });
                }
            }
        }
        Ok(options)
    }
}

/// A path, or the URL of one.
fn sqlite(location: &str) -> Result<SqliteFile> {
    let path = match location.contains("://") {
        false => Some(location.into()).filter(|_| !location.is_empty()),
        true => Url::parse(location)
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok()),
    };
    let expected = "the path of a SQLite database on this machine, or its `file://` URL";
    path.map(|path| SqliteFile { path }).ok_or(Error::Location { format: "SQLITE", expected })
}

fn mysql(location: &str, password_env: Option<&str>) -> Result<MySql> {
    if !MySql::is_address(location) {
        let expected = "an address such as `mysql://user@host:3306/database`";
        return Err(Error::Location { format: "MYSQL", expected });
    }
    let server = MySql::parse(location)?;
    let Some(variable) = password_env else { return Ok(server) };
    if server.has_password() {
        return Err(Error::TwoPasswords);
    }
    let fault = |fault| Error::Password { variable: variable.into(), fault };
    let password = std::env::var_os(variable).ok_or_else(|| fault("not set"))?;
    let password = password.into_string().map_err(|_| fault("not UTF-8"))?;
    if password.is_empty() {
        return Err(fault("empty"));
    }
    Ok(server.with_password(password))
}

/// The statement as it may be shown: the one that was given may hold a password,
/// and every part of an address that may be one.
fn definition(name: &str, server: &MySql, table: &str, options: &Options) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut of_table = vec![format!("'{TABLE}' {}", text(table))];
    of_table.extend(options.password_env.as_ref().map(|name| format!("'{PASSWORD_ENV}' {}", text(name))));
    format!(
        "CREATE EXTERNAL TABLE {name} STORED AS MYSQL LOCATION {} OPTIONS ({})",
        text(&server.to_string()),
        of_table.join(", ")
    )
}

#[cfg(test)]
mod tests;
