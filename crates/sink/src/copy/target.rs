// SPDX-License-Identifier: Apache-2.0

use std::path::{Path as FsPath, PathBuf};

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::{FileOutputMode, FileSinkConfig};
use m2m_storage::Storage;
use object_store::path::Path;
use url::Url;

use super::column::CopyColumn;
use super::names;
use crate::{Error, OutputStorages, Result};

/// Where the files of a `COPY` go. Values only, as everything in a plan.
#[derive(Clone, Debug)]
pub(super) struct Target {
    place: Place,
    /// As the statement has it.
    written: String,
    is_single: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Local(PathBuf),
    /// The bucket's URL, and a path in it.
    Bucket(Url, Path),
}

/// An opened target: the storage, and the path of each column's file.
pub(super) struct Places {
    pub(super) storage: Storage,
    pub(super) paths: Vec<Path>,
}

impl Target {
    /// Reads what stands behind `TO`.
    pub(super) fn of_config(config: &FileSinkConfig) -> Result<Self> {
        let written = config.original_url.clone();
        // A path is taken as it is written: its URL would have lost `*`, `?` and `[`.
        let is_url = |url: &&ListingTableUrl| url.scheme() != "file" || written.starts_with("file:");
        let place = match config.table_paths.first().filter(is_url) {
            Some(url) => of_url(url, &written)?,
            None => Place::Local(PathBuf::from(&written)),
        };
        let is_single = match config.file_output_mode {
            FileOutputMode::SingleFile => true,
            FileOutputMode::Directory => false,
            FileOutputMode::Automatic => {
                let is_folder = written.ends_with('/')
                    || matches!(&place, Place::Local(path) if path.is_dir())
                    || matches!(&place, Place::Bucket(_, path) if path.is_root());
                !is_folder && FsPath::new(&written).extension().is_some()
            }
        };
        Ok(Self { place, written, is_single })
    }

    /// Checks that every column gets a file of its own.
    pub(super) fn check(&self, columns: &[CopyColumn]) -> Result<()> {
        if !self.is_single {
            return names::check(columns.iter().map(|column| column.name.as_str()));
        }
        if columns.len() == 1 {
            return Ok(());
        }
        Err(Error::CopySingleFile { location: self.written.clone(), columns: columns.len() })
    }

    /// Finds the storage and names the files, without asking a server.
    pub(super) fn open(&self, storages: Option<&OutputStorages>, columns: &[CopyColumn]) -> Result<Places> {
        let names = columns.iter().map(|column| names::of_file(&column.name));
        match &self.place {
            Place::Local(path) if self.is_single => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let storage = Storage::local(folder.unwrap_or(FsPath::new(".")))?;
                let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| self.unusable())?;
                Ok(Places { paths: vec![storage.child(name)], storage })
            }
            Place::Local(path) => {
                let storage = Storage::local(path)?;
                Ok(Places { paths: names.map(|name| storage.child(&name)).collect(), storage })
            }
            Place::Bucket(url, path) => {
                let location = || self.written.clone();
                let storages = storages.ok_or_else(|| Error::NoOutputStorages { location: location() })?;
                let storage = storages.open(url)?;
                if self.is_single {
                    return Ok(Places { storage, paths: vec![path.clone()] });
                }
                let child = |name: String| {
                    let child = Path::parse(&name).unwrap_or_else(|_| Path::from(name));
                    path.parts().chain(child.parts()).collect()
                };
                Ok(Places { paths: names.map(child).collect(), storage })
            }
        }
    }

    /// The place as EXPLAIN shows it.
    pub(super) fn shown(&self) -> &str {
        &self.written
    }

    pub(super) fn is_single(&self) -> bool {
        self.is_single
    }

    fn unusable(&self) -> Error {
        let reason = format!("`{}` names no file", self.written);
        Error::CopyUnsupported { reason }
    }
}

fn of_url(url: &ListingTableUrl, written: &str) -> Result<Place> {
    let parsed = url.get_url();
    if parsed.query().is_some() || parsed.fragment().is_some() {
        let reason =
            format!("`{written}` has a `?` or a `#`; write `%3F` or `%23` if they belong to the name");
        return Err(Error::CopyUnsupported { reason });
    }
    if parsed.scheme() == "file" {
        let path = parsed.to_file_path().map_err(|()| Error::CopyUnsupported {
            reason: format!("`{written}` is no `file:///` and an absolute path"),
        })?;
        return Ok(Place::Local(path));
    }
    let bucket = url.object_store();
    let bucket: &Url = bucket.as_ref();
    Ok(Place::Bucket(bucket.clone(), url.prefix().clone()))
}
