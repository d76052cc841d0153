// SPDX-License-Identifier: Apache-2.0
//! Whether import files can be written where they are to go.

use std::path::PathBuf;

use datafusion::object_store;
use futures::TryStreamExt;
use m2m_datasource::Source;
use m2m_sink::manifest::{MANIFEST_FILE, Manifest, UNFINISHED_FILE};
use m2m_storage::Storage;

use super::room::{counted, free_bytes, size};
use super::step::{Look, Step};
use crate::audit::Severity;
use crate::dump::refuse_in_source;
use crate::error::{Error, Result};

/// Looks at the place of the import files. Of what is planned it is said how many
/// bytes it has, where that is known.
///
/// A small file is written and removed again, as [`Storage::check_bucket`] does.
pub async fn check_files(
    target: &Storage,
    source: Option<&Source>,
    planned_bytes: Option<u64>,
    overwrite: bool,
) -> [Step; 3] {
    [access(target, source).await, room(target, planned_bytes), earlier(target, source, overwrite).await]
}

async fn access(target: &Storage, source: Option<&Source>) -> Step {
    let mut look = Look::at("import files");
    if let Some(Err(error)) = source.map(|source| refuse_in_source(source, target)) {
        look.error(&error);
        return look.end();
    }
    let place = target.display(target.prefix());
    match target.check_bucket().await {
        Ok(()) if target.is_local() => look.fact(format!("`{place}` can be written")),
        Ok(()) => look.fact(format!("`{place}` can be listed, written, read and cleaned")),
        Err(error) => look.error(&error),
    }
    look.end()
}

fn room(target: &Storage, planned_bytes: Option<u64>) -> Step {
    const NAME: &str = "disk space";
    if !target.is_local() {
        return Step::skipped(NAME, "a bucket does not say how much it takes");
    }
    let mut look = Look::at(NAME);
    let place = target.display(target.prefix());
    match (free_bytes(&PathBuf::from(&place)), planned_bytes) {
        (Ok(free), Some(planned)) => {
            let found = format!("{} are free for `{place}`, about {} are needed", size(free), size(planned));
            if free < planned {
                let remedy =
                    "make room, choose another place, or migrate some collections at a time with `--col`";
                look.problem(Severity::Error, found, Some(remedy.into()));
            } else {
                look.fact(found);
            }
        }
        (Ok(free), None) => look.fact(format!("{} are free for `{place}`", size(free))),
        (Err(error), _) => {
            look.problem(
                Severity::Warning,
                format!("cannot tell how much room `{place}` has: {error}"),
                None,
            );
        }
    }
    look.end()
}

async fn earlier(target: &Storage, source: Option<&Source>, overwrite: bool) -> Step {
    let mut look = Look::at("earlier dump");
    match find(target).await {
        Ok(Earlier::Nothing) => look.fact("nothing lies there"),
        Ok(Earlier::Dump { manifest, is_complete }) => {
            dump(&mut look, &manifest, is_complete, source, overwrite);
        }
        Ok(Earlier::Others(file)) => {
            let message = format!("there are files that are no dump, such as `{file}`");
            let remedy =
                "choose an empty place, unless you know them: files of the same names are written over";
            look.problem(Severity::Warning, message, Some(remedy.into()));
        }
        Err(error) => look.error(&error),
    }
    look.end()
}

/// Tells of a dump that lies there.
fn dump(look: &mut Look, manifest: &Manifest, is_complete: bool, source: Option<&Source>, overwrite: bool) {
    let rows: u64 = manifest.collections.iter().map(|collection| collection.rows).sum();
    let collections = counted(manifest.collections.len() as u64, "collection");
    let what = if is_complete { "a complete" } else { "an unfinished" };
    let what = format!("{what} dump of {rows} rows in {collections} lies there");
    let meta = &manifest.source.meta;
    let is_other = source.is_some_and(|source| source.metadata().source.to_string() != *meta);
    if overwrite && (is_other || is_complete) {
        look.fact(format!("{what}, and is replaced"));
    } else if is_other {
        let remedy = "choose another place, or replace it with `--overwrite`".to_owned();
        look.problem(
            Severity::Warning,
            format!("{what}, of the installation with metadata `{meta}`"),
            Some(remedy),
        );
    } else {
        look.fact(format!(
            "{what}: the command that made it goes on with it, another one asks for `--overwrite`"
        ));
    }
}

/// What lies in the place.
enum Earlier {
    Nothing,
    Dump {
        manifest: Box<Manifest>,
        is_complete: bool,
    },
    /// Something else; one of its files.
    Others(String),
}

async fn find(target: &Storage) -> Result<Earlier> {
    if target.exists(&target.child(MANIFEST_FILE)).await? {
        let manifest = Box::new(Manifest::read(target).await?);
        return Ok(Earlier::Dump { manifest, is_complete: true });
    }
    if target.exists(&target.child(UNFINISHED_FILE)).await? {
        let manifest = Box::new(Manifest::read_unfinished(target).await?);
        return Ok(Earlier::Dump { manifest, is_complete: false });
    }
    let first = target.store().list(Some(target.prefix())).try_next().await;
    match first {
        Ok(None) | Err(object_store::Error::NotFound { .. }) => Ok(Earlier::Nothing),
        Ok(Some(file)) => Ok(Earlier::Others(target.display(&file.location))),
        Err(source) => Err(Error::Query(Box::new(source))),
    }
}
