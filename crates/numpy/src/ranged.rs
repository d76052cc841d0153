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

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    /// A little here and there.
    Headers,
    /// One byte after the other.
    Rows,
}

impl Window {
    fn bytes(self) -> u64 {
        match self {
            Self::Headers => 64 << 10,
            Self::Rows => 2 << 20,
        }
    }
}

/// Reads a file window by window. It blocks, so it belongs into a thread that may.
#[derive(Clone, Debug)]
pub(crate) struct Ranged {
    file: Arc<KnownFile>,
    runtime: Handle,
    window: Window,
    position: u64,
    /// The window that was read last, and where it starts.
    read: (u64, Bytes),
    budget: Budget,
    bytes_scanned: Option<Count>,
}

/// Bytes that may still be read, by all readers of a file together.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<AtomicU64>);

impl Budget {
    /// Lets everything be read.
    pub(crate) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    fn take(&self, bytes: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
        left >= bytes
    }
}

impl Ranged {
    pub(crate) fn new(file: KnownFile, runtime: Handle, window: Window) -> Self {
        Self {
            file: Arc::new(file),
            runtime,
            window,
            position: 0,
            read: (0, Bytes::new()),
            budget: Budget(Arc::new(AtomicU64::new(DIRECTORY_BYTES))),
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

    /// What limits the reading until it is lifted.
    pub(crate) fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// What was read from the position on; nothing if that has to be read first.
    fn ready(&self) -> &[u8] {
        let (start, bytes) = &self.read;
        let offset = self.position.checked_sub(*start).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| bytes.get(offset..)).unwrap_or_default()
    }

    fn read_window(&mut self) -> io::Result<()> {
        let window = self.window.bytes();
        let start = self.position - self.position % window;
        let end = start.saturating_add(window).min(self.file.meta.size);
        if !self.budget.take(end - start) {
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
