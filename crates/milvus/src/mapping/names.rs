// SPDX-License-Identifier: Apache-2.0

use crate::error::{Error, Result};

/// The longest name that a collection, a partition or a field may have.
pub(super) const MAX_LEN: usize = 255;
/// Fields that the server adds to every collection.
const RESERVED_FIELDS: [&str; 2] = ["RowID", "Timestamp"];

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
/// that the server uses itself.
///
/// # Errors
///
/// When the server would refuse the name; the error says why.
pub fn check_field_name(name: &str) -> Result<()> {
    if RESERVED_FIELDS.contains(&name) {
        return Err(invalid("a field", name, "Milvus has a field of this name in every collection"));
    }
    check("a field", name)
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
    fn the_fields_of_the_server_itself_are_refused() {
        for name in ["RowID", "Timestamp"] {
            assert!(check_field_name(name).unwrap_err().to_string().contains("in every collection"));
            check_collection_name(name).unwrap();
        }
        check_field_name("timestamp").unwrap();
    }
}
