// SPDX-License-Identifier: Apache-2.0

//! The record of what a dump wrote.
//!
//! `manifest.json` stands in the root of a dump and is written last: files
//! without it are not a dump. Until then `unfinished.json` has the same shape and
//! names the file sets that are complete, so that a dump that was stopped goes on
//! where it was. Paths are relative to the root.
//!
//! ```text
//! {"version": 2, "id": "0c9f6f2e…", "m2m": "0.1.0", "created_on": "2026-11-21T05:11:55Z",
//!  "source": {"meta": "/old/db/meta.sqlite", "tables": ["/old/db/tables"]},
//!  "collections": [{
//!    "name": "colours", "target_name": "colours", "filter": "id % 2 = 0",
//!    "choices": {"format": "npy"}, "fingerprint": "5b1e906a…", "metric": "L2", "engine": "FLAT", "index_params": "{}",
//!    "fields": [{"name": "id", "type": "Int64", "primary": true},
//!               {"name": "vector", "type": "FloatVector", "dimension": 128}],
//!    "rows": 1000, "left_out": {"invalid": 0, "repeated": 2},
//!    "partitions": [{
//!      "tag": "dark red", "name": "dark_red_5f1d", "rows": 1000,
//!      "sets": [{
//!        "name": "colours/dark_red_5f1d/1606", "rows": 1000, "segments": ["1606", "1607"], "segment_offset": 0,
//!        "files": [{"path": "colours/dark_red_5f1d/1606/id.npy", "field": "id", "rows": 1000,
//!                   "bytes": 8128, "crc32c": 3735928559, "dtype": "<i8"}]}]}]}]}
//! ```

mod paths;

use std::collections::BTreeMap;
use std::time::SystemTime;

use m2m_storage::Storage;
use serde::{Deserialize, Serialize};

use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// Name of the manifest in the root of a dump.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the manifest in the making, in the same place.
pub const UNFINISHED_FILE: &str = "unfinished.json";
/// The version that this crate writes and reads.
pub const VERSION: u32 = 2;

const DAY_SECONDS: u64 = 86_400;

/// What a dump wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest's shape, [`VERSION`].
    pub version: u32,
    /// What tells this dump from every other.
    pub id: String,
    /// Version of m2m that wrote it.
    pub m2m: String,
    /// When it was begun, UTC, as RFC 3339.
    pub created_on: String,
    /// What was dumped.
    pub source: SourceEntry,
    /// The collections, by name.
    pub collections: Vec<CollectionEntry>,
}

/// Where the rows came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// The metadata file.
    pub meta: String,
    /// The folders of segments.
    pub tables: Vec<String>,
}

/// A collection in a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionEntry {
    /// Name in Milvus 1.x, or the name that was given to a query.
    pub name: String,
    /// Name in Milvus 2.x.
    pub target_name: String,
    /// The condition that its rows meet, when not all of a collection was dumped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The query whose rows these are, when they are not those of a collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What else was chosen that decides over its rows and files, as the configuration names it.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// Tells whether the segments that its rows come from are still the same.
    #[serde(default)]
    pub fingerprint: String,
    /// Metric in Milvus 1.x, such as `L2`.
    pub metric: String,
    /// Whether `IP` is to become `COSINE`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cosine: bool,
    /// Index type in Milvus 1.x, such as `IVF_FLAT`.
    pub engine: String,
    /// Parameters of the index in Milvus 1.x, JSON.
    pub index_params: String,
    /// The fields in Milvus 2.x, the primary key first.
    pub fields: Vec<FieldEntry>,
    /// Rows written.
    pub rows: u64,
    /// Live rows that were left out on purpose.
    #[serde(default)]
    pub left_out: LeftOutEntry,
    /// The file with the rows whose vectors are invalid, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// The partitions, those without rows too.
    pub partitions: Vec<PartitionEntry>,
}

/// A field of a collection in Milvus 2.x.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldEntry {
    /// Its name.
    pub name: String,
    /// Its type as Milvus calls it, such as `Int64`, `VarChar` or `FloatVector`.
    #[serde(rename = "type")]
    pub field_type: String,
    /// Whether it is the primary key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
    /// Whether its values decide over partitions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partition_key: bool,
    /// Whether it can be NULL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// The longest text of a `VarChar`, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Components, or bits, of a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
}

/// Live rows that a dump left out on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutEntry {
    /// Rows whose vectors have NaN or infinity; they are in the quarantine file.
    pub invalid: u64,
    /// Rows that repeat the id of another.
    pub repeated: u64,
}

/// A partition in a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionEntry {
    /// Tag in Milvus 1.x; empty where a partition key decides.
    pub tag: String,
    /// Name in Milvus 2.x; empty where a partition key decides.
    pub name: String,
    /// Rows written.
    pub rows: u64,
    /// Whether file sets are still to come; never in a complete dump.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// The file sets, in the order of their segments.
    pub sets: Vec<SetEntry>,
}

/// A file set in a dump: the files of one import job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetEntry {
    /// Folder of the files.
    pub name: String,
    /// Rows of each file.
    pub rows: u64,
    /// The segments that the rows came from; empty for those of a query.
    pub segments: Vec<String>,
    /// Where the first row stands in the first of them; none where files end when they are full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_offset: Option<i64>,
    /// One file for each field, or one for all of them.
    pub files: Vec<FileEntry>,
}

/// An import file in a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The file.
    pub path: String,
    /// The field in Milvus 2.x; empty for a file with all of them.
    pub field: String,
    /// Rows.
    pub rows: u64,
    /// Length of the file.
    pub bytes: u64,
    /// CRC-32C (Castagnoli) of the whole file.
    pub crc32c: u32,
    /// SHA-256 of the whole file in hexadecimal digits, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Element type in NumPy's notation; `parquet` for a file with all fields.
    pub dtype: String,
}

impl From<WrittenFile> for FileEntry {
    fn from(file: WrittenFile) -> Self {
        let WrittenFile { path, field, rows, bytes, crc32c, sha256, dtype, .. } = file;
        Self { path, field, rows, bytes, crc32c, sha256, dtype }
    }
}

impl CollectionEntry {
    /// The primary key, if there is one.
    pub fn id_field(&self) -> Option<&FieldEntry> {
        self.fields.iter().find(|field| field.primary)
    }

    /// The vector field, if there is one.
    pub fn vector_field(&self) -> Option<&FieldEntry> {
        self.fields.iter().find(|field| field.dimension.is_some())
    }
}

impl Manifest {
    /// Returns the manifest of a dump that begins just now.
    pub fn new(id: String, source: SourceEntry, collections: Vec<CollectionEntry>) -> Self {
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs());
        Self {
            version: VERSION,
            id,
            m2m: env!("CARGO_PKG_VERSION").to_owned(),
            created_on: rfc_3339(seconds),
            source,
            collections,
        }
    }

    /// Returns the files of all collections.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let partitions = self.collections.iter().flat_map(|collection| &collection.partitions);
        partitions.flat_map(|partition| &partition.sets).flat_map(|set| &set.files)
    }

    /// Writes the manifest into the root of a dump, whole or not at all: from now
    /// on the dump is complete.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestRows`] when its numbers contradict each other,
    /// [`Error::ManifestPath`] when a file would not lie below it,
    /// [`Error::ManifestUnfinished`] when file sets are still to come,
    /// [`Error::Storage`] when it cannot be written.
    pub async fn write(&self, dump: &Storage) -> Result<()> {
        self.write_as(dump, MANIFEST_FILE).await
    }

    /// Writes what is complete so far, whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`Manifest::write`] but [`Error::ManifestUnfinished`].
    pub async fn write_unfinished(&self, dump: &Storage) -> Result<()> {
        self.write_as(dump, UNFINISHED_FILE).await
    }

    /// Reads the manifest in the root of a dump.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] when there is none or it cannot be read,
    /// [`Error::Manifest`] when it cannot be decoded, [`Error::ManifestVersion`]
    /// when it is of another version, [`Error::ManifestRows`] when its numbers
    /// contradict each other, [`Error::ManifestPath`] when it names files that do
    /// not lie below it, [`Error::ManifestUnfinished`] when it says that
    /// file sets are still to come.
    pub async fn read(dump: &Storage) -> Result<Self> {
        Self::read_as(dump, MANIFEST_FILE).await
    }

    /// Reads what a dump that was stopped had completed.
    ///
    /// # Errors
    ///
    /// Those of [`Manifest::read`] but [`Error::ManifestUnfinished`].
    pub async fn read_unfinished(dump: &Storage) -> Result<Self> {
        Self::read_as(dump, UNFINISHED_FILE).await
    }

    async fn write_as(&self, dump: &Storage, name: &str) -> Result<()> {
        let path = dump.child(name);
        let location = dump.display(&path);
        self.check(&location, name == UNFINISHED_FILE)?;
        let encoded = serde_json::to_vec_pretty(self);
        let mut json = encoded.map_err(|source| Error::EncodeManifest { location, source })?;
        json.push(b'\n');
        Ok(dump.put_atomic(&path, json.into()).await?)
    }

    async fn read_as(dump: &Storage, name: &str) -> Result<Self> {
        let path = dump.child(name);
        let json = dump.get(&path).await?;
        Self::decode(&json, &dump.display(&path), name == UNFINISHED_FILE)
    }

    fn decode(json: &[u8], location: &str, may_be_unfinished: bool) -> Result<Self> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let fault = |source| Error::Manifest { location: location.to_owned(), source };
        let Versioned { version: found } = serde_json::from_slice(json).map_err(fault)?;
        if found != u64::from(VERSION) {
            let location = location.to_owned();
            return Err(Error::ManifestVersion { location, expected: VERSION, found });
        }
        let manifest: Self = serde_json::from_slice(json).map_err(fault)?;
        manifest.check(location, may_be_unfinished)?;
        Ok(manifest)
    }

    /// Every path leads to a place below the manifest. Every number of rows is the sum of its
    /// parts; files repeat their set's.
    fn check(&self, location: &str, may_be_unfinished: bool) -> Result<()> {
        paths::check(self, location)?;
        let equal = |subject: String, found: u64, parts: &mut dyn Iterator<Item = u64>| {
            let expected = parts.fold(0, u64::saturating_add);
            let location = location.to_owned();
            if expected == found {
                Ok(())
            } else {
                Err(Error::ManifestRows { location, subject, expected, found })
            }
        };
        for collection in &self.collections {
            let subject = format!("collection `{}`", collection.name);
            equal(
                subject,
                collection.rows,
                &mut collection.partitions.iter().map(|partition| partition.rows),
            )?;
            for partition in &collection.partitions {
                if partition.unfinished && !may_be_unfinished {
                    let (location, collection) = (location.to_owned(), collection.name.clone());
                    let partition = partition.tag.clone();
                    return Err(Error::ManifestUnfinished { location, collection, partition });
                }
                let subject = format!("partition `{}` of collection `{}`", partition.tag, collection.name);
                equal(subject, partition.rows, &mut partition.sets.iter().map(|set| set.rows))?;
                for set in &partition.sets {
                    for file in &set.files {
                        equal(format!("file set `{}`", set.name), set.rows, &mut std::iter::once(file.rows))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Formats seconds since 1970 as a date of the Gregorian calendar.
fn rfc_3339(seconds: u64) -> String {
    let (mut day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let mut year = 1970;
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let february = days_of_year(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests;
