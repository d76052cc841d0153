// SPDX-License-Identifier: Apache-2.0
//! From the text at a key to a value.

use m2m_storage::{Cloud, Secret};

use super::keys::{Key, Kind};

/// What stands at a key.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Secret(Secret),
    List(Vec<String>),
    Flag(bool),
    Integer(u64),
    Cloud(Cloud),
    /// Something at a key that means nothing here.
    Unused,
}

impl Value {
    /// Reads the text at `key`; an empty one counts as nothing.
    ///
    /// The error is what was expected and found, without the key; of a secret
    /// it says nothing.
    pub(crate) fn parse(key: &Key, text: &str) -> Result<Option<Self>, String> {
        let text = if matches!(key.kind, Kind::Secret) { text } else { text.trim() };
        if text.is_empty() && !matches!(key.kind, Kind::Unused(_)) {
            return Ok(None);
        }
        Ok(Some(match &key.kind {
            Kind::Text | Kind::Sql => Self::Text(text.into()),
            Kind::Secret | Kind::Dsn => Self::Secret(Secret::from(text)),
            Kind::List => Self::List(list(text)),
            Kind::Flag => Self::Flag(flag(text)?),
            Kind::Integer(range) => match text.parse::<u64>() {
                Ok(number) if range.contains(&number) => Self::Integer(number),
                _ => {
                    return Err(format!(
                        "expected a whole number from {} to {}, found `{text}`",
                        range.start(),
                        range.end()
                    ));
                }
            },
            Kind::Choice(words) => Self::Text(choice(key, words, text)?),
            Kind::Cloud => {
                Self::Cloud(text.parse().map_err(|expected| format!("{expected}, found `{text}`"))?)
            }
            Kind::Unused(_) => Self::Unused,
        }))
    }
}

/// Several paths in one text stand between semicolons, as the old server wrote them.
fn list(text: &str) -> Vec<String> {
    text.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Anything but these words is refused: to take `yes` for false would switch
/// encryption off in silence.
fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(format!("expected `true` or `false`, found `{text}`")),
    }
}

fn choice(key: &Key, words: &[&str], text: &str) -> Result<String, String> {
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Ok((*word).to_owned());
    }
    let elsewhere = match (key.path, text.to_ascii_lowercase().as_str()) {
        ("dumper.worker.workMode", "faiss") => "; Faiss indexes are migrated by milvus-migration",
        ("dumper.worker.workMode", "elasticsearch" | "milvus2x") | ("meta.mode", "config") => {
            "; Elasticsearch and Milvus 2.x are migrated by VTS (github.com/zilliztech/vts)"
        }
        _ => "",
    };
    Err(format!("expected {}, found `{text}`{elsewhere}", key.kind.words()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn words_for_true_and_false_are_few() {
        for (text, expected) in
            [("true", true), ("T", true), ("1", true), ("False", false), ("f", false), ("0", false)]
        {
            assert!(
                matches!(Value::parse(&keys::TARGET_SSL, text), Ok(Some(Value::Flag(found))) if found == expected)
            );
        }
        for text in ["yes", "on", "no", "2", "tru"] {
            let error = Value::parse(&keys::TARGET_SSL, text).unwrap_err();
            assert!(error.contains("expected `true` or `false`") && error.contains(text), "{error}");
        }
    }

    #[test]
    fn nothing_counts_as_nothing() {
        for key in keys::KEYS.iter().filter(|key| !matches!(key.kind, Kind::Unused(_))) {
            assert!(matches!(Value::parse(key, ""), Ok(None)), "{}", key.path);
        }
    }

    #[test]
    fn a_secret_keeps_its_blanks() {
        let found = Value::parse(&keys::TARGET_SK, " a b ").unwrap();
        assert!(matches!(found, Some(Value::Secret(secret)) if secret.expose() == " a b "));
    }
}
