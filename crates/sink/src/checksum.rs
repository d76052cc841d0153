// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::manifest::FileEntry;
use crate::{Error, Result};

/// Bytes of a file that are asked for at once, so that each answer is soon complete.
const BLOCK_BYTES: u64 = 8 << 20;
/// Blocks that are on their way at once.
const BLOCKS: usize = 2;

/// Which checksums written files get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// CRC-32C, which finds damage and costs next to nothing.
    #[default]
    Crc32c,
    /// SHA-256 beside it, which finds also what somebody changed on purpose.
    Sha256,
}

impl Checksum {
    /// Returns the checksum's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "crc32c",
            Self::Sha256 => "sha256",
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Length and checksums of a file, as far as its bytes have come.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) bytes: u64,
    pub(crate) crc32c: u32,
    sha256: Option<Sha256>,
}

impl Sums {
    pub(crate) fn new(checksum: Checksum) -> Self {
        let sha256 = match checksum {
            Checksum::Crc32c => None,
            Checksum::Sha256 => Some(Sha256::new()),
        };
        Self { bytes: 0, crc32c: 0, sha256 }
    }

    /// Takes the bytes that follow.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// Returns the CRC-32C of a file with these bytes behind a header.
    pub(crate) fn crc32c_behind(&self, header: &[u8]) -> u32 {
        let len = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        crc32c::crc32c_combine(crc32c::crc32c(header), self.crc32c, len)
    }

    /// Returns the SHA-256 in hexadecimal digits, if it was asked for.
    pub(crate) fn sha256(&self) -> Option<String> {
        let digest = self.sha256.clone()?.finalize();
        let hex = digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing into a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Some(hex)
    }

    /// Reads all of a file, a few blocks at a time.
    pub(crate) async fn of_file(
        store: &Arc<dyn ObjectStore>,
        path: &Path,
        checksum: Checksum,
    ) -> object_store::Result<Self> {
        let bytes = store.head(path).await?.size;
        let starts = (0..bytes.div_ceil(BLOCK_BYTES)).map(|block| block.saturating_mul(BLOCK_BYTES));
        let ranges = starts.map(|start| start..start.saturating_add(BLOCK_BYTES).min(bytes));
        let blocks = futures::stream::iter(ranges).map(|range: Range<u64>| {
            let (store, path) = (Arc::clone(store), path.clone());
            async move { store.get_range(&path, range).await }
        });
        let whole = Self::new(checksum);
        blocks
            .buffered(BLOCKS)
            .try_fold(whole, |mut sums, block| {
                sums.add(&block);
                std::future::ready(Ok(sums))
            })
            .await
    }

    /// Compares what a file has with what it should have.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] for the first difference.
    pub(crate) fn check(&self, location: &str, expected: &Expected<'_>) -> Result<()> {
        let damaged =
            |expected, found| Err(Error::Damaged { location: location.to_owned(), expected, found });
        if self.bytes != expected.bytes {
            return damaged(format!("{} bytes", expected.bytes), format!("{} bytes", self.bytes));
        }
        if self.crc32c != expected.crc32c {
            let shown = |crc32c: u32| format!("CRC-32C {crc32c:08x}");
            return damaged(shown(expected.crc32c), shown(self.crc32c));
        }
        match (expected.sha256, self.sha256()) {
            (Some(expected), Some(found)) if !expected.eq_ignore_ascii_case(&found) => {
                damaged(format!("SHA-256 {expected}"), format!("SHA-256 {found}"))
            }
            _ => Ok(()),
        }
    }
}

/// What a file should have.
pub(crate) struct Expected<'a> {
    pub(crate) bytes: u64,
    pub(crate) crc32c: u32,
    pub(crate) sha256: Option<&'a str>,
}

/// Reads a file and compares its length, its CRC-32C, and its SHA-256 where the
/// manifest has one, with the manifest's entry.
///
/// At most 16 MiB of the file are in memory.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read, [`Error::Damaged`] when it is not
/// what was written.
pub async fn check_checksums(storage: &Storage, file: &FileEntry) -> Result<()> {
    let path = storage.child(&file.path);
    let location = storage.display(&path);
    let expected = Expected { bytes: file.bytes, crc32c: file.crc32c, sha256: file.sha256.as_deref() };
    let checksum = if file.sha256.is_some() { Checksum::Sha256 } else { Checksum::Crc32c };
    let unread =
        |source: object_store::Error| Error::Read { location: location.clone(), source: source.into() };
    // A file of another length need not be read to the end.
    let bytes = storage.store().head(&path).await.map_err(unread)?.size;
    if bytes != file.bytes {
        return Sums { bytes, ..Sums::new(Checksum::Crc32c) }.check(&location, &expected);
    }
    Sums::of_file(storage.store(), &path, checksum).await.map_err(unread)?.check(&location, &expected)
}

#[cfg(test)]
mod tests;
