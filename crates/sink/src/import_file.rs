// SPDX-License-Identifier: Apache-2.0

mod footer;
mod parquet;
#[cfg(test)]
mod tests;

use m2m_storage::Storage;

use crate::manifest::FileEntry;
use crate::{Error, Result, npy};

/// Compares an import file with the manifest's entry before it is given to Milvus:
/// its length, its rows, and for NumPy its type.
///
/// A NumPy file is asked for its header, a Parquet file for its footer. Rows are
/// not read.
///
/// # Errors
///
/// [`Error::Read`] when the file cannot be read, [`Error::NotAnImportFile`] when it
/// is neither format or differs from the entry.
pub async fn check_import_file(storage: &Storage, entry: &FileEntry) -> Result<()> {
    match entry.path.rsplit_once('.') {
        Some((_, "npy")) => npy::check_file(storage, entry).await,
        Some((_, "parquet")) => parquet::check_file(storage, entry).await,
        _ => Err(Error::NotAnImportFile {
            location: storage.display(&storage.child(&entry.path)),
            expected: "a name that ends with `.npy` or `.parquet`".to_owned(),
            found: format!("`{}`", entry.path),
        }),
    }
}
