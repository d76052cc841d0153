// SPDX-License-Identifier: Apache-2.0
//! Where an installation's segments are.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use m2m_catalog::Collection;
use m2m_storage::Storage;
use object_store::ObjectStore;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::locator::{SegmentLocator, SegmentStore, base_of};
use crate::read_options::{ReadAhead, ReadOptions};
use crate::search::{self, Search, Server};

/// Scheme of the URLs by which plans call the segments of an installation in a bucket.
pub const SEGMENTS_SCHEME: &str = "milvus1x";

/// The `tables` folders of an installation: one, and more on servers of 0.9.
/// All are in one store, because a plan reads from one.
#[derive(Debug)]
pub(crate) struct Roots {
    given: Vec<Storage>,
    options: ReadOptions,
    /// Files of ids of live segments, below a `tables` folder.
    probes: Vec<String>,
    url: ObjectStoreUrl,
    locator: OnceCell<SegmentLocator>,
}

impl Roots {
    pub(crate) fn new(given: Vec<Storage>, options: ReadOptions, collections: &[Collection]) -> Result<Self> {
        let first = given.first().ok_or(Error::NoTables)?;
        if let Some(other) = given.iter().find(|root| root.base_url() != first.base_url()) {
            return Err(Error::SeveralStores { first: name(first), other: name(other) });
        }
        let locator = first.is_local().then(|| SegmentLocator::new(first, &given, ""));
        let locator = OnceCell::new_with(locator);
        Ok(Self { options, probes: search::probes(collections), url: url_of(first, &given)?, locator, given })
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
        self.locator.get().map_or_else(named, |locator| Arc::clone(&locator.base))
    }

    pub(crate) fn is_remote(&self) -> bool {
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
    pub(crate) async fn locator(&self) -> Result<&SegmentLocator> {
        self.locator.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<SegmentLocator> {
        let first = self.given.first().ok_or(Error::NoTables)?;
        if self.probes.is_empty() {
            return Ok(SegmentLocator::new(first, &self.given, ""));
        }
        let search = Search::new(&self.given, &self.probes);
        let outcome = search.run(&Server).await?;
        if let Some(found) = outcome.found {
            return Ok(SegmentLocator::new(found.roots.first().unwrap_or(first), found.roots, found.folder));
        }
        // Asked for one key, a server does not tell that there is no such bucket.
        match first.check_readable().await.map_err(Error::Storage) {
            Err(error) if !search::is_denial(&error) => return Err(error),
            _ => {}
        }
        Err(search.nothing(outcome.denied))
    }
}

fn name(root: &Storage) -> String {
    root.display(root.prefix())
}

/// Local files go by their usual URL. A bucket gets one of a scheme that nobody
/// else has: by its own it could not be told from a bucket of the same name on
/// another server, which a dump may well have as its target. The same folders
/// always go by the same URL, so that a plan can be run by another process.
fn url_of(first: &Storage, roots: &[Storage]) -> Result<ObjectStoreUrl> {
    let url = if first.is_local() {
        ObjectStoreUrl::parse(first.base_url())
    } else {
        let names: Vec<String> = roots.iter().map(name).collect();
        ObjectStoreUrl::parse(format!("{SEGMENTS_SCHEME}://tables-{:016x}/", fnv1a(&names.join("\n"))))
    };
    url.map_err(Error::Session)
}

/// Returns the stores that plans read the segments of an installation from, by the URLs that
/// they go by in plans: for who runs plans that another process has made of the same `tables`
/// folders, in the same order.
///
/// # Errors
///
/// When no folder is named.
pub fn stores_of_segments(roots: &[Storage]) -> Result<Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)>> {
    let first = roots.first().ok_or(Error::NoTables)?;
    let url = url_of(first, roots)?;
    let mut stores = Vec::with_capacity(2);
    if let Some(slashed) = first.with_leading_slash() {
        stores.push((slashed_url(&url)?, Arc::clone(slashed.store())));
    }
    stores.push((url, Arc::clone(first.store())));
    Ok(stores)
}

/// The URL of the same bucket with keys that begin with a `/`.
pub(crate) fn slashed_url(url: &ObjectStoreUrl) -> Result<ObjectStoreUrl> {
    let url = format!("{}-slash/", url.as_str().trim_end_matches('/'));
    ObjectStoreUrl::parse(url).map_err(Error::Session)
}

/// The 64-bit FNV-1a hash of a text: short, and the same wherever it is made.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
impl Roots {
    /// Segments that are at a known place in a bucket.
    pub(crate) fn in_bucket(locator: SegmentLocator, given: Storage) -> Self {
        let locator = OnceCell::new_with(Some(locator));
        Self { locator, ..Self::new(vec![given], ReadOptions::default(), &[]).unwrap() }
    }
}

#[cfg(test)]
mod tests;
