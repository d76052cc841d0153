// SPDX-License-Identifier: Apache-2.0
//! Signs of an old server that still runs, or of any other program that uses its metadata.
//!
//! Its files change while it runs, and rows that it has acknowledged may stand
//! in its log alone. Nothing is locked, made or written to find out.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::metadata::{MetaSource, Metadata};

/// Where SQLite locks a database: one pending byte, one reserved, 510 shared
/// (`os.h`). In WAL mode an open connection holds one of the last all the time.
const DATABASE_LOCKS: (i64, i64) = (0x4000_0000, 512);
/// Where it locks the index of a `-wal`: eight locks and the dead man's switch (`wal.c`).
const INDEX_LOCKS: (i64, i64) = (120, 9);

/// Whether another program uses the metadata, which may be the old server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSigns {
    /// Whether another program certainly has the metadata open: the old server, or a
    /// shell, or a backup.
    pub is_running: bool,
    /// What shows that the server may run or did not stop cleanly, in one sentence.
    pub sign: Option<String>,
}

impl ServerSigns {
    /// Looks for signs. `connections` says how many other connections use the
    /// database, where it is one of a server.
    pub(crate) fn of(metadata: &Metadata, connections: i64) -> Self {
        let (mut is_running, mut signs) = (false, Vec::new());
        match &metadata.source {
            MetaSource::Sqlite(path) => {
                // What a link points to has its log beside itself.
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                let lock = lock(&path);
                is_running = lock.is_some();
                signs.extend(lock.into_iter().chain(left_over(&path)));
            }
            MetaSource::MySql(_) if connections > 0 => signs.push(format!(
                "{connections} other {} the database, which may be the server's",
                if connections == 1 { "connection uses" } else { "connections use" }
            )),
            MetaSource::MySql(_) | MetaSource::Unread(_) => {}
            MetaSource::MetaJson { .. } => return Self::default(),
        }
        Self { is_running, sign: (!signs.is_empty()).then(|| signs.join("; ")) }
    }
}

/// Says who has locked a database, or the index of its `-wal`.
fn lock(path: &Path) -> Option<String> {
    let index = beside(path, "-shm");
    let locked =
        |path: &Path, bytes| Some((path.display().to_string(), holder(&File::open(path).ok()?, bytes)?));
    let (name, id) = locked(path, DATABASE_LOCKS).or_else(|| locked(&index, INDEX_LOCKS))?;
    let who = match std::fs::read_to_string(format!("/proc/{id}/comm")) {
        Ok(program) => format!("process {id} (`{}`)", program.trim()),
        Err(_) if id > 0 => format!("process {id}"),
        // Of a process in another container the system tells no id.
        Err(_) => "another process".into(),
    };
    Some(format!("{who} has the metadata open: it holds a lock on `{name}`"))
}

/// The process that holds a lock on some of these bytes. Locks of this process
/// do not count.
fn holder(file: &File, (start, length): (i64, i64)) -> Option<i32> {
    let mut lock = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).ok()?,
        l_whence: i16::try_from(libc::SEEK_SET).ok()?,
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    (i32::from(lock.l_type) != libc::F_UNLCK).then_some(lock.l_pid)
}

/// Says which files are beside a database that its last user would have emptied. An
/// empty one holds nothing that could be missed: anybody who looked leaves it.
fn left_over(path: &Path) -> Option<String> {
    let found: Vec<String> =
        ["-wal", "-journal"].iter().filter_map(|ending| filled(&beside(path, ending))).collect();
    (!found.is_empty()).then(|| {
        let names = found.join(" and ");
        format!("beside the metadata there is {names}: the server runs, or it did not stop cleanly")
    })
}

fn filled(path: &Path) -> Option<String> {
    let length = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    (length > 0).then(|| format!("`{}` with {length} bytes", path.display()))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests;
