// SPDX-License-Identifier: Apache-2.0
//! A file of this machine that is written whole, or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What new files may be to others, before the user's mask.
const USUAL_MODE: u32 = 0o666;

/// Where a path leads.
pub(super) enum Target {
    /// A regular file, or none yet: the path behind all links.
    File(PathBuf),
    /// A device or a pipe, which is written to as it is.
    Other(PathBuf),
}

impl Target {
    /// Looks where a path leads, without opening anything.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Ok(Self::Other(path.to_owned())),
            Ok(_) => Ok(Self::File(fs::canonicalize(path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(path.to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// Makes sure that a file can be made there, as far as can be told before.
pub(crate) fn check_place(path: &Path) -> io::Result<()> {
    match Target::of(path)? {
        Target::Other(_) => Ok(()),
        Target::File(path) => InMaking::begin(path, "").map(drop),
    }
}

/// Writes a file whole, or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match Target::of(path)? {
        Target::Other(path) => fs::write(path, bytes),
        Target::File(path) => {
            let mut making = InMaking::begin(path, "")?;
            making.file().write_all(bytes)?;
            making.finish()
        }
    }
}

/// A file in the making, beside the one that it becomes.
pub(super) struct InMaking {
    file: NamedTempFile,
    path: PathBuf,
}

impl InMaking {
    /// Begins a file that becomes `path`; its name ends with `ending`.
    pub(super) fn begin(path: PathBuf, ending: &str) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let mut named = Builder::new();
        named.prefix(".m2m-").suffix(ending).permissions(Permissions::from_mode(USUAL_MODE));
        Ok(Self { file: named.tempfile_in(fs::canonicalize(folder)?)?, path })
    }

    /// The file to write to.
    pub(super) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// The path that it gets, for messages.
    pub(super) fn target(&self) -> String {
        self.path.display().to_string()
    }

    /// Its path for the time being.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the file its name. One that it replaces keeps its permissions.
    pub(super) fn finish(self) -> io::Result<()> {
        if let Ok(old) = fs::metadata(&self.path) {
            // By its path: the engine has put another file in its place.
            fs::set_permissions(self.file.path(), old.permissions())?;
        }
        self.file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn links_lead_to_their_files_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let real = fs::canonicalize(real).unwrap();
        assert!(matches!(Target::of(&link).unwrap(), Target::File(found) if found == real));
        assert!(matches!(Target::of(Path::new("/dev/null")).unwrap(), Target::Other(_)));
        assert!(matches!(Target::of(&folder.path().join("new")).unwrap(), Target::File(_)));
        assert!(Target::of(folder.path()).is_err());
        assert!(Target::of(&real.join("below")).is_err());
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_new_one_has_the_usual() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new, usual) =
            (folder.path().join("old"), folder.path().join("new"), folder.path().join("usual"));
        fs::write(&old, "old").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o600)).unwrap();
        fs::write(&usual, "").unwrap();
        for path in [&old, &new] {
            let making = InMaking::begin(path.clone(), ".csv").unwrap();
            // As the engine does, which writes a file of its own and renames it.
            let written = folder.path().join("written");
            fs::write(&written, "text").unwrap();
            fs::rename(&written, making.path()).unwrap();
            making.finish().unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), "text");
        }
        assert_eq!((mode(&old), mode(&new)), (0o600, mode(&usual)));
    }
}
