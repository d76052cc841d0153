// SPDX-License-Identifier: Apache-2.0
//! Finding a key by what somebody wrote.

use super::keys::{KEYS, Key};
use crate::nearest::nearest;

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Place {
    Key(&'static Key),
    Section,
}

/// Returns what a path names, whatever its case.
pub(crate) fn place(path: &str) -> Option<Place> {
    if let Some(key) = key(path) {
        return Some(Place::Key(key));
    }
    let is_above = |key: &Key| {
        let head = key.path.get(..path.len()).is_some_and(|head| head.eq_ignore_ascii_case(path));
        head && key.path.as_bytes().get(path.len()) == Some(&b'.')
    };
    KEYS.iter().any(|key| is_above(key)).then_some(Place::Section)
}

/// Returns the key with this path, whatever its case.
pub(crate) fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path.eq_ignore_ascii_case(path)).copied()
}

/// Says that a path is not known, and which one is near it.
pub(crate) fn unknown(path: &str) -> String {
    if path.ends_with("<<") {
        return "merge keys (`<<`) are not read: write the keys out".into();
    }
    match nearest(path, KEYS.iter().map(|key| key.path)) {
        Some(near) => format!("unknown key `{path}`; the nearest known key is `{near}`"),
        None => format!("unknown key `{path}`; `m2m config init -` shows all keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_keys_are_told_apart() {
        assert!(matches!(place("target"), Some(Place::Section)));
        assert!(matches!(place("Target.REMOTE"), Some(Place::Section)));
        assert!(matches!(place("target.remote.sk"), Some(Place::Key(_))));
        for unknown in ["tar", "target.remote.s", "target.remote.sk.x", "targét", ""] {
            assert!(place(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn the_nearest_key_is_one_that_was_meant() {
        for (typed, meant) in [
            ("loader.worker.limits", "loader.worker.limit"),
            ("target.remote.usesll", "target.remote.useSSL"),
            ("source.local.tableDir", "source.local.tablesDir"),
            ("target.milvus2x.user", "target.milvus2x.username"),
        ] {
            assert!(unknown(typed).contains(&format!("`{meant}`")), "{}", unknown(typed));
        }
        assert!(unknown("zebra").contains("config init"));
    }
}
