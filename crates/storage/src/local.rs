// SPDX-License-Identifier: Apache-2.0

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::uploads::UnfinishedUpload;
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
/// that exists, and leaves nothing behind. The name is that of no other file.
pub(crate) fn check_writable(dir: &Path, name: &str) -> Result<()> {
    let nearest = dir.ancestors().find(|dir| dir.symlink_metadata().is_ok()).unwrap_or(dir);
    probe(nearest, name)
        .map_err(|source| Error::FolderNotWritable { folder: nearest.display().to_string(), source })
}

/// Proves that a folder exists and can be listed.
pub(crate) fn check_readable(dir: &Path) -> Result<()> {
    let listed = fs::read_dir(dir).map(drop);
    listed.map_err(|source| Error::FolderNotReadable { folder: dir.display().to_string(), source })
}

/// Lists the files named `<file>#<number>` in a folder and all folders in it, as the
/// uploads that they are left of. Links are not followed.
pub(crate) fn unfinished_uploads(folder: &Path) -> Result<Vec<UnfinishedUpload>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let unread = |source| Error::FolderNotReadable { folder: folder.display().to_string(), source };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(unread)?,
        };
        for entry in entries {
            let entry = entry.map_err(unread)?;
            let kind = entry.file_type().map_err(unread)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.extend(unfinished_upload(&entry.path()));
            }
        }
    }
    found.sort_by(|a, b| (&a.path, a.id()).cmp(&(&b.path, b.id())));
    Ok(found)
}

fn unfinished_upload(making: &Path) -> Option<UnfinishedUpload> {
    let (name, number) = making.file_name()?.to_str()?.rsplit_once('#')?;
    // As it was written, without a sign or zeros in front.
    let number = number.parse::<u64>().ok().filter(|parsed| *parsed > 0 && parsed.to_string() == number)?;
    if matches!(name, "" | "." | "..") || name.chars().any(char::is_control) {
        return None;
    }
    let path = object_store::path::Path::from_absolute_path(making.with_file_name(name)).ok()?;
    Some(UnfinishedUpload::new(path, number.to_string()))
}

fn probe(dir: &Path, name: &str) -> io::Result<()> {
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let path = dir.join(name);
    // What is there already is not ours to write to, and may be a link.
    let mut file = File::options().write(true).create_new(true).open(&path)?;
    let written = file.write_all(b"m2m");
    drop(file);
    let removed = fs::remove_file(&path);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_writes_to_nothing_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("link")).unwrap();
        let error = check_writable(dir.path(), "link").unwrap_err();
        assert!(matches!(error, Error::FolderNotWritable { .. }), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        check_writable(dir.path(), "free").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
