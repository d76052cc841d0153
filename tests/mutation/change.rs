// SPDX-License-Identifier: Apache-2.0
//! What is changed in an installation.

use std::fmt;

use super::subject::Subject;
use crate::support::kill::Chance;

/// A change to one file, or to two. Paths are those below the installation.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// One bit is the other.
    Flip { path: String, at: usize, bit: u8 },
    /// The file ends there.
    Cut { path: String, length: usize },
    /// More bytes stand at its end.
    Extend { path: String, more: Vec<u8> },
    /// Each has the content of the other.
    Swap { path: String, other: String },
    /// It is not there.
    Delete { path: String },
    /// A row of the metadata is another, as the statement says.
    Row { statement: String },
}

/// What a file is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Vectors,
    Ids,
    DeletedDocs,
    BloomFilter,
    Metadata,
    Log,
    Other,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Vectors,
        Self::Ids,
        Self::DeletedDocs,
        Self::BloomFilter,
        Self::Metadata,
        Self::Log,
        Self::Other,
    ];

    pub(crate) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        match name {
            "deleted_docs" => Self::DeletedDocs,
            "bloom_filter" => Self::BloomFilter,
            _ if name.starts_with("meta.") => Self::Metadata,
            _ if name.ends_with(".rv") => Self::Vectors,
            _ if name.ends_with(".uid") => Self::Ids,
            _ if path.starts_with("wal/") => Self::Log,
            _ => Self::Other,
        }
    }
}

impl Change {
    /// The file that is changed, or the first of them.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Flip { path, .. }
            | Self::Cut { path, .. }
            | Self::Extend { path, .. }
            | Self::Swap { path, .. }
            | Self::Delete { path } => Some(path),
            Self::Row { .. } => None,
        }
    }

    /// What is changed, for the table.
    pub(crate) fn title(&self) -> String {
        let what = match self {
            Self::Flip { .. } => "flip",
            Self::Cut { .. } => "cut",
            Self::Extend { .. } => "extend",
            Self::Swap { .. } => "swap",
            Self::Delete { .. } => "delete",
            Self::Row { .. } => "row",
        };
        let of = self.path().map_or("Metadata".into(), |path| format!("{:?}", Kind::of(path)));
        format!("{what} {of}")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip { path, at, bit } => write!(f, "bit {bit} of byte {at} of {path} flipped"),
            Self::Cut { path, length } => write!(f, "{path} cut to {length} bytes"),
            Self::Extend { path, more } => write!(f, "{path} with {} bytes more", more.len()),
            Self::Swap { path, other } => write!(f, "{path} and {other} swapped"),
            Self::Delete { path } => write!(f, "{path} deleted"),
            Self::Row { statement } => f.write_str(statement),
        }
    }
}

/// So many changes of each sort to files of each kind, if the installation has such files.
pub(crate) fn of_files(subject: &Subject, chance: &mut Chance, count: u64) -> Vec<Change> {
    let mut changes = Vec::new();
    for kind in Kind::ALL {
        let files: Vec<(&String, usize)> = subject
            .files()
            .iter()
            .filter(|(path, _)| Kind::of(path) == kind)
            .map(|(path, length)| (path, *length))
            .collect();
        if files.is_empty() {
            continue;
        }
        for at in 0..count {
            let (path, length) = *chance.one_of(&files);
            changes.extend(one(at % 6, path, length, &files, chance));
        }
    }
    changes
}

fn one(
    sort: u64,
    path: &str,
    length: usize,
    files: &[(&String, usize)],
    chance: &mut Chance,
) -> Option<Change> {
    let path = path.to_owned();
    let below = |end: usize, chance: &mut Chance| usize::try_from(chance.below(end as u64)).unwrap();
    Some(match sort {
        0 | 3 if length > 0 => Change::Flip { path, at: below(length, chance), bit: chance.below(8) as u8 },
        1 if length > 0 => Change::Cut { path, length: below(length, chance) },
        2 => {
            let more = (0..=chance.below(20)).map(|_| chance.below(256) as u8).collect();
            Change::Extend { path, more }
        }
        4 => {
            let others: Vec<_> = files.iter().filter(|(other, _)| **other != path).collect();
            // Of the same length they are the hardest to tell.
            let alike: Vec<_> = others.iter().filter(|(_, other)| *other == length).collect();
            let (other, _) = match alike.is_empty() {
                true if others.is_empty() => return None,
                true => *chance.one_of(&others),
                false => *chance.one_of(&alike),
            };
            Change::Swap { path, other: (*other).clone() }
        }
        _ => Change::Delete { path },
    })
}

/// Every flip, every length, every pair of a small installation.
pub(crate) fn all(subject: &Subject) -> Vec<Change> {
    let mut changes = Vec::new();
    let files: Vec<(String, usize)> =
        subject.files().iter().map(|(path, length)| (path.clone(), *length)).collect();
    for (number, (path, length)) in files.iter().enumerate() {
        let path = path.clone();
        for at in 0..*length {
            changes.extend((0..8).map(|bit| Change::Flip { path: path.clone(), at, bit }));
            changes.push(Change::Cut { path: path.clone(), length: at });
        }
        for more in [1, 4, 8, 16] {
            changes.push(Change::Extend { path: path.clone(), more: vec![0; more] });
        }
        for (other, _) in &files[number + 1..] {
            changes.push(Change::Swap { path: path.clone(), other: other.clone() });
        }
        changes.push(Change::Delete { path });
    }
    changes
}
