// SPDX-License-Identifier: Apache-2.0
//! Reads parts of a file that must not change meanwhile.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{Error, Result};

/// A file as it was when the query was planned.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) meta: ObjectMeta,
    /// What it is called in messages.
    pub(crate) place: String,
}

impl KnownFile {
    /// Reads a range that is inside of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] when it is another file than it was.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let answer = match self.store.get_opts(&self.meta.location, options).await {
            Ok(answer) => answer,
            Err(source) => return Err(self.failed(source).await),
        };
        if !is_same(&self.meta, &answer.meta) {
            return Err(self.changed(answer.meta.size));
        }
        let bytes = match answer.bytes().await {
            Ok(bytes) => bytes,
            Err(source) => return Err(self.failed(source).await),
        };
        match bytes.len() as u64 {
            length if length == range.end - range.start => Ok(bytes),
            length => Err(self.changed(range.start + length)),
        }
    }

    /// Says why a range cannot be read: it may no longer be there.
    async fn failed(&self, source: object_store::Error) -> Error {
        match self.store.head(&self.meta.location).await {
            Ok(meta) if !is_same(&self.meta, &meta) => self.changed(meta.size),
            _ => Error::Read { file: self.place.clone(), source },
        }
    }

    fn changed(&self, found: u64) -> Error {
        Error::Changed { file: self.place.clone(), expected: self.meta.size, found }
    }
}

/// Whether a file still has the content that it had.
fn is_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let is_tag_same = match (&one.e_tag, &other.e_tag) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    one.size == other.size && is_tag_same
}
