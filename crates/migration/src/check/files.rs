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
    [access(target, source).await, room(target, planned_bytes), earlier(target, overwrite).await]
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

async fn earlier(target: &Storage, overwrite: bool) -> Step {
    let mut look = Look::at("earlier dump");
    match find(target).await {
        Ok(Earlier::Nothing) => look.fact("nothing lies there"),
        Ok(Earlier::Unfinished) => {
            look.fact("an unfinished dump lies there, and the same command goes on with it");
        }
        Ok(Earlier::Complete(_)) if overwrite => look.fact("a complete dump lies there and is replaced"),
        Ok(Earlier::Complete(manifest)) => {
            let rows: u64 = manifest.collections.iter().map(|collection| collection.rows).sum();
            let collections = counted(manifest.collections.len() as u64, "collection");
            let message = format!("a complete dump lies there already, of {rows} rows in {collections}");
            let remedy =
                "`m2m load` imports it; to dump again choose another place, or replace it with `--overwrite`";
            look.problem(Severity::Warning, message, Some(remedy.into()));
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

/// What lies in the place.
enum Earlier {
    Nothing,
    Unfinished,
    Complete(Manifest),
    /// Something else; one of its files.
    Others(String),
}

async fn find(target: &Storage) -> Result<Earlier> {
    if target.exists(&target.child(MANIFEST_FILE)).await? {
        return Ok(Earlier::Complete(Manifest::read(target).await?));
    }
    if target.exists(&target.child(UNFINISHED_FILE)).await? {
        return Ok(Earlier::Unfinished);
    }
    let first = target.store().list(Some(target.prefix())).try_next().await;
    match first {
        Ok(None) | Err(object_store::Error::NotFound { .. }) => Ok(Earlier::Nothing),
        Ok(Some(file)) => Ok(Earlier::Others(target.display(&file.location))),
        Err(source) => Err(Error::Query(Box::new(source))),
    }
}
