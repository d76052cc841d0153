// SPDX-License-Identifier: Apache-2.0

use crate::error::{Error, Result};

/// The longest name that a collection, a partition or a field may have.
pub(super) const MAX_LEN: usize = 255;
/// Fields that the server adds to every collection.
const RESERVED_FIELDS: [&str; 2] = ["RowID", "Timestamp"];
/// Words that mean something in a filter, however they are written.
const KEYWORDS: [&str; 6] = ["and", "in", "like", "not", "null", "or"];
/// Likewise, written in small or in capital letters.
const FUNCTIONS: [&str; 11] = [
    "array_contains",
    "array_contains_all",
    "array_contains_any",
    "array_length",
    "exists",
    "json_contains",
    "json_contains_all",
    "json_contains_any",
    "phrase_match",
    "random_sample",
    "text_match",
];
/// Likewise, written in one of these ways.
const TRUTHS: [&str; 6] = ["true", "True", "TRUE", "false", "False", "FALSE"];

/// Checks the name of a collection: a letter or an underscore, then letters,
/// digits and underscores, 255 in all at most.
///
/// Every name that 1.x accepts passes.
///
/// # Errors
///
/// When the server would refuse the name; the error says why.
pub fn check_collection_name(name: &str) -> Result<()> {
    check("a collection", name)
}

/// Checks the name of a field: as for a collection, and none of the names
/// that the server uses itself, nor a word of its filters. Servers before 2.5
/// may take such a word, but a newer one refuses it, and no filter can name
/// the field.
///
/// # Errors
///
/// When the server would refuse the name; the error says why.
pub fn check_field_name(name: &str) -> Result<()> {
    if RESERVED_FIELDS.contains(&name) {
        return Err(invalid("a field", name, "Milvus has a field of this name in every collection"));
    }
    if is_keyword(name) {
        return Err(invalid("a field", name, "it is a word of Milvus' filters"));
    }
    check("a field", name)
}

fn is_keyword(name: &str) -> bool {
    let is_function = |function: &str| name == function || name == function.to_ascii_uppercase();
    KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
        || FUNCTIONS.iter().any(|function| is_function(function))
        || TRUTHS.contains(&name)
}

pub(super) fn is_legal_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn check(what: &'static str, name: &str) -> Result<()> {
    if !(1..=MAX_LEN).contains(&name.len()) {
        return Err(invalid(what, name, "expected 1 to 255 characters"));
    }
    if !name.chars().all(is_legal_char) {
        return Err(invalid(what, name, "expected letters of a to z, digits and underscores"));
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(invalid(what, name, "expected a letter or an underscore at its start"));
    }
    Ok(())
}

fn invalid(what: &'static str, name: &str, reason: &'static str) -> Error {
    Error::InvalidName { what, name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_underscores_are_legal() {
        let longest = "a".repeat(255);
        for name in ["a", "_", "_1", "Films_2019", "id", "vector", longest.as_str()] {
            check_collection_name(name).unwrap();
            check_field_name(name).unwrap();
        }
    }

    #[test]
    fn other_names_are_refused_with_the_reason() {
        let too_long = "a".repeat(256);
        let names = [
            ("", "1 to 255"),
            (too_long.as_str(), "1 to 255"),
            ("1a", "at its start"),
            ("new york", "underscores"),
            ("a-b", "underscores"),
            ("a.b", "underscores"),
            ("../a", "underscores"),
            ("$meta", "underscores"),
            ("日本", "underscores"),
            ("a\n", "underscores"),
        ];
        for (name, reason) in names {
            for error in [check_collection_name(name).unwrap_err(), check_field_name(name).unwrap_err()] {
                assert!(matches!(error, Error::InvalidName { .. }), "{error:?}");
                assert!(error.to_string().contains(reason), "{error}");
            }
        }
        assert_eq!(
            check_field_name("my id").unwrap_err().to_string(),
            "cannot use `my id` as the name of a field in Milvus: expected letters of a to z, digits and underscores"
        );
    }

    #[test]
    fn words_of_filters_are_no_names_of_fields() {
        for name in ["in", "IN", "In", "nOT", "Null", "like", "true", "True", "TRUE", "exists", "EXISTS"] {
            let error = check_field_name(name).unwrap_err().to_string();
            assert!(error.ends_with("it is a word of Milvus' filters"), "{error}");
            check_collection_name(name).unwrap();
        }
        check_field_name("JSON_CONTAINS_ANY").unwrap_err();
        for name in ["inn", "tRUE", "Exists", "Json_Contains", "interval", "iso", "index", "_in", "id"] {
            check_field_name(name).unwrap();
        }
    }

    #[test]
    fn the_fields_of_the_server_itself_are_refused() {
        for name in ["RowID", "Timestamp"] {
            assert!(check_field_name(name).unwrap_err().to_string().contains("in every collection"));
            check_collection_name(name).unwrap();
        }
        check_field_name("timestamp").unwrap();
    }
}
