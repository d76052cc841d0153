// SPDX-License-Identifier: Apache-2.0
//! Signs of an old server that still runs.
//!
//! Its files change while it runs, and rows that it has acknowledged may stand
//! in its log alone. Nothing is locked, made or written to find out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::metadata::{MetaSource, Metadata};

/// Where SQLite locks a database: one pending byte, one reserved, 510 shared
/// (`os.h`). In WAL mode an open connection holds one of the last all the time.
const DATABASE_LOCKS: (i64, i64) = (0x4000_0000, 512);
/// Where it locks the index of a `-wal`: eight locks and the dead man's switch (`wal.c`).
const INDEX_LOCKS: (i64, i64) = (120, 9);
/// A log that was written so short a time ago has a server that writes it.
const FRESH: Duration = Duration::from_secs(60);

/// Whether the old server seems to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSigns {
    /// Whether it is certain that a program has the metadata open.
    pub is_running: bool,
    /// What shows that the server runs or did not stop cleanly, in one sentence.
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
        signs.extend(metadata.wal.as_deref().and_then(|folder| fresh(folder, SystemTime::now())));
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

/// Says which files are beside a database that its last user would have removed.
fn left_over(path: &Path) -> Option<String> {
    let found: Vec<(String, SystemTime)> =
        ["-wal", "-shm", "-journal"].iter().filter_map(|ending| found(path, ending)).collect();
    let last = found.iter().map(|(_, written)| *written).max()?;
    let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
    Some(format!(
        "beside the metadata there is {}, last written {}: the server runs, or it did not stop cleanly",
        names.join(" and "),
        utc(last)
    ))
}

fn found(path: &Path, ending: &str) -> Option<(String, SystemTime)> {
    let path = beside(path, ending);
    let file = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    // In some modes a journal is emptied instead of removed.
    let is_done = ending == "-journal" && file.len() == 0;
    if is_done { None } else { Some((format!("`{}`", path.display()), file.modified().ok()?)) }
}

/// Says which file of the log was just written.
fn fresh(folder: &Path, now: SystemTime) -> Option<String> {
    let written = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        Some((entry.metadata().ok().filter(std::fs::Metadata::is_file)?.modified().ok()?, entry.path()))
    };
    let (last, path) = std::fs::read_dir(folder).ok()?.filter_map(written).max()?;
    // The clock of a file server may be a little ahead.
    let age = now.duration_since(last).unwrap_or_else(|ahead| ahead.duration());
    let text = || {
        format!(
            "`{}` was written {} s ago: the server runs, unless the file was just copied",
            path.display(),
            age.as_secs()
        )
    };
    (age < FRESH).then(text)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A time in words, to the second. There is none before 1970.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (year, month, day) = date(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a number of days after 1970-01-01. The reckoning
/// begins on 1 March of the year 0, so that a leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, day) = (era * 400 + year, day - (153 * month + 2) / 5 + 1);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests;
