// SPDX-License-Identifier: Apache-2.0

use std::path::{Component, Path, PathBuf};
use std::{env, fs, io, process};

use crate::{Error, Result};

/// Returns the absolute form of a folder that need not exist.
///
/// A `..` is resolved by the file system, because what lies above a symbolic
/// link is not what stands to its left; everything up to the last `..` must
/// therefore exist.
pub(crate) fn absolute(dir: &Path) -> Result<PathBuf> {
    let invalid = |reason: String| Error::InvalidLocation { location: dir.display().to_string(), reason };
    if dir.as_os_str().is_empty() {
        return Err(invalid("expected a folder, found an empty path".to_owned()));
    }
    let here = env::current_dir().map_err(|e| invalid(format!("the working directory is unknown: {e}")))?;
    let mut resolved = PathBuf::new();
    for component in here.join(dir).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                let real = fs::canonicalize(&resolved).map_err(|e| {
                    invalid(format!("`{}` before `..` cannot be resolved: {e}", resolved.display()))
                })?;
                resolved = real.parent().unwrap_or(&real).to_path_buf();
            }
            other => resolved.push(other),
        }
    }
    Ok(resolved)
}

/// Proves that files can be made in a folder, or in the nearest folder above it
/// that exists, and leaves nothing behind.
pub(crate) fn check_writable(dir: &Path) -> Result<()> {
    let nearest = dir.ancestors().find(|dir| dir.symlink_metadata().is_ok()).unwrap_or(dir);
    probe(nearest)
        .map_err(|source| Error::FolderNotWritable { folder: nearest.display().to_string(), source })
}

/// Proves that a folder exists and can be listed.
pub(crate) fn check_readable(dir: &Path) -> Result<()> {
    let listed = fs::read_dir(dir).map(drop);
    listed.map_err(|source| Error::FolderNotReadable { folder: dir.display().to_string(), source })
}

fn probe(dir: &Path) -> io::Result<()> {
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let file = dir.join(format!(".m2m-check-{}", process::id()));
    fs::write(&file, b"m2m")?;
    fs::remove_file(&file)
}
