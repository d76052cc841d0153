// SPDX-License-Identifier: Apache-2.0
//! Looking for the segments of an installation in a bucket.

use futures::future;
use m2m_catalog::Collection;
use m2m_segment::names::ids_file;
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::error::{Error, Result};
use crate::files::IDS;

/// Where the folders of the tables may be below a prefix: right there, below
/// the folder of the database or of the server, and below the whole bucket of a
/// server that has its folder where it is by default.
pub(crate) const FOLDERS: [&str; 4] = ["", "tables", "db/tables", "var/lib/milvus/db/tables"];
/// Segments that are looked for: one may have lost its files.
const PROBES: usize = 4;

/// Files of ids below the folders of the tables: of the first segments of the
/// collections, one of each before two of any.
pub(crate) fn probes(collections: &[Collection]) -> Vec<String> {
    let of = |place| collections.iter().filter_map(move |one: &Collection| one.segments().nth(place));
    let segments = (0..PROBES).flat_map(of).take(PROBES);
    let path = |id: &str| format!("{id}/{}", ids_file(id));
    segments
        .map(|(partition, segment)| format!("{}/{}", partition.table_id, path(&segment.segment_id)))
        .collect()
}

/// Whoever is asked for files.
pub(crate) trait Look {
    /// The file at a key, if there is one.
    fn look(&self, root: &Storage, key: &Path) -> impl Future<Output = Result<Option<ObjectMeta>>>;
}

/// The server of the bucket.
pub(crate) struct Server;

impl Look for Server {
    async fn look(&self, root: &Storage, key: &Path) -> Result<Option<ObjectMeta>> {
        // This soon tells that a server is not there, and why; the other is patient.
        if !root.exists(key).await? {
            return Ok(None);
        }
        match root.store().head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(Error::Read { what: IDS, path: root.display(key), source }),
        }
    }
}

/// What may be where the segments are: the roots, in one form of keys, and a folder below them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) roots: &'a [Storage],
    pub(crate) folder: &'static str,
    /// Whether keys begin with a `/`.
    is_slashed: bool,
}

impl Candidate<'_> {
    /// Looks for every probe below every root.
    async fn look(&self, look: &impl Look, probes: &[String]) -> Vec<(String, Result<Option<ObjectMeta>>)> {
        let keys = self.roots.iter().flat_map(|root| {
            probes.iter().map(move |probe| (root, root.child(&format!("{}/{probe}", self.folder))))
        });
        let asked = keys.map(async |(root, key)| (root.display(&key), look.look(root, &key).await));
        future::join_all(asked).await
    }

    /// Whether the error tells no more than that there is no such file.
    fn is_absence(&self, error: &Error) -> bool {
        match error {
            // Some servers take no key that begins with a slash, or send elsewhere for it.
            Error::Storage(m2m_storage::Error::Store { source, .. }) => {
                let said = source.to_string();
                self.is_slashed
                    && ["status code: 400", "status code: 30"].iter().any(|one| said.contains(one))
            }
            error => is_denial(error),
        }
    }
}

/// Whether access was denied, as it is to files that are not there when they may not be listed.
pub(crate) fn is_denial(error: &Error) -> bool {
    matches!(error, Error::Storage(m2m_storage::Error::Denied { .. }))
}

/// The roots of an installation with and without a `/` before their keys.
pub(crate) struct Search<'a> {
    roots: &'a [Storage],
    slashed: Vec<Storage>,
    probes: &'a [String],
}

/// What a search ended with.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) found: Option<Candidate<'a>>,
    /// The first key to which access was denied.
    pub(crate) denied: Option<(String, Error)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(roots: &'a [Storage], probes: &'a [String]) -> Self {
        let slashed = roots.iter().map_while(Storage::with_leading_slash).collect();
        Self { roots, slashed, probes }
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate<'_>> {
        [(self.roots, false), (self.slashed.as_slice(), true)]
            .into_iter()
            .filter(|(roots, _)| !roots.is_empty())
            .flat_map(|(roots, is_slashed)| {
                FOLDERS.map(move |folder| Candidate { roots, folder, is_slashed })
            })
    }

    /// Finds the one candidate that has segments. That others have some as well
    /// is an error: which of them the server used cannot be told. So is every
    /// answer that leaves open whether a file is there, but for denied access.
    pub(crate) async fn run(&self, look: &impl Look) -> Result<Outcome<'_>> {
        let asked = self.candidates().map(async |one| (one, one.look(look, self.probes).await));
        let mut denied = None;
        let mut found: Option<(Candidate<'_>, Hits)> = None;
        for (candidate, answers) in future::join_all(asked).await {
            let mut hits = Hits::new();
            for (key, answer) in answers {
                match answer {
                    Ok(Some(meta)) => hits.push((key, Some(meta))),
                    Ok(None) => hits.push((key, None)),
                    Err(error) if candidate.is_absence(&error) => {
                        if is_denial(&error) {
                            denied.get_or_insert((key.clone(), error));
                        }
                        hits.push((key, None));
                    }
                    Err(error) => return Err(error),
                }
            }
            match &found {
                _ if hits.iter().all(|(_, meta)| meta.is_none()) => {}
                None => found = Some((candidate, hits)),
                // Some servers drop the slash.
                Some((plain, known))
                    if candidate.is_slashed && plain.folder == candidate.folder && are_same(known, &hits) => {
                }
                Some((_, known)) => {
                    return Err(Error::SegmentsTwice { first: first(known), second: first(&hits) });
                }
            }
        }
        Ok(Outcome { found: found.map(|(candidate, _)| candidate), denied })
    }

    /// Says that nothing was found.
    pub(crate) fn nothing(&self, denied: Option<(String, Error)>) -> Error {
        let looked_for = self.looked_for();
        match denied {
            None => Error::NoSegments { looked_for },
            Some((key, source)) => Error::SegmentsDenied { looked_for, key, source: Box::new(source) },
        }
    }

    /// Says in words what was looked for, and where.
    fn looked_for(&self) -> String {
        let roots: Vec<String> =
            self.roots.iter().map(|root| format!("`{}`", root.display(root.prefix()))).collect();
        let others = match self.probes.len() {
            0 | 1 => String::new(),
            2 => " and that of another segment".into(),
            count => format!(" and those of {} other segments", count.saturating_sub(1)),
        };
        let [_, first, second, last] = FOLDERS;
        format!(
            "`{}`{others} below {}, and below `{first}`, `{second}` and `{last}` in {}{}",
            self.probes.first().map_or("", String::as_str),
            roots.join(" and "),
            if roots.len() > 1 { "them" } else { "it" },
            if self.slashed.is_empty() { "" } else { ", with and without a `/` before the key" },
        )
    }
}

/// The files that were looked for below one candidate, by their names.
type Hits = Vec<(String, Option<ObjectMeta>)>;

fn first(hits: &Hits) -> String {
    hits.iter().find(|(_, meta)| meta.is_some()).map(|(key, _)| key.clone()).unwrap_or_default()
}

fn are_same(hits: &Hits, others: &Hits) -> bool {
    let same = |(one, other): (&(_, Option<ObjectMeta>), &(_, Option<ObjectMeta>))| match (&one.1, &other.1) {
        (Some(one), Some(other)) => is_same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    hits.len() == others.len() && hits.iter().zip(others).all(same)
}

/// Whether two names of a file, as a store knows it, are about one and the same.
pub(crate) fn is_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    // Copies have the same tag and size, but hardly ever the same time.
    let known = |meta: &ObjectMeta| (meta.e_tag.clone(), meta.size, meta.last_modified);
    one.e_tag.is_some() && known(one) == known(other)
}

#[cfg(test)]
mod tests;
