// SPDX-License-Identifier: Apache-2.0

//! `COPY … TO … STORED AS NPY`: the result of a query as NumPy arrays.

mod column;
mod format;
mod names;
mod sink;
mod target;
#[cfg(test)]
mod tests;
mod unread;
mod writer;

use std::sync::Arc;

use datafusion::error::Result as DFResult;
use datafusion::prelude::SessionContext;

use crate::whole;

/// Teaches a session `COPY … TO … STORED AS NPY`, and `COPY … TO 'x.npy'`.
///
/// | `TO` | is written |
/// |---|---|
/// | `'folder/'`, `'folder'` | a file `<column>.npy` for each column |
/// | `'x.npy'`, any name with an extension | one file, for a query of one column |
/// | `'s3://bucket/folder/'`, any bucket | likewise, when the session has [`OutputStorages`](crate::OutputStorages) |
///
/// * Rows stand in the order of the query's `ORDER BY`; without it in any order, which
///   is the same in all files. The `count` of rows is what the statement returns.
/// * Files appear under their names when all rows of all columns have arrived, and
///   replace those that were there; other files of a folder stay. A query that fails
///   or is cancelled leaves no file of its own, and the old ones.
/// * What NumPy cannot hold is refused when the query is planned. Nulls and lists of
///   unequal length are refused, with their row, when it runs.
/// * There are no `OPTIONS`.
///
/// What a statement of the session writes in the engine's own formats is whole or
/// absent from then on too: `COPY` and `INSERT` to Parquet, CSV, JSON and Arrow. The
/// engine alone would leave a file that is cut off where the query failed.
///
/// It is for a session that has prepared no statements yet, which would be lost.
///
/// # Errors
///
/// Those of the session when it takes a format.
pub fn register_formats(ctx: &SessionContext) -> DFResult<()> {
    let state = ctx.state_ref();
    let mut state = state.write();
    state.register_file_format(Arc::new(format::NpyFormatFactory), true)?;
    whole::register(&mut state);
    Ok(())
}
