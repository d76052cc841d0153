// SPDX-License-Identifier: Apache-2.0
//! `CREATE EXTERNAL TABLE … STORED AS NPY` and `NPZ`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::CreateExternalTable;

use crate::arrays::{Kind, NumpyOptions};
use crate::error::{Error, Result};
use crate::table::NumpyTable;

const BINARY: &str = "binary";
const ROW_NUMBER: &str = "row_number";
/// What stands before the names of options that the parser knows nothing of.
const FORMAT: &str = "format.";

/// Makes tables of NumPy files.
#[derive(Clone, Copy, Debug)]
pub struct NumpyTableFactory {
    kind: Kind,
}

impl NumpyTableFactory {
    /// Returns the factory of `STORED AS NPY`.
    #[must_use]
    pub fn npy() -> Self {
        Self { kind: Kind::Npy }
    }

    /// Returns the factory of `STORED AS NPZ`.
    #[must_use]
    pub fn npz() -> Self {
        Self { kind: Kind::Npz }
    }
}

#[async_trait]
impl TableProviderFactory for NumpyTableFactory {
    async fn create(
        &self,
        state: &dyn Session,
        cmd: &CreateExternalTable,
    ) -> DFResult<Arc<dyn TableProvider>> {
        refuse_clauses(cmd)?;
        let options = options(&cmd.options)?;
        let location = location(&cmd.locations)?;
        let table = NumpyTable::open(state, location, self.kind, options).await?;
        Ok(Arc::new(table.defined_by(cmd.definition.clone())))
    }
}

/// Refuses what a NumPy file cannot be told.
fn refuse_clauses(cmd: &CreateExternalTable) -> Result<()> {
    let clauses = [
        (!cmd.schema.fields().is_empty(), "list of columns", "names and types are those of the arrays"),
        (!cmd.table_partition_cols.is_empty(), "PARTITIONED BY", "create a table for each folder"),
        (!cmd.order_exprs.is_empty(), "WITH ORDER", "sort in the query"),
        (cmd.unbounded, "UNBOUNDED", "a file has an end"),
        (cmd.constraints.iter().next().is_some(), "constraints", "check them by a query"),
    ];
    match clauses.into_iter().find(|(is_given, ..)| *is_given) {
        Some((_, clause, remedy)) => Err(Error::Clause { clause, remedy }),
        None => Ok(()),
    }
}

fn location(locations: &[String]) -> Result<&str> {
    match locations {
        [location] => Ok(location),
        _ => {
            let remedy = "put the files into one folder, or create a table for each";
            Err(Error::Clause { clause: "list of locations", remedy })
        }
    }
}

fn options(given: &HashMap<String, String>) -> Result<NumpyOptions> {
    let mut options = NumpyOptions::default();
    for (option, value) in given {
        match option.strip_prefix(FORMAT).unwrap_or(option) {
            BINARY => options.binary = boolean(BINARY, value)?,
            ROW_NUMBER if value.is_empty() => {
                return Err(bad_value(ROW_NUMBER, "the name of a column", value));
            }
            ROW_NUMBER => options.row_number = Some(value.clone()),
            other => {
                let known = "`binary` and `row_number`";
                return Err(Error::UnknownOption { option: other.to_owned(), known });
            }
        }
    }
    Ok(options)
}

fn boolean(option: &'static str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad_value(option, "`true` or `false`", value)),
    }
}

fn bad_value(option: &'static str, expected: &'static str, found: &str) -> Error {
    Error::OptionValue { option, expected, found: found.to_owned() }
}
