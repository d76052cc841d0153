// SPDX-License-Identifier: Apache-2.0
//! A file of an object store as something to read and to seek in.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use tokio::runtime::Handle;

use crate::error::Fault;
use crate::read::KnownFile;

/// Bytes that may be read to find out what is in an archive.
const DIRECTORY_BYTES: u64 = 16 << 20;
/// Bytes that are read at once where a little is read here and there.
const SMALL_WINDOW: u64 = 64 << 10;
/// Bytes that are read at once where one byte is read after the other.
const LARGE_WINDOW: u64 = 2 << 20;

/// Reads a file window by window. It blocks, so it belongs into a thread that may.
#[derive(Clone, Debug)]
pub(crate) struct Ranged {
    file: Arc<KnownFile>,
    runtime: Handle,
    pace: Arc<Pace>,
    position: u64,
    /// The window that was read last, and where it starts.
    read: (u64, Bytes),
    bytes_scanned: Option<Count>,
}

/// How much the readers of a file read, all of its clones together.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes that are read at once.
    window: AtomicU64,
    /// Bytes that may still be read.
    left: AtomicU64,
}

impl Pace {
    /// Lets all be read that the directory names.
    pub(crate) fn trust(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Lets all be read, and much at once.
    pub(crate) fn hurry(&self) {
        self.window.store(LARGE_WINDOW, Ordering::Relaxed);
        self.trust();
    }

    fn may_read(&self, bytes: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.left.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
        left >= bytes
    }
}

impl Ranged {
    pub(crate) fn new(file: KnownFile, runtime: Handle) -> Self {
        Self {
            file: Arc::new(file),
            runtime,
            pace: Arc::new(Pace {
                window: AtomicU64::new(SMALL_WINDOW),
                left: AtomicU64::new(DIRECTORY_BYTES),
            }),
            position: 0,
            read: (0, Bytes::new()),
            bytes_scanned: None,
        }
    }

    /// Counts the bytes that are read.
    pub(crate) fn counted(self, bytes_scanned: Count) -> Self {
        Self { bytes_scanned: Some(bytes_scanned), ..self }
    }

    pub(crate) fn place(&self) -> &str {
        &self.file.place
    }

    /// What decides how much is read.
    pub(crate) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// What was read from the position on; nothing if that has to be read first.
    fn ready(&self) -> &[u8] {
        let (start, bytes) = &self.read;
        let offset = self.position.checked_sub(*start).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| bytes.get(offset..)).unwrap_or_default()
    }

    fn read_window(&mut self) -> io::Result<()> {
        let window = self.pace.window.load(Ordering::Relaxed);
        let start = self.position - self.position % window;
        let end = start.saturating_add(window).min(self.file.meta.size);
        if !self.pace.may_read(end - start) {
            let expected = format!("a directory that is found in {} MiB", DIRECTORY_BYTES >> 20);
            let fault = Fault::damaged(expected, "none, or a larger one");
            return Err(io::Error::other(fault.of(self.place())));
        }
        let bytes = self.runtime.block_on(self.file.read(start..end)).map_err(io::Error::other)?;
        if let Some(bytes_scanned) = &self.bytes_scanned {
            bytes_scanned.add(bytes.len());
        }
        self.read = (start, bytes);
        Ok(())
    }
}

impl Read for Ranged {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.file.meta.size || into.is_empty() {
            return Ok(0);
        }
        if self.ready().is_empty() {
            self.read_window()?;
        }
        let read = self.ready().read(into)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Ranged {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.file.meta.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
