// SPDX-License-Identifier: Apache-2.0
//! The arrays of a table, as their headers describe them.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use crate::archive;
use crate::column::{Column, Values, can_be_binary};
use crate::error::{Error, Fault, Result};
use crate::header::{Header, START_BYTES};
use crate::place::{NamedFile, Place};
use crate::read::KnownFile;

/// Headers that are read at once.
const AT_ONCE: usize = 16;

/// What kind of files a table is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file for each column.
    Npy,
    /// One archive for all columns.
    Npz,
}

/// How arrays become columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumpyOptions {
    /// Arrays `|u1 (N, w)` have values of `w` bytes, not lists.
    pub binary: bool,
    /// The name of a first column with the numbers of the rows, from 0.
    pub row_number: Option<String>,
}

/// Columns with the same number of rows.
#[derive(Clone, Debug)]
pub(crate) struct Arrays {
    /// One at least.
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: u64,
}

impl Arrays {
    /// Reads the headers of what is at a place.
    ///
    /// # Errors
    ///
    /// When nothing is there, when an array cannot be a column, or when the
    /// arrays have different lengths.
    pub(crate) async fn read(place: &Place, kind: Kind, options: &NumpyOptions) -> Result<Self> {
        let mut columns: Vec<Column> = match kind {
            Kind::Npy => {
                stream::iter(place.files().await?)
                    .map(|file| npy_column(place, file))
                    .buffered(AT_ONCE)
                    .try_collect()
                    .await?
            }
            Kind::Npz => npz_columns(place).await?,
        };
        for column in columns.iter_mut().filter(|column| options.binary && can_be_binary(&column.header)) {
            column.values = Values::Binary;
        }
        if let (Some(name), Some(first)) = (&options.row_number, columns.first()) {
            let numbers = Column::of_row_numbers(name.clone(), first);
            columns.insert(0, numbers);
        }
        Self::of_columns(columns).unwrap_or_else(|| Err(place.empty()))
    }

    /// Checks that columns fit together. Nothing if there are none.
    fn of_columns(columns: Vec<Column>) -> Option<Result<Self>> {
        let first = columns.first()?;
        let rows = first.header.rows;
        let mut names = HashSet::new();
        for column in &columns {
            if column.header.rows != rows {
                return Some(Err(Error::RowsDiffer {
                    first: first.place(),
                    first_rows: rows,
                    other: column.place(),
                    other_rows: column.header.rows,
                }));
            }
            if !names.insert(column.name.as_str()) {
                return Some(Err(Error::SameName { file: column.file.clone(), name: column.name.clone() }));
            }
        }
        Some(Ok(Self { columns, rows }))
    }
}

async fn npy_column(place: &Place, named: NamedFile) -> Result<Column> {
    let file = place.display(&named.meta.location);
    let (header, meta) = match named.meta.size {
        0 => (Err(Fault::damaged("a NumPy file", "an empty file")), named.meta),
        _ => {
            let range = Some(GetRange::Bounded(0..START_BYTES));
            let options = GetOptions { range, ..GetOptions::default() };
            let failed = |source| Error::Read { file: file.clone(), source };
            let answer = place.store.get_opts(&named.meta.location, options).await.map_err(failed)?;
            let meta: ObjectMeta = answer.meta.clone();
            let start = answer.bytes().await.map_err(failed)?;
            (Header::parse(&start, meta.size), meta)
        }
    };
    let header = header.map_err(|fault| fault.of(&file))?;
    Ok(Column { name: named.name, meta, file, entry: None, header, values: Values::Items })
}

async fn npz_columns(place: &Place) -> Result<Vec<Column>> {
    let meta = place.archive().await?;
    let file = place.display(&meta.location);
    let known = KnownFile { store: Arc::clone(&place.store), meta: meta.clone(), place: file.clone() };
    let found = archive::inspect(known).await?;
    let column = |array: archive::Found| Column {
        name: array.name,
        meta: meta.clone(),
        file: file.clone(),
        entry: Some(array.entry),
        header: array.header,
        values: Values::Items,
    };
    Ok(found.into_iter().map(column).collect())
}
