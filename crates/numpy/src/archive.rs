// SPDX-License-Identifier: Apache-2.0
//! The arrays of a `.npz` archive, which is a zip archive of `.npy` files.
//!
//! Entries are streamed, whatever they unpack to: each column has a reader of
//! its own, all are read block by block in step, and nothing is held but that
//! block. The checksum of an entry is compared when its last row was read,
//! before that row is handed out.

use std::io::{self, Read};
use std::ops::Range;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result as DFResult};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{self, JoinHandle};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::column::{Column, Entry, row_numbers};
use crate::error::{Error, Fault, Result};
use crate::header::{Header, MAGIC, START_BYTES};
use crate::opener::{Reading, blocks};
use crate::ranged::Ranged;
use crate::read::KnownFile;

const NPY: &str = ".npy";
/// Arrays in one archive.
const ARRAYS_MAX: usize = 4096;

/// An array of an archive.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) entry: Entry,
    pub(crate) header: Header,
}

/// Reads the headers of all arrays, in the archive's order.
pub(crate) async fn inspect(file: KnownFile) -> Result<Vec<Found>> {
    let (runtime, place) = (Handle::current(), file.place.clone());
    let reader = task::spawn_blocking(move || {
        let place = file.place.clone();
        let file = Ranged::new(file, runtime);
        let pace = file.pace();
        let mut archive = open(file)?;
        pace.trust();
        found(&mut archive, &place)
    });
    reader.await.unwrap_or_else(|fault| Err(failed(&place, ZipError::Io(io::Error::other(fault)))))
}

fn open(file: Ranged) -> Result<ZipArchive<Ranged>> {
    let (place, start) = (file.place().to_owned(), file.clone());
    let archive = ZipArchive::new(file).map_err(|fault| match is_array(start) {
        true => Fault::refused("one array", "create the table `STORED AS NPY`").of(&place),
        false => failed(&place, fault),
    })?;
    if archive.has_duplicate_names() {
        let (expected, found) = ("arrays of different names", "two of the same name");
        return Err(Fault::damaged(expected, found).of(&place));
    }
    match archive.len() {
        0 => Err(Error::Empty { location: place, expected: "arrays `*.npy`" }),
        1..=ARRAYS_MAX => Ok(archive),
        arrays => {
            let what = format!("{arrays} arrays, more than {ARRAYS_MAX}");
            Err(Fault::refused(what, "save fewer arrays in an archive").of(&place))
        }
    }
}

/// Whether a file is no archive, but an array.
fn is_array(mut file: Ranged) -> bool {
    let mut start = [0; MAGIC.len()];
    file.read_exact(&mut start).is_ok() && start == MAGIC
}

fn found(archive: &mut ZipArchive<Ranged>, place: &str) -> Result<Vec<Found>> {
    (0..archive.len())
        .map(|index| {
            let mut array = archive.by_index(index).map_err(|fault| failed(place, fault))?;
            let name = array.name().map_err(|fault| failed(place, fault))?.into_owned();
            let Some(stem) = name.strip_suffix(NPY).map(str::to_owned) else {
                let what = format!("`{}`, which is no `.npy` file", name.escape_debug());
                return Err(Fault::refused(what, "write the archive with `np.savez`").of(place));
            };
            let entry = Entry { index, name };
            let of_array = entry.place(place);
            let mut start = Vec::new();
            let read = array.by_ref().take(START_BYTES).read_to_end(&mut start);
            read.map_err(|fault| failed(&of_array, fault.into()))?;
            let header = Header::parse(&start, array.size()).map_err(|fault| fault.of(&of_array))?;
            Ok(Found { name: stem, entry, header })
        })
        .collect()
}

/// Streams rows of arrays of one archive.
pub(crate) fn batches(
    reading: Reading,
    file: KnownFile,
    rows: Range<u64>,
) -> BoxStream<'static, DFResult<RecordBatch>> {
    let (sender, receiver) = mpsc::channel(1);
    let file = Ranged::new(file, Handle::current()).counted(reading.bytes_scanned.clone());
    let reader = task::spawn_blocking(move || send_all(&reading, file, rows, &sender));
    stream::unfold(Some((receiver, reader)), next).boxed()
}

/// A stream's reader that may still have batches.
type Running = (Receiver<RecordBatch>, JoinHandle<DFResult<()>>);

async fn next(running: Option<Running>) -> Option<(DFResult<RecordBatch>, Option<Running>)> {
    let (mut receiver, reader) = running?;
    if let Some(batch) = receiver.recv().await {
        return Some((Ok(batch), Some((receiver, reader))));
    }
    // Only a reader that ended well has sent all rows.
    match reader.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some((Err(error), None)),
        Err(fault) => Some((Err(DataFusionError::External(Box::new(fault))), None)),
    }
}

/// Reads rows block by block, until the end or until nobody wants more.
fn send_all(reading: &Reading, file: Ranged, rows: Range<u64>, sender: &Sender<RecordBatch>) -> DFResult<()> {
    let pace = file.pace();
    let archive = open(file)?;
    pace.hurry();
    // An entry keeps its archive to itself; they share the directory.
    let mut archives: Vec<_> = reading.columns.iter().map(|_| archive.clone()).collect();
    let mut arrays = Vec::with_capacity(archives.len());
    for (column, archive) in reading.columns.iter().zip(&mut archives) {
        arrays.push(ArrayReader::open(column, archive, rows.start)?);
    }
    for block in blocks(rows, reading.block_rows()) {
        let read = arrays.iter_mut().map(|array| array.rows(&block));
        let columns = read.collect::<Result<Vec<_>>>()?;
        for batch in reading.batches(&columns, block)? {
            if sender.blocking_send(batch).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// An array that is being unpacked, or a column of row numbers.
struct ArrayReader<'a> {
    column: &'a Column,
    file: Option<ZipFile<'a, Ranged>>,
}

impl<'a> ArrayReader<'a> {
    /// Unpacks up to the first row.
    fn open(column: &'a Column, archive: &'a mut ZipArchive<Ranged>, first: u64) -> Result<Self> {
        let Some(entry) = column.entry.as_ref().filter(|_| column.is_stored()) else {
            return Ok(Self { column, file: None });
        };
        let mut file = archive.by_index(entry.index).map_err(|fault| failed(&column.place(), fault))?;
        let before = column.header.data_start + first * column.row_bytes();
        let skipped = io::copy(&mut file.by_ref().take(before), &mut io::sink());
        let array = Self { column, file: Some(file) };
        match skipped {
            Ok(skipped) if skipped == before => Ok(array),
            Ok(skipped) => Err(array.too_short(skipped)),
            Err(fault) => Err(failed(&column.place(), fault.into())),
        }
    }

    /// Unpacks the next rows.
    fn rows(&mut self, rows: &Range<u64>) -> Result<Bytes> {
        let Some(file) = &mut self.file else { return Ok(row_numbers(rows)) };
        let length = (rows.end - rows.start) * self.column.row_bytes();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = file.read_exact(&mut bytes).and_then(|()| match rows.end == self.column.header.rows {
            // Behind the last row the checksum is compared.
            true => file.read(&mut [0]),
            false => Ok(0),
        });
        match read {
            Ok(0) => Ok(bytes.into()),
            Ok(_) => Err(self.damaged("more")),
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.too_short(self.column.header.data_start + rows.start * self.column.row_bytes()))
            }
            Err(fault) => Err(failed(&self.column.place(), fault.into())),
        }
    }

    fn too_short(&self, found: u64) -> Error {
        self.damaged(&format!("an end after {found} or a few more"))
    }

    fn damaged(&self, found: &str) -> Error {
        let expected = format!("{} bytes", self.column.file_bytes());
        Fault::damaged(expected, found).of(&self.column.place())
    }
}

/// Says what a fault was about, unless it says so itself.
fn failed(place: &str, fault: ZipError) -> Error {
    let source = match fault {
        ZipError::Io(fault) => match fault.downcast::<Error>() {
            Ok(error) => return error,
            Err(fault) => ZipError::Io(fault),
        },
        fault => fault,
    };
    Error::Archive { file: place.to_owned(), source }
}

#[cfg(test)]
mod tests;
