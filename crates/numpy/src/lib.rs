// SPDX-License-Identifier: Apache-2.0
//! NumPy files as SQL tables, on this machine and in every store that the session knows.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! // What `numpy.save("queries.npy", numpy.float32([[0, 1.5], [2, 3]]))` writes.
//! let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
//! let header = [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), format!("{text:<117}\n").as_bytes()].concat();
//! let values = [0_f32, 1.5, 2.0, 3.0].map(f32::to_le_bytes).concat();
//! std::fs::write("queries.npy", [header, values].concat())?;
//!
//! let ctx = SessionContext::new();
//! m2m_numpy::register(&ctx);
//! ctx.sql("CREATE EXTERNAL TABLE q STORED AS NPY LOCATION 'queries.npy'").await?;
//! let rows = ctx.sql("SELECT queries[2] FROM q").await?.collect().await?;
//! assert_eq!(rows[0].num_rows(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # What is a table
//!
//! | `STORED AS` | `LOCATION` | columns |
//! |---|---|---|
//! | `NPY` | a file | one, with the file's name without `.npy` |
//! | `NPY` | a folder, which ends with `/` or is one | every file `*.npy` directly in it, `id` first and the others by name; other files are left alone |
//! | `NPZ` | a file that `numpy.savez` or `numpy.savez_compressed` wrote | every array, in the archive's order |
//!
//! All arrays of a table have the same number of rows: their first axis. An array
//! without axes is one row. A folder that `COPY … STORED AS NPY` wrote is read as
//! the table that was written.
//!
//! Columns are never listed in the statement. There are two options:
//!
//! | `OPTIONS (…)` | |
//! |---|---|
//! | `'binary' 'true'` | arrays of bytes of two axes become values of so many bytes, as binary vectors are, instead of lists of numbers |
//! | `'row_number' 'n'` | a first column `n` has the numbers of the rows, from 0; `ORDER BY n` then costs no sort |
//!
//! # Types
//!
//! | NumPy | SQL |
//! |---|---|
//! | `b1`, `i1` … `i8`, `u1` … `u8`, `f2`, `f4`, `f8` | the same; of both byte orders |
//! | `U` | `Utf8`, without the zeros at the end |
//! | `S` | `Binary`, without the zeros at the end; `CAST(… AS VARCHAR)` makes it text |
//! | `M8[D]` | `Date32` |
//! | `M8[s]`, `[ms]`, `[us]`, `[ns]` | `Timestamp` of that unit without a time zone |
//! | `m8[s]`, `[ms]`, `[us]`, `[ns]` | `Duration` of that unit |
//! | shape `(N, d)` | `FixedSizeList` of `d` items that are never null, as a column `vector` of floats is |
//! | shape `(N, a, b, …)` | lists of lists, eight axes at most |
//! | shape `(N, w)` of `u1`, with `binary` | `FixedSizeBinary(w)`, as a column `vector` of bits is |
//!
//! `NaT` is null; nothing else is. Complex numbers, `f16`, pickled objects,
//! structured dtypes, other units of time, Fortran order, rows without values and
//! rows of more than 16 MiB are refused, with what to save instead.
//!
//! # What is read
//!
//! Headers are read when a table is made and again by each query; `count(*)` reads
//! no more. A query reads the arrays of the columns that it names, blocks of 2 MiB
//! in the widest of them and of 8 MiB in all, three blocks a partition at most.
//! Little-endian numbers become Arrow arrays as they are. Large `.npy` files are
//! cut into ranges of rows, one for each partition; rows then have no order but
//! that of an `ORDER BY`. Archives are unpacked as a stream by one partition.
//!
//! Files are not trusted. A length that contradicts a header, a product that
//! overflows, a checksum that is wrong, or a file that changes while it is read is
//! an error that names the file, what was expected and what was found.
//!
//! It does not write: that is `COPY … STORED AS NPY`. Filters are not pushed into
//! files, which have no statistics but their lengths.

use std::sync::Arc;

use datafusion::prelude::SessionContext;

mod archive;
mod arrays;
mod column;
mod decode;
mod element;
mod error;
mod factory;
mod header;
mod opener;
mod piece;
mod place;
mod ranged;
mod read;
mod source;
mod table;
#[cfg(test)]
mod testing;

pub use arrays::NumpyOptions;
pub use error::{Error, Result};
pub use factory::NumpyTableFactory;
pub use header::HeaderText;
pub use table::NumpyTable;

/// Teaches a session `CREATE EXTERNAL TABLE … STORED AS NPY` and `NPZ`.
pub fn register(ctx: &SessionContext) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let factories = state.table_factories_mut();
    factories.insert("NPY".into(), Arc::new(NumpyTableFactory::npy()));
    factories.insert("NPZ".into(), Arc::new(NumpyTableFactory::npz()));
}
