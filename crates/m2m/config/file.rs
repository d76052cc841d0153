// SPDX-License-Identifier: Apache-2.0
//! The settings in a `migration.yaml`.
//!
//! The file is walked along the known keys, so that a scalar is taken as it is
//! written: a password of digits stays the text it is.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::keys::Kind;
use super::names::{Place, Slot};
use super::value::Value;

/// What a file says, and at which key.
pub(crate) type Setting = (Slot, Value);

/// The deepest nesting of brackets that is read; the parser takes quadratic time for more.
const MAX_DEPTH: usize = 64;

/// Reads the text of a configuration file.
pub(crate) fn read(text: &str) -> Result<Vec<Setting>, serde_yaml::Error> {
    if depth(text) > MAX_DEPTH {
        return Err(serde_yaml::Error::custom(format!("brackets are nested more than {MAX_DEPTH} deep")));
    }
    let mut settings = Vec::new();
    let root = Section { place: Place::root(), settings: &mut settings };
    root.deserialize(serde_yaml::Deserializer::from_str(text))?;
    Ok(settings)
}

/// How many brackets are open at once, at most. Those in a text count too.
fn depth(text: &str) -> usize {
    let mut open: usize = 0;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// What is wrong with a section that is none.
const NO_SECTION: &str = "expected keys and values, found a single value or a list";

/// A mapping of the file, and where what it holds goes.
struct Section<'a> {
    place: Place,
    settings: &'a mut Vec<Setting>,
}

impl<'de> DeserializeSeed<'de> for Section<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Section<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_any(self)
    }

    // What stands in the place of a section may be a secret, and is not repeated.

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(E::custom(NO_SECTION))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(E::custom(NO_SECTION))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(E::custom(NO_SECTION))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom(NO_SECTION))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(NO_SECTION))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom(NO_SECTION))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: Vec<String> = Vec::new();
        let has_names = self.place.has_names();
        while let Some(name) = map.next_key::<String>()? {
            let is_seen = |one: &String| *one == name || (!has_names && one.eq_ignore_ascii_case(&name));
            if seen.iter().any(is_seen) {
                return Err(A::Error::custom(format!("the key `{name}` comes twice")));
            }
            match self.place.below(&name).map_err(A::Error::custom)? {
                Place::Slot(slot) => map.next_value_seed(Leaf { slot, settings: self.settings })?,
                place => map.next_value_seed(Section { place, settings: self.settings })?,
            }
            seen.push(name);
        }
        Ok(())
    }
}

/// The value of a key.
struct Leaf<'a> {
    slot: Slot,
    settings: &'a mut Vec<Setting>,
}

impl Leaf<'_> {
    fn set<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let value = Value::parse(self.slot.key, text).map_err(E::custom)?;
        self.add(value)
    }

    fn add<E: serde::de::Error>(self, value: Option<Value>) -> Result<(), E> {
        // It may stand under its dotted name too.
        if self.settings.iter().any(|(slot, _)| slot.is(&self.slot)) {
            return Err(E::custom(format!("the key `{}` comes twice", self.slot)));
        }
        self.settings.extend(value.map(|value| (self.slot, value)));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        match self.slot.key.kind {
            Kind::Unused(_) => {
                yaml.deserialize_ignored_any(IgnoredAny)?;
                self.add(Some(Value::Unused))
            }
            Kind::List => yaml.deserialize_any(self),
            _ => yaml.deserialize_option(self),
        }
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.slot.key.kind, Kind::List) {
            "a text or a list"
        } else {
            "a single value"
        })
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_str(self)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.set(text)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.set(&number.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<String>()? {
            values.push(value);
        }
        values.retain(|value| !value.trim().is_empty());
        self.add(
            Some(Value::List(values)).filter(|value| !matches!(value, Value::List(list) if list.is_empty())),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn error(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    fn secret(text: &str) -> String {
        match &read(text).unwrap()[..] {
            [(_, Value::Secret(secret))] => secret.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_are_taken_as_they_are_written() {
        for written in ["0123", "1e5", "0x1f", "12345678901234567890123", "true", "1_000", "~x", "1.10"] {
            assert_eq!(secret(&format!("target: {{remote: {{sk: {written}}}}}")), written);
        }
        assert_eq!(secret("target: {remote: {sk: 'a: #b'}}"), "a: #b");
    }

    #[test]
    fn keys_are_known_in_any_case() {
        let found = read("TARGET:\n  Remote:\n    usessl: T\n").unwrap();
        assert!(matches!(&found[..], [(slot, Value::Flag(true))] if slot.key.path == keys::TARGET_SSL.path));
    }

    #[test]
    fn nothing_is_no_setting() {
        for text in
            ["", "# only words\n", "target:\n", "target:\n  remote:\n", "target: {remote: {sk: ~}}", "---\n"]
        {
            assert!(read(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_path_its_line_and_the_nearest_key() {
        let error = error("loader:\n  worker:\n    limits: 3\n");
        assert!(error.contains("`loader.worker.limits`"), "{error}");
        assert!(error.contains("`loader.worker.limit`") && error.contains("line 3"), "{error}");
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_in_whatever_case() {
        for text in [
            "source: {mode: local, Mode: remote}",
            "source.mode: local\nsource: {mode: remote}",
            "SOURCE.mode: local\nsource.Mode: local",
        ] {
            assert!(error(text).contains("comes twice"), "{text}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_line() {
        let error = error("target:\n  remote:\n    useSSL: yes\n");
        assert!(error.contains("useSSL") && error.contains("`yes`") && error.contains("line 3"), "{error}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        for text in [
            "- a\n",
            "just words",
            "target: 3",
            "target: {remote: {sk: [a]}}",
            "source: {mode: {a: b}}",
            "a: b: c",
            "\t",
            "a: *x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_soon() {
        for bracket in ["[", "{a: "] {
            let error = error(&format!("meta: {}", bracket.repeat(100_000)));
            assert!(error.contains("nested"), "{error}");
        }
        assert!(error("target: {<<: {mode: local}}").contains("write the keys out"));
    }

    #[test]
    fn what_stands_in_the_place_of_a_section_is_not_repeated() {
        for text in ["meta: root:hush@tcp(db)/milvus", "target: {remote: hush}", "target: [hush]", "hush"] {
            let error = error(text);
            assert!(error.contains("expected keys and values") && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_list_may_be_a_list_or_one() {
        for text in ["[/a, /b]", "/a;/b"] {
            let found = read(&format!("source: {{local: {{tablesDir: {text}}}}}")).unwrap();
            assert!(matches!(&found[..], [(_, Value::List(list))] if list == &["/a", "/b"]), "{found:?}");
        }
    }

    #[test]
    fn keys_that_mean_nothing_here_are_known_with_all_below_them() {
        let found =
            read("meta: {fields: [{name: a}], milvus: {shardNum: 2}}\nsource: {es: {urls: [x]}}").unwrap();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|(_, value)| matches!(value, Value::Unused)));
    }
}
