// SPDX-License-Identifier: Apache-2.0

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, MultipartId, PutPayload, PutResult, Result};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::one_by_one::Answer;

const STORE: &str = "LocalFileSystem";

/// Writes parts into local files in any order, as object stores take them.
///
/// A file in the making stands beside its place under a name like `id.npy#1`,
/// which is what the local store's own uploads are named, and takes its name
/// when it is complete. Nothing is kept between two calls but what is on disk.
#[derive(Debug)]
pub(crate) struct LocalParts {
    paths: LocalFileSystem,
    part_bytes: u64,
}

/// Where a file is made, and where it goes.
#[derive(Debug)]
pub(crate) struct Places {
    making: PathBuf,
    place: PathBuf,
}

impl Places {
    /// Lets a file of so many bytes take its name.
    pub(crate) fn complete(&self, expected: u64) -> Result<PutResult> {
        let found = self.making.metadata().map_err(failure)?.len();
        if found != expected {
            return Err(fault(format!("the parts have {expected} bytes, the file has {found}")));
        }
        keep_permissions(self).map_err(failure)?;
        fs::rename(&self.making, &self.place).map_err(failure)?;
        Ok(PutResult { e_tag: None, version: None })
    }

    /// Removes the file in the making, if it is there.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure(error)),
            _ => Ok(()),
        }
    }
}

impl LocalParts {
    /// Takes files whose parts, other than the last, have this length.
    pub(crate) fn new(part_bytes: u64) -> Self {
        Self { paths: LocalFileSystem::new(), part_bytes }
    }

    fn places(&self, path: &Path, id: &str) -> Result<Places> {
        let place = self.paths.path_to_filesystem(path)?;
        let mut making = place.clone().into_os_string();
        making.push("#");
        making.push(id);
        Ok(Places { making: making.into(), place })
    }

    /// Makes a file beside the place of a path.
    pub(crate) fn begin(&self, path: &Path) -> Result<(MultipartId, File, Places)> {
        for number in 1_u64.. {
            let id = number.to_string();
            let places = self.places(path, &id)?;
            if let Some(folder) = places.making.parent() {
                fs::create_dir_all(folder).map_err(failure)?;
            }
            match File::options().write(true).create_new(true).open(&places.making) {
                Ok(file) => return Ok((id, file, places)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure(error)),
            }
        }
        Err(failure(io::ErrorKind::AlreadyExists.into()))
    }
}

impl MultipartStore for LocalParts {
    fn create_multipart<'s, 'p, 'a>(&'s self, path: &'p Path) -> Answer<'a, MultipartId>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        // At once: whoever stops waiting half-way would not know the file's name.
        Box::pin(async move { self.begin(path).map(|(id, ..)| id) })
    }

    fn put_part<'s, 'p, 'i, 'a>(
        &'s self,
        path: &'p Path,
        id: &'i MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Answer<'a, PartId>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        let (part_bytes, places) = (self.part_bytes, self.places(path, id));
        // By this thread, in whose core's cache the bytes are.
        Box::pin(async move { write_part(places?.making, part_bytes, part_idx, &data) })
    }

    fn complete_multipart<'s, 'p, 'i, 'a>(
        &'s self,
        path: &'p Path,
        id: &'i MultipartId,
        parts: Vec<PartId>,
    ) -> Answer<'a, PutResult>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        let (part_bytes, places) = (self.part_bytes, self.places(path, id));
        Box::pin(blocking(move || places?.complete(whole_length(&parts, part_bytes)?)))
    }

    fn abort_multipart<'s, 'p, 'i, 'a>(&'s self, path: &'p Path, id: &'i MultipartId) -> Answer<'a, ()>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        let places = self.places(path, id);
        Box::pin(blocking(move || places?.remove()))
    }
}

/// Runs work that waits for a disk where it holds up nobody; outside a runtime, here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match Handle::try_current() {
        Ok(_) => spawn_blocking(work).await?,
        Err(_) => work(),
    }
}

/// Writes a whole file, which takes its name when it stands on the disk.
pub(crate) async fn write_whole(path: &Path, bytes: Bytes) -> Result<()> {
    let parts = LocalParts::new(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let (_, file, places) = parts.begin(path)?;
    blocking(move || {
        let written = fill(file, &places, &bytes);
        if written.is_err() {
            // What is wrong with the file matters more than that a half of it stays.
            drop(fs::remove_file(&places.making));
        }
        written.map_err(failure)
    })
    .await
}

fn fill(mut file: File, places: &Places, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    keep_permissions(places)?;
    fs::rename(&places.making, &places.place)?;
    // The name stands in the folder, which not every file system lets be written out.
    let written_out = places.place.parent().map(|folder| File::open(folder)?.sync_all());
    if let Some(Err(error)) = written_out {
        tracing::debug!(place = %places.place.display(), %error, "folder not written out");
    }
    Ok(())
}

/// A file that is replaced keeps its permissions.
fn keep_permissions(places: &Places) -> io::Result<()> {
    match fs::metadata(&places.place) {
        Ok(old) => fs::set_permissions(&places.making, old.permissions()),
        Err(_) => Ok(()),
    }
}

fn write_part(making: PathBuf, part_bytes: u64, part: usize, data: &PutPayload) -> Result<PartId> {
    let bytes = u64::try_from(data.content_length()).unwrap_or(u64::MAX);
    let start = u64::try_from(part).ok().and_then(|part| part.checked_mul(part_bytes));
    let Some(start) = start.filter(|_| bytes <= part_bytes) else {
        return Err(fault(format!("part {part} has {bytes} bytes, more than {part_bytes}")));
    };
    let write = || {
        // Not made anew: an upload that was given up stays away.
        let mut file = File::options().write(true).open(making)?;
        file.seek(SeekFrom::Start(start))?;
        data.iter().try_for_each(|piece| file.write_all(piece))
    };
    write().map_err(failure)?;
    Ok(PartId { content_id: bytes.to_string() })
}

/// Adds up the parts, of which all but the last must be whole.
fn whole_length(parts: &[PartId], part_bytes: u64) -> Result<u64> {
    let mut whole: u64 = 0;
    for (at, part) in parts.iter().enumerate() {
        let bytes = part.content_id.parse::<u64>().ok();
        let is_last = at + 1 == parts.len();
        match bytes.filter(|&bytes| bytes == part_bytes || (is_last && bytes <= part_bytes)) {
            Some(bytes) => whole = whole.saturating_add(bytes),
            None => {
                return Err(fault(format!("part {at} has {} bytes, not {part_bytes}", part.content_id)));
            }
        }
    }
    Ok(whole)
}

pub(crate) fn fault(reason: String) -> Error {
    failure(io::Error::other(reason))
}

pub(crate) fn failure(source: io::Error) -> Error {
    Error::Generic { store: STORE, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &'static str) -> PutPayload {
        PutPayload::from_static(text.as_bytes())
    }

    fn file(folder: &tempfile::TempDir, name: &str) -> (PathBuf, Path) {
        let file = folder.path().join(name);
        let path = Path::from_absolute_path(&file).unwrap();
        (file, path)
    }

    fn files(folder: &std::path::Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn parts_stand_in_order_however_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let (place, path) = file(&folder, "new/er/a b%20*.npy");
        let store = LocalParts::new(4);
        let id = store.create_multipart(&path).await.unwrap();
        let third = store.put_part(&path, &id, 2, payload("ij")).await.unwrap();
        let second = store.put_part(&path, &id, 1, payload("efgh")).await.unwrap();
        assert!(!place.exists());
        let first = store.put_part(&path, &id, 0, payload("abcd")).await.unwrap();
        store.complete_multipart(&path, &id, vec![first, second, third]).await.unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "abcdefghij");
        assert_eq!(files(place.parent().unwrap()), ["a b%20*.npy"]);
    }

    #[tokio::test]
    async fn file_that_lacks_a_part_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (place, path) = file(&folder, "a.npy");
        let store = LocalParts::new(4);
        let id = store.create_multipart(&path).await.unwrap();
        let first = store.put_part(&path, &id, 0, payload("abc")).await.unwrap();
        let second = store.put_part(&path, &id, 1, payload("efgh")).await.unwrap();
        assert!(store.put_part(&path, &id, 2, payload("abcde")).await.is_err(), "a part too long");
        // One is short, one is missing.
        assert!(store.complete_multipart(&path, &id, vec![first, second.clone()]).await.is_err());
        assert!(store.complete_multipart(&path, &id, vec![second]).await.is_err());
        assert!(!place.exists());
    }

    #[tokio::test]
    async fn upload_that_is_given_up_leaves_the_old_file_and_takes_no_more_parts() {
        let folder = tempfile::tempdir().unwrap();
        let (place, path) = file(&folder, "a.npy");
        fs::write(&place, "old").unwrap();
        let store = LocalParts::new(4);
        let (one, two) =
            (store.create_multipart(&path).await.unwrap(), store.create_multipart(&path).await.unwrap());
        assert_ne!(one, two);
        store.put_part(&path, &one, 0, payload("abcd")).await.unwrap();
        store.abort_multipart(&path, &one).await.unwrap();
        store.abort_multipart(&path, &one).await.unwrap();
        store.abort_multipart(&path, &two).await.unwrap();
        assert!(store.put_part(&path, &one, 1, payload("e")).await.is_err());
        assert_eq!(files(folder.path()), ["a.npy"]);
        assert_eq!(fs::read_to_string(&place).unwrap(), "old");
    }

    #[test]
    fn upload_is_given_up_outside_a_runtime_too() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = file(&folder, "a.npy");
        let store = LocalParts::new(4);
        let id = futures::executor::block_on(store.create_multipart(&path)).unwrap();
        futures::executor::block_on(store.abort_multipart(&path, &id)).unwrap();
        assert!(files(folder.path()).is_empty());
    }
}
