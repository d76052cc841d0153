// SPDX-License-Identifier: Apache-2.0
//! Where an installation's segments are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::execution::object_store::ObjectStoreUrl;
use futures::future;
use m2m_catalog::Collection;
use m2m_segment::names::ids_file;
use m2m_storage::Storage;
use object_store::ObjectStore;
use object_store::path::Path;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::place::{Place, SegmentStore, base_of, below};
use crate::read_options::{ReadAhead, ReadOptions};

/// Where the folders of the tables may be below a prefix: right there, below
/// the folder of the database or of the server, and below the whole bucket of a
/// server that has its folder where it is by default.
const FOLDERS: [&str; 4] = ["", "tables", "db/tables", "var/lib/milvus/db/tables"];
/// Segments that are looked for: one may have lost its files.
const PROBES: usize = 4;

/// The `tables` folders of an installation: one, and more on servers of 0.9.
/// All are in one store, because a plan reads from one.
#[derive(Debug)]
pub(crate) struct Roots {
    given: Vec<Storage>,
    options: ReadOptions,
    /// Files of ids of live segments, below a `tables` folder.
    probes: Vec<String>,
    url: ObjectStoreUrl,
    place: OnceCell<Place>,
}

impl Roots {
    pub(crate) fn new(given: Vec<Storage>, options: ReadOptions, collections: &[Collection]) -> Result<Self> {
        let first = given.first().ok_or(Error::NoTables)?;
        if let Some(other) = given.iter().find(|root| root.base_url() != first.base_url()) {
            return Err(Error::SeveralStores { first: name(first), other: name(other) });
        }
        let place = first.is_local().then(|| Place::new(first, prefixes(&given)));
        let place = OnceCell::new_with(place);
        Ok(Self { options, probes: probes(collections), url: url_of(first)?, place, given })
    }

    /// The folders as the user named them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.given.iter().map(name).collect()
    }

    /// What plans call the store.
    pub(crate) fn url(&self) -> &ObjectStoreUrl {
        &self.url
    }

    /// The store that goes by [`Roots::url`].
    pub(crate) fn store(self: &Arc<Self>) -> Arc<dyn ObjectStore> {
        match self.given.first() {
            Some(first) if first.is_local() => Arc::clone(first.store()),
            _ => Arc::new(SegmentStore(Arc::clone(self))),
        }
    }

    /// What stands before a path in messages.
    pub(crate) fn base(&self) -> Arc<str> {
        let named = || self.given.first().map_or_else(Arc::default, base_of);
        self.place.get().map_or_else(named, |place| Arc::clone(&place.base))
    }

    fn is_remote(&self) -> bool {
        self.given.first().is_some_and(|first| !first.is_local())
    }

    /// How much a scan partition reads at once.
    pub(crate) fn read_ahead(&self) -> ReadAhead {
        self.options.ahead(self.is_remote())
    }

    /// Segments whose headers are read at once.
    pub(crate) fn headers_at_once(&self) -> usize {
        if self.is_remote() { 64 } else { 16 }
    }

    /// Where the segments are. In a bucket they are searched for once.
    pub(crate) async fn place(&self) -> Result<&Place> {
        self.place.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<Place> {
        let Some(plain) = self.given.first() else {
            return Err(Error::NoTables);
        };
        let prefixes = prefixes(&self.given);
        if self.probes.is_empty() {
            return Ok(Place::new(plain, prefixes));
        }
        let forms: Vec<Storage> = [plain.clone()].into_iter().chain(plain.with_leading_slash()).collect();
        match search(&forms, &prefixes, &self.probes).await? {
            Some((form, folder)) => {
                let folders = prefixes.iter().map(|prefix| below(prefix, folder)).collect();
                Ok(Place::new(form, folders))
            }
            None => {
                // Asked for one key, a server does not tell that there is no such bucket.
                plain.check_readable().await?;
                Err(self.nothing(&forms, &prefixes))
            }
        }
    }

    /// Says what was looked for, and where.
    fn nothing(&self, forms: &[Storage], prefixes: &[Path]) -> Error {
        let folders = candidates(forms, prefixes);
        let folders = folders.map(|(form, folder, prefix)| form.display(&below(prefix, folder)));
        Error::NoSegments {
            ids: self.probes.first().cloned().unwrap_or_default(),
            folders: folders.map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The keys of a bucket in one form.
trait Keys {
    fn has(&self, key: &Path) -> impl Future<Output = m2m_storage::Result<bool>>;
}

impl Keys for Storage {
    fn has(&self, key: &Path) -> impl Future<Output = m2m_storage::Result<bool>> {
        self.exists(key)
    }
}

/// Finds the first form of keys and the first folder that have one of the probes.
///
/// A server may refuse a form that it does not keep, or hide by a refusal that
/// there is no such key: an error of the first form is one only when nothing is found.
async fn search<'a, K: Keys>(
    forms: &'a [K],
    prefixes: &'a [Path],
    probes: &[String],
) -> Result<Option<(&'a K, &'static str)>> {
    for probe in probes {
        let asked = candidates(forms, prefixes)
            .map(async |(form, folder, prefix)| (form, folder, form.has(&key(prefix, folder, probe)).await));
        let mut answers = future::join_all(asked).await;
        if let Some((form, folder, _)) = answers.iter().find(|(.., has)| matches!(has, Ok(true))) {
            return Ok(Some((form, folder)));
        }
        answers.truncate(FOLDERS.len() * prefixes.len());
        answers.into_iter().try_for_each(|(.., has)| has.map(drop))?;
    }
    Ok(None)
}

/// All places to look at, the likely ones first.
fn candidates<'a, K>(
    forms: &'a [K],
    prefixes: &'a [Path],
) -> impl Iterator<Item = (&'a K, &'static str, &'a Path)> {
    let folders = move |form| {
        FOLDERS.into_iter().flat_map(move |folder| prefixes.iter().map(move |prefix| (form, folder, prefix)))
    };
    forms.iter().flat_map(folders)
}

fn key(prefix: &Path, folder: &str, probe: &str) -> Path {
    below(&below(prefix, folder), probe)
}

/// Files of ids: of the first segments of the collections, one of each before two of any.
fn probes(collections: &[Collection]) -> Vec<String> {
    let of = |place| collections.iter().filter_map(move |one: &Collection| one.segments().nth(place));
    let segments = (0..PROBES).flat_map(of).take(PROBES);
    let path = |id: &str| format!("{id}/{}", ids_file(id));
    segments
        .map(|(partition, segment)| format!("{}/{}", partition.table_id, path(&segment.segment_id)))
        .collect()
}

fn prefixes(roots: &[Storage]) -> Vec<Path> {
    roots.iter().map(|root| root.prefix().clone()).collect()
}

fn name(root: &Storage) -> String {
    root.display(root.prefix())
}

/// Local files go by their usual URL. A bucket gets a URL that nobody else has:
/// by its own one it could not be told from a bucket of the same name on another
/// server, which a dump may well have as its target.
fn url_of(root: &Storage) -> Result<ObjectStoreUrl> {
    static BUCKETS: AtomicU64 = AtomicU64::new(0);
    let url = if root.is_local() {
        ObjectStoreUrl::parse(root.base_url())
    } else {
        ObjectStoreUrl::parse(format!("milvus1x://tables-{}/", BUCKETS.fetch_add(1, Ordering::Relaxed)))
    };
    url.map_err(Error::Session)
}

#[cfg(test)]
impl Roots {
    /// Segments that are at a known place in a bucket.
    pub(crate) fn in_bucket(place: Place, given: Storage) -> Self {
        let url = url_of(&given).unwrap();
        let (options, place) = (ReadOptions::default(), OnceCell::new_with(Some(place)));
        Self { given: vec![given], options, probes: Vec::new(), url, place }
    }
}

#[cfg(test)]
mod tests;
