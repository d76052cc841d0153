// SPDX-License-Identifier: Apache-2.0
//! The configuration: `migration.yaml` as milvus-migration knows it, plus one
//! block of our own, `m2m`, which that tool ignores.
//!
//! A value is taken from the first of these that has one: a flag, `--set`, an
//! environment variable, the file, the default.

mod collections;
mod exposure;
mod file;
pub(crate) mod keys;
mod names;
pub(crate) mod page;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use m2m_storage::{Cloud, Secret};

use crate::error::{Error, Result};
use crate::nearest::nearest;
pub(crate) use collections::{CollectionConfig, FieldConfig};
pub(crate) use exposure::has_password;
use keys::{KEYS, Key, Kind};
use names::{Owner, Slot};
pub(crate) use value::Value;

/// Where a configuration is looked for when none is named.
const LOOKUP: [&str; 2] = ["migration.yaml", "configs/migration.yaml"];
/// What environment variables of keys begin with. One that
/// is not known is refused there, because it is a misspelt key.
const SECTIONS: [&str; 8] = [
    OF_COLLECTIONS,
    "M2M_DUMPER_",
    "M2M_LOADER_",
    "M2M_META_",
    "M2M_SOURCE_",
    "M2M_TARGET_",
    "M2M_S3_",
    "M2M_MILVUS_",
];

/// What such a variable of a single collection begins with; there is none.
const OF_COLLECTIONS: &str = "M2M_COLLECTIONS";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    File(PathBuf),
    Variable(String),
    Set,
    Flag(&'static str),
}

impl Origin {
    /// What counts more has the higher rank.
    fn rank(&self) -> u8 {
        match self {
            Self::File(_) => 1,
            Self::Variable(_) => 2,
            Self::Set => 3,
            Self::Flag(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Set => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// What was typed: `--set` and the flags that stand for keys. It may hold
/// secrets, so it has no `Debug`.
#[derive(Default)]
pub(crate) struct Typed<'a> {
    /// `key=value`.
    pub(crate) set: &'a [String],
    /// Key and values of each flag that was given.
    pub(crate) flags: Vec<(&'static Key, Vec<String>)>,
}

/// The values that count, each with where it comes from.
#[derive(Default)]
pub(crate) struct Config {
    file: Option<PathBuf>,
    /// By whose they are and the path of their key.
    values: BTreeMap<(Owner, &'static str), (Value, Origin)>,
}

/// Shows the keys alone: a text may hold a secret where none belongs.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Config {
    /// Reads the named file, or the first that the lookup finds, and lays the
    /// environment and what was typed over it.
    pub(crate) fn load(
        named: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        typed: &Typed<'_>,
    ) -> Result<Self> {
        let found =
            named.map(PathBuf::from).or_else(|| LOOKUP.iter().map(PathBuf::from).find(|path| path.is_file()));
        let mut config = Self::default();
        if let Some(path) = found {
            config.add_file(path)?;
        }
        config.add_variables(variables)?;
        for pair in typed.set {
            config.add_pair(pair)?;
        }
        for (key, values) in &typed.flags {
            config.add_flag(key, values)?;
        }
        config.check_collections()?;
        Ok(config)
    }

    fn add_file(&mut self, path: PathBuf) -> Result<()> {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| Error::ReadConfig { path: path.clone(), source })?;
        // Some editors begin a file with a mark, which is no YAML.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let settings = file::read(text).map_err(|source| Error::Config { path: path.clone(), source })?;
        for (slot, value) in settings {
            self.insert(slot, value, Origin::File(path.clone()));
        }
        self.file = Some(path);
        Ok(())
    }

    fn add_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let variables: BTreeMap<String, String> =
            variables.into_iter().filter(|(name, _)| name.starts_with("M2M_")).collect();
        let by_path: Vec<(String, &'static Key)> = KEYS.iter().map(|key| (key.environment(), *key)).collect();
        let short: Vec<&str> = KEYS.iter().filter_map(|key| key.variable).collect();
        for (name, text) in variables.iter().filter(|(_, text)| !text.is_empty()) {
            if let Some((_, key)) = by_path.iter().find(|(known, _)| known == name) {
                self.add(Slot::of_run(key), text, Origin::Variable(name.clone()))?;
            } else if SECTIONS.iter().any(|section| name.starts_with(section))
                && !short.contains(&name.as_str())
            {
                let known = by_path.iter().map(|(known, _)| known.as_str()).chain(short.iter().copied());
                let reason = unknown_variable(name, known);
                return Err(Error::Setting { setting: name.clone(), reason });
            }
        }
        // The short names are laid over the long ones, so they count first.
        for key in KEYS.iter().filter(|key| key.variable.is_some()) {
            let found = key.variable.and_then(|name| variables.get_key_value(name));
            if let Some((name, text)) = found.filter(|(_, text)| !text.is_empty()) {
                self.add(Slot::of_run(key), text, Origin::Variable(name.clone()))?;
            }
        }
        Ok(())
    }

    fn add_pair(&mut self, pair: &str) -> Result<()> {
        let wrong = |reason: String| Error::Setting { setting: "--set".into(), reason };
        let Some((path, text)) = split_pair(pair) else {
            // What stands there may be a secret without its key.
            return Err(wrong("expected `key=value`, found no `=`".into()));
        };
        let slot = names::slot(path.trim()).map_err(wrong)?;
        self.add(slot, text, Origin::Set)
    }

    fn add_flag(&mut self, key: &'static Key, values: &[String]) -> Result<()> {
        let Some(flag) = key.flag else { return Ok(()) };
        if values.iter().any(|text| text.trim().is_empty()) {
            // A variable of the shell that is not set, most likely: nothing else may stand in for it.
            let reason = "expected a value, found nothing".into();
            return Err(Error::Setting { setting: flag.into(), reason });
        }
        if matches!(key.kind, Kind::List) {
            self.insert(Slot::of_run(key), Value::List(values.to_vec()), Origin::Flag(flag));
            return Ok(());
        }
        values.iter().try_for_each(|text| self.add(Slot::of_run(key), text, Origin::Flag(flag)))
    }

    fn add(&mut self, slot: Slot, text: &str, origin: Origin) -> Result<()> {
        let setting = match &origin {
            Origin::Set => format!("--set {slot}"),
            other => other.to_string(),
        };
        match Value::parse(slot.key, text).map_err(|reason| Error::Setting { setting, reason })? {
            Some(value) => self.insert(slot, value, origin),
            // An empty `--set` takes back what stands below it.
            None => drop(self.values.remove(&(slot.owner, slot.key.path))),
        }
        Ok(())
    }

    fn insert(&mut self, slot: Slot, value: Value, origin: Origin) {
        self.values.insert((slot.owner, slot.key.path), (value, origin));
    }

    /// The file that was read, if one was.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The value at a key and where it comes from.
    pub(crate) fn get(&self, key: &Key) -> Option<(&Value, &Origin)> {
        self.get_of(&Owner::Run, key)
    }

    /// The same, of a collection or a column.
    fn get_of(&self, owner: &Owner, key: &Key) -> Option<(&Value, &Origin)> {
        self.values.get(&(owner.clone(), key.path)).map(|(value, origin)| (value, origin))
    }

    /// Whose values there are; the run comes first, whether it has any or not.
    fn owners(&self) -> BTreeSet<&Owner> {
        self.values.keys().map(|(owner, _)| owner).chain([&Owner::Run]).collect()
    }

    /// Whether anything is said at a key.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// How much the strongest of these keys counts; nothing when none is there.
    /// Of two ways to say one thing, the one that counts more is meant.
    pub(crate) fn rank(&self, keys: &[&Key]) -> Option<u8> {
        keys.iter().filter_map(|key| self.get(key)).map(|(_, origin)| origin.rank()).max()
    }

    /// A text, or the word of a choice.
    pub(crate) fn text(&self, key: &Key) -> Option<&str> {
        self.text_of(&Owner::Run, key)
    }

    fn text_of(&self, owner: &Owner, key: &Key) -> Option<&str> {
        match self.get_of(owner, key) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn secret(&self, key: &Key) -> Option<&Secret> {
        match self.get(key) {
            Some((Value::Secret(secret), _)) => Some(secret),
            _ => None,
        }
    }

    pub(crate) fn list(&self, key: &Key) -> &[String] {
        match self.get(key) {
            Some((Value::List(list), _)) => list,
            _ => &[],
        }
    }

    pub(crate) fn flag(&self, key: &Key) -> Option<bool> {
        match self.get(key) {
            Some((Value::Flag(flag), _)) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, key: &Key) -> Option<u64> {
        match self.get(key) {
            Some((Value::Integer(number), _)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn cloud(&self, key: &Key) -> Option<Cloud> {
        match self.get(key) {
            Some((Value::Cloud(cloud), _)) => Some(*cloud),
            _ => None,
        }
    }

    /// All values, each with whose it is and where it comes from.
    fn settings(&self) -> impl Iterator<Item = (Slot, &Value, &Origin)> {
        self.values.iter().filter_map(|((owner, path), (value, origin))| {
            let key = owner.keys().iter().find(|key| key.path == *path)?;
            Some((Slot { owner: owner.clone(), key }, value, origin))
        })
    }

    /// What is accepted and means nothing, and secrets that others can read.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let unused = KEYS.iter().filter_map(|key| match key.kind {
            Kind::Unused(why) if self.has(key) => Some(format!("`{}` has no effect: {why}", key.path)),
            _ => None,
        });
        unused.chain(exposure::warnings(self)).collect()
    }
}

/// Parts `key=value` at the first `=` that stands in no quoted name.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let equals = pair.find(|c| {
        is_quoted ^= c == '"';
        c == '=' && !is_quoted
    })?;
    Some((pair.get(..equals)?, pair.get(equals + 1..)?))
}

/// Says that an environment variable names no key, and what is near.
fn unknown_variable<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    if name.starts_with(OF_COLLECTIONS) {
        return format!(
            "there are no environment variables below `{}`: write it into the file, or use `--set`",
            names::COLLECTIONS
        );
    }
    let near = nearest(name, known);
    let near = near.map_or_else(String::new, |near| format!("; the nearest known one is `{near}`"));
    format!("this environment variable names no key{near}")
}

#[cfg(test)]
mod tests;
