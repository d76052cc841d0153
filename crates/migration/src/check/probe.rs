// SPDX-License-Identifier: Apache-2.0
//! One row, all the way into Milvus 2.x: whether it sees the import files.

use std::time::Duration;

use m2m_milvus::{Client, Field, ImportPhase, ImportStatus, NewCollection, TaskId, VectorType, mapping};
use m2m_sink::npy::{NpyType, header};
use m2m_storage::Storage;
use tokio::time::Instant;
use uuid::Uuid;

use super::scratch::Scratch;
use super::step::{Look, Step};
use crate::audit::Severity;
use crate::error::Result;
use crate::event::{Event, Observer};

const NAME: &str = "probe";
/// Longest time that the import of the row may take.
const IMPORT_TIME: Duration = Duration::from_secs(60);
/// Longest time until the server counts the row.
const COUNT_TIME: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);
const DIMENSION: u16 = 8;
const ID_FIELD: &str = "id";
const VECTOR_FIELD: &str = "vector";

/// Has Milvus import one row into a collection of its own, by the same paths as a load
/// uses, and removes both again.
///
/// `server_path` is the folder of a local target as the server sees it.
pub async fn probe(
    client: &Client,
    target: &Storage,
    server_path: Option<&str>,
    observer: &dyn Observer,
) -> Step {
    let mut look = Look::at(NAME);
    let place = Place { target, server_path };
    let mut scratch = Scratch::new(client, target);
    if let Err(problem) = run(client, &place, &mut scratch, &mut look, observer).await {
        look.problem(Severity::Error, problem.message, problem.remedy);
    }
    for kept in scratch.remove().await {
        let remedy = "remove it, if it is there".to_owned();
        look.problem(Severity::Warning, format!("cannot remove {kept}"), Some(remedy));
    }
    look.end()
}

/// Why the row did not arrive.
struct Trouble {
    message: String,
    remedy: Option<String>,
}

impl<E: Into<crate::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self { message: crate::target::said(&error.into()), remedy: None }
    }
}

async fn run(
    client: &Client,
    place: &Place<'_>,
    scratch: &mut Scratch,
    look: &mut Look,
    observer: &dyn Observer,
) -> Result<(), Trouble> {
    // No other run has this name, on this machine or another.
    let name = format!("m2m_check_{}", Uuid::new_v4().simple());
    let mut files = Vec::new();
    for (field, bytes) in [(ID_FIELD, id_file()?), (VECTOR_FIELD, vector_file()?)] {
        let file = format!("{name}/{field}.npy");
        scratch.write(&file, bytes).await?;
        files.push(place.seen_by_server(&file));
    }
    scratch.own_collection(&name);
    client.create_collection(&collection(&name)).await?;
    let task = client.import(&name, mapping::DEFAULT_PARTITION, &files).await?;
    let status = follow(client, task, observer).await?;
    match status.phase {
        ImportPhase::Completed => {}
        ImportPhase::Failed => return Err(place.refused(&files, status.failed_reason)),
        _ => return Err(stalled(&status)),
    }
    let found = count(client, &name).await?;
    if (status.rows, found) != (1, 1) {
        return Err(Trouble {
            message: format!(
                "Milvus says that it imported {} rows and holds {found}, expected 1 and 1",
                status.rows
            ),
            remedy: Some("see in the log of its data nodes what became of the import".into()),
        });
    }
    look.fact(format!("Milvus imported one row from `{}`", place.target.display(place.target.prefix())));
    Ok(())
}

fn collection(name: &str) -> NewCollection {
    let vector = VectorType::Float(u32::from(DIMENSION));
    NewCollection {
        name: name.to_owned(),
        fields: vec![Field::primary(ID_FIELD), Field::new(VECTOR_FIELD, vector)],
        shards: 1,
        description: "a probe of m2m check, which may be dropped".to_owned(),
    }
}

fn id_file() -> Result<Vec<u8>> {
    Ok([&header(NpyType::Int64, 1, None)?[..], &1_i64.to_le_bytes()].concat())
}

fn vector_file() -> Result<Vec<u8>> {
    let mut file = header(NpyType::Float32, 1, Some(u64::from(DIMENSION)))?.to_vec();
    for component in 0..DIMENSION {
        file.extend(f32::from(component).to_le_bytes());
    }
    Ok(file)
}

/// Follows the import to its end, or to the end of patience.
async fn follow(client: &Client, task: TaskId, observer: &dyn Observer) -> Result<ImportStatus> {
    let began = Instant::now();
    let mut told = None;
    loop {
        let status = client.import_state(task).await?;
        let is_over = matches!(status.phase, ImportPhase::Completed | ImportPhase::Failed);
        if is_over || began.elapsed() > IMPORT_TIME {
            return Ok(status);
        }
        let now = (status.phase, status.progress_percent);
        if told != Some(now) {
            told = Some(now);
            let text = format!("the import {}", words(&status));
            observer.on_event(&Event::Note { subject: NAME.into(), text });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn words(status: &ImportStatus) -> String {
    let phase = match status.phase {
        ImportPhase::Pending => "waits for its turn".to_owned(),
        ImportPhase::Started => "is being read".to_owned(),
        ImportPhase::Persisted => "is written and not yet visible".to_owned(),
        other => format!("is in the state {other:?}"),
    };
    match status.progress_percent {
        Some(percent) => format!("{phase} ({percent} %)"),
        None => phase,
    }
}

fn stalled(status: &ImportStatus) -> Trouble {
    Trouble {
        message: format!("the import did not end within {} s: it {}", IMPORT_TIME.as_secs(), words(status)),
        remedy: Some(
            "see that the data nodes of Milvus run and can write to their storage, and that no other imports keep them busy; their log says more"
                .into(),
        ),
    }
}

/// The rows that the server has stored, once there are any.
async fn count(client: &Client, name: &str) -> Result<i64> {
    let began = Instant::now();
    loop {
        let rows = client.stored_rows(name, None).await?;
        if rows > 0 || began.elapsed() > COUNT_TIME {
            return Ok(rows);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Where the files are, for us and for the server.
struct Place<'a> {
    target: &'a Storage,
    server_path: Option<&'a str>,
}

impl Place<'_> {
    /// How the server is told of a file, as a load does.
    fn seen_by_server(&self, file: &str) -> String {
        match self.server_path {
            Some(folder) => format!("{folder}/{file}"),
            None => self.target.import_path(&self.target.child(file)),
        }
    }

    /// The server says why it did not take the files, and nothing of where it looked.
    fn refused(&self, files: &[String], reason: Option<String>) -> Trouble {
        let reason = reason.unwrap_or_else(|| "the server gave no reason".into());
        let files = files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(" and ");
        let place = self.target.display(self.target.prefix());
        let looked = Looked::of(&reason);
        let remedy = match (self.server_path, looked) {
            (Some(folder), Looked::InBucket) => format!(
                "Milvus looked for them in a bucket: this server keeps its data there (`minio.bucketName` in its configuration), and reads no folder, nor `{folder}`. Write the import files into that bucket (`--out s3://…`)"
            ),
            (Some(folder), _) => format!(
                "Milvus looked for them below `{folder}` of its own machine, where `{place}` must be visible, and it must be allowed to read them: `m2m.serverPath` says where. Only a Milvus with `storageType: local` reads a folder: one that keeps its data in a bucket has to be given files in that bucket (`--out s3://…`)"
            ),
            (None, Looked::OnDisk) => format!(
                "Milvus looked for them on its own disk: this server has `storageType: local` and reads no bucket, nor `{place}`. Write the import files into a folder that it sees (`--out DIR` and `m2m.serverPath`)"
            ),
            (None, _) => format!(
                "Milvus looked for them in its own bucket, the one that `minio.bucketName` in its configuration names, and reads no other. m2m wrote them below `{place}`: name the bucket of Milvus with `--out`, on the server that its `minio.address` names. A Milvus with `storageType: local` reads only folders of its own machine (`--out DIR` and `m2m.serverPath`)"
            ),
        };
        Trouble { message: format!("Milvus could not import {files}: {reason}"), remedy: Some(remedy) }
    }
}

/// Where the server looked for the files, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    InBucket,
    OnDisk,
    Somewhere,
}

impl Looked {
    fn of(reason: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        if has(&["key does not exist", "NoSuchKey", "NoSuchBucket", "bucket does not exist"]) {
            Self::InBucket
        } else if has(&["no such file or directory"]) {
            Self::OnDisk
        } else {
            Self::Somewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_those_of_one_row() {
        assert_eq!(id_file().unwrap().len(), 128 + 8);
        assert_eq!(vector_file().unwrap().len(), 128 + 4 * usize::from(DIMENSION));
    }

    #[test]
    fn a_server_is_told_of_files_as_a_load_tells_it() {
        let target = Storage::local("/data/out".as_ref()).unwrap();
        let place = |server_path| Place { target: &target, server_path };
        assert_eq!(place(None).seen_by_server("a/id.npy"), "/data/out/a/id.npy");
        assert_eq!(place(Some("/mnt")).seen_by_server("a/id.npy"), "/mnt/a/id.npy");
    }

    #[test]
    fn a_refusal_says_where_the_server_looked() {
        let target = Storage::local("/data/out".as_ref()).unwrap();
        let refused = |server_path, reason: Option<&str>| {
            Place { target: &target, server_path }.refused(&["x".into()], reason.map(str::to_owned))
        };
        let remedy = |server_path, reason| refused(server_path, Some(reason)).remedy.unwrap();
        assert!(remedy(Some("/mnt"), "it broke").contains("below `/mnt`"));
        assert!(remedy(Some("/mnt"), "stat x: no such file or directory").contains("below `/mnt`"));
        assert!(remedy(Some("/mnt"), "The specified key does not exist.").contains("into that bucket"));
        assert!(remedy(None, "stat x: no such file or directory").contains("storageType: local"));
        assert!(remedy(None, "NoSuchKey").contains("minio.address"));
        let trouble = refused(None, None);
        assert!(trouble.remedy.unwrap().contains("minio.bucketName"));
        assert_eq!(trouble.message, "Milvus could not import `x`: the server gave no reason");
    }
}
