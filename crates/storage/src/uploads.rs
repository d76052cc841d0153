// SPDX-License-Identifier: Apache-2.0

use object_store::MultipartId;
use object_store::path::Path;

/// An upload that was begun and became no file: what a process leaves that is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnfinishedUpload {
    /// The file that it would have become.
    pub path: Path,
    id: MultipartId,
}

impl UnfinishedUpload {
    pub(crate) fn new(path: Path, id: MultipartId) -> Self {
        Self { path, id }
    }

    /// Returns what tells it from other uploads of the same file.
    pub fn id(&self) -> &str {
        &self.id
    }
}
