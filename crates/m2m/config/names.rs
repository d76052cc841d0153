// SPDX-License-Identifier: Apache-2.0
//! Finding a setting by what somebody wrote.

use std::fmt;

use super::keys::{KEYS, Key, collection, field};
use crate::nearest::nearest;

/// The section of collections, whose keys are names.
pub(super) const COLLECTIONS: &str = "m2m.collections";
/// The section of a collection's columns, whose keys are names too.
const FIELDS: &str = "fields";

/// Whose setting it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The run's.
    Run,
    /// That of one collection, or of one of its columns.
    Of { collection: String, column: Option<String> },
}

impl Owner {
    /// The keys that it may have.
    pub(super) fn keys(&self) -> &'static [&'static Key] {
        match self {
            Self::Run => KEYS,
            Self::Of { column: None, .. } => collection::KEYS,
            Self::Of { column: Some(_), .. } => field::KEYS,
        }
    }
}

/// Writes what stands before its keys.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Of { collection, column } = self else { return Ok(()) };
        write!(f, "{COLLECTIONS}.{}", quoted(collection))?;
        column.iter().try_for_each(|column| write!(f, ".{FIELDS}.{}", quoted(column)))
    }
}

/// A name as it stands in a path.
fn quoted(name: &str) -> String {
    if name.contains(['.', '=']) { format!("\"{name}\"") } else { name.to_owned() }
}

/// A key, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) owner: Owner,
    pub(crate) key: &'static Key,
}

impl Slot {
    /// The run's setting at a key.
    pub(crate) fn of_run(key: &'static Key) -> Self {
        Self { owner: Owner::Run, key }
    }

    /// Whether the two are one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.key.path == other.key.path && self.owner == other.owner
    }
}

/// Writes the path.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Owner::Run => f.write_str(self.key.path),
            Owner::Of { .. } => write!(f, "{}.{}", self.owner, self.key.name()),
        }
    }
}

/// What a path names.
#[derive(Debug)]
pub(super) enum Place {
    /// Keys and sections; an empty path is the whole configuration.
    Section(String),
    /// Names of collections.
    Collections,
    /// The settings of a collection or a column.
    Settings(Owner),
    /// Names of columns of a collection.
    Columns(String),
    /// A setting.
    Slot(Slot),
}

impl Place {
    /// The whole configuration.
    pub(super) fn root() -> Self {
        Self::Section(String::new())
    }

    /// Whether what stands below are names, which are told apart by their case.
    pub(super) fn has_names(&self) -> bool {
        matches!(self, Self::Collections | Self::Columns(_))
    }

    /// Finds what stands below under a name, or under names joined by dots where no names of collections are.
    ///
    /// The error says that nothing does, and what is near.
    pub(super) fn below(&self, name: &str) -> Result<Self, String> {
        if self.has_names() && (name.is_empty() || name == "<<") {
            return Err(if name.is_empty() { "a name is empty".into() } else { MERGE.into() });
        }
        match self {
            Self::Section(path) if path.is_empty() => Self::at(name),
            Self::Section(path) => Self::at(&format!("{path}.{name}")),
            Self::Collections => Ok(Self::Settings(Owner::Of { collection: name.into(), column: None })),
            Self::Columns(collection) => {
                Ok(Self::Settings(Owner::Of { collection: collection.clone(), column: Some(name.into()) }))
            }
            Self::Settings(owner) => Self::of(owner, name),
            Self::Slot(slot) => Err(format!("unknown key `{slot}.{name}`: `{slot}` holds a value")),
        }
    }

    /// Finds what a whole path names.
    fn at(path: &str) -> Result<Self, String> {
        if let Some(key) = KEYS.iter().find(|key| key.path.eq_ignore_ascii_case(path)) {
            return Ok(Self::Slot(Slot::of_run(key)));
        }
        match after(path, COLLECTIONS) {
            Some("") => return Ok(Self::Collections),
            Some(rest) => {
                let names = rest.strip_prefix('.').and_then(parts).ok_or_else(|| unknown(path))?;
                return names.iter().try_fold(Self::Collections, |place, name| place.below(name));
            }
            None => {}
        }
        if KEYS.iter().any(|key| after(key.path, path).is_some_and(|rest| rest.starts_with('.'))) {
            return Ok(Self::Section(path.into()));
        }
        Err(unknown(path))
    }

    fn of(owner: &Owner, name: &str) -> Result<Self, String> {
        let known = owner.keys();
        if let Some(key) = known.iter().find(|key| key.name().eq_ignore_ascii_case(name)) {
            return Ok(Self::Slot(Slot { owner: owner.clone(), key }));
        }
        let mut names: Vec<&str> = known.iter().map(|key| key.name()).collect();
        if let Owner::Of { collection, column: None } = owner {
            if name.eq_ignore_ascii_case(FIELDS) {
                return Ok(Self::Columns(collection.clone()));
            }
            names.push(FIELDS);
        }
        Err(match nearest(name, names.iter().copied()) {
            _ if name == "<<" => MERGE.into(),
            Some(near) => format!("unknown key `{owner}.{name}`; the nearest known key is `{owner}.{near}`"),
            None => format!("unknown key `{owner}.{name}`; expected one of `{}`", names.join("`, `")),
        })
    }
}

/// What stands behind `head`, whatever its case.
fn after<'a>(path: &'a str, head: &str) -> Option<&'a str> {
    let (start, rest) = path.split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head).then_some(rest)
}

/// The names that are joined by dots in `path`; one with dots stands in double quotes.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = path;
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        parts.push(part.to_owned());
        if behind.is_empty() {
            return Some(parts);
        }
        rest = behind.strip_prefix('.')?;
    }
}

/// Finds the setting that a path names.
pub(super) fn slot(path: &str) -> Result<Slot, String> {
    match Place::root().below(path)? {
        Place::Slot(slot) => Ok(slot),
        Place::Section(_) => Err(unknown(path)),
        Place::Collections | Place::Columns(_) | Place::Settings(_) => {
            Err(format!("`{path}` holds keys and values: expected one of its keys behind it"))
        }
    }
}

const MERGE: &str = "merge keys (`<<`) are not read: write the keys out";

/// Says that a path is not known, and which one is near it.
fn unknown(path: &str) -> String {
    if path.ends_with("<<") {
        return MERGE.into();
    }
    let known = KEYS.iter().map(|key| key.path).chain([COLLECTIONS]);
    match nearest(path, known) {
        Some(near) => format!("unknown key `{path}`; the nearest known key is `{near}`"),
        None => format!("unknown key `{path}`; `m2m config init -` shows all keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(path: &str) -> String {
        slot(path).unwrap().to_string()
    }

    fn refusal(path: &str) -> String {
        slot(path).unwrap_err()
    }

    #[test]
    fn sections_and_keys_are_told_apart() {
        let place = |path: &str| Place::root().below(path);
        assert!(matches!(place("target"), Ok(Place::Section(_))));
        assert!(matches!(place("Target.REMOTE"), Ok(Place::Section(_))));
        assert!(matches!(place("target.remote.sk"), Ok(Place::Slot(_))));
        assert!(matches!(place("M2M.Collections"), Ok(Place::Collections)));
        for unknown in ["tar", "target.remote.s", "target.remote.sk.x", "targét", "", "m2m.collectionsx"] {
            assert!(place(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn the_nearest_key_is_one_that_was_meant() {
        for (typed, meant) in [
            ("loader.worker.limits", "loader.worker.limit"),
            ("target.remote.usesll", "target.remote.useSSL"),
            ("source.local.tableDir", "source.local.tablesDir"),
            ("target.milvus2x.user", "target.milvus2x.username"),
            ("m2m.collection", "m2m.collections"),
            ("m2m.collection.films.where", "m2m.collections"),
            ("m2m.duplicate", "m2m.duplicates"),
            ("m2m.collections.films.ipToCosin", "m2m.collections.films.ipToCosine"),
            ("m2m.collections.films.field.title.type", "m2m.collections.films.fields"),
            ("m2m.collections.films.fields.title.maxlen", "m2m.collections.films.fields.title.maxLength"),
        ] {
            assert!(refusal(typed).contains(&format!("`{meant}`")), "{}", refusal(typed));
        }
        assert!(refusal("zebra").contains("config init"));
        assert!(refusal("m2m.collections.films.zebra").contains("`where`, `query`"));
        assert!(refusal("m2m.collections.films.fields.title.zebra").contains("`name`, `type`, `maxLength`"));
    }

    #[test]
    fn keys_are_known_in_any_case_and_names_keep_theirs() {
        assert_eq!(path_of("M2M.COLLECTIONS.Films.WHERE"), "m2m.collections.Films.where");
        assert_eq!(
            path_of("m2m.collections.FILMS.Fields.Title.MAXLENGTH"),
            "m2m.collections.FILMS.fields.Title.maxLength"
        );
    }

    #[test]
    fn a_name_with_dots_stands_in_quotes() {
        for path in [
            "m2m.collections.\"a.b\".where",
            "m2m.collections.\"a.b\".fields.\"c.d\".type",
            "m2m.collections.where.where",
            "m2m.collections.fields.fields.fields.name",
            "m2m.collections.a.fields.\"x=y\".name",
        ] {
            assert_eq!(path_of(path), path);
        }
        let slot = slot("m2m.collections.\"a.b\".fields.\"c.d\".type").unwrap();
        let owner = Owner::Of { collection: "a.b".into(), column: Some("c.d".into()) };
        assert_eq!(slot.owner, owner);
        for path in [
            "m2m.collections.a.b.where",
            "m2m.collections.\"a.b.where",
            "m2m.collections.\"a\"b.where",
            "m2m.collections..where",
            "m2m.collections.\"\".where",
            "m2m.collections.a.fields..type",
            "m2m.collections.a.where.b",
            "m2m.collections.a",
            "m2m.collections.a.fields",
            "m2m.collections.a.fields.b",
            "m2m.collections.",
            "m2m.collections",
        ] {
            assert!(!refusal(path).is_empty(), "{path}");
        }
        assert!(refusal("m2m.collections.a.where.b").contains("holds a value"));
        assert!(refusal("m2m.collections.a").contains("holds keys"));
    }
}
