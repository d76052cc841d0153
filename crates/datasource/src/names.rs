// SPDX-License-Identifier: Apache-2.0
//! Finding a collection by the name that a user gives.

use crate::error::{Error, Result};

/// Names that are shown when there is no such collection.
const SHOWN: usize = 3;

/// Returns the name that is meant: the exact one, or else the only one that
/// differs in case alone, or none.
///
/// # Errors
///
/// [`Error::AmbiguousName`] when several differ in case alone.
pub(crate) fn resolve<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<Option<&'a str>> {
    if let Some(exact) = known.clone().find(|known| *known == name) {
        return Ok(Some(exact));
    }
    let lower = name.to_lowercase();
    let alike: Vec<&str> = known.filter(|known| known.to_lowercase() == lower).collect();
    match alike.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let candidates: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            Err(Error::AmbiguousName { name: name.into(), candidates: candidates.join(", ") })
        }
    }
}

/// Says which names are near, for a message.
pub(crate) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &str)> =
        known.map(|known| (distance(&lower, &known.to_lowercase()), known)).collect();
    near.sort();
    let near: Vec<String> = near.iter().take(SHOWN).map(|(_, known)| format!("`{known}`")).collect();
    match near.as_slice() {
        [] => "; the installation has none".into(),
        near => format!("; the nearest names are {}", near.join(", ")),
    }
}

/// Edits that turn one name into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        for (cell, &wanted) in row.iter_mut().skip(1).zip(&other) {
            let best = (diagonal + usize::from(letter != wanted)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_comes_first_and_case_is_forgiven_when_it_is_unique() {
        let known = ["Photos", "photos", "Faces"];
        let found = |name| resolve(name, known.into_iter()).unwrap();
        assert_eq!(found("photos"), Some("photos"));
        assert_eq!(found("Photos"), Some("Photos"));
        assert_eq!(found("faces"), Some("Faces"));
        assert_eq!(found("x"), None);
    }

    #[test]
    fn a_name_that_could_be_two_is_an_error_with_both() {
        let error = resolve("PHOTOS", ["Photos", "photos", "Faces"].into_iter()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("collection `PHOTOS` could be any of `Photos`, `photos`: "), "{text}");
    }

    #[test]
    fn the_nearest_names_are_shown() {
        assert_eq!(distance("float_l3", "float_l2"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        let hint = hint("float_l3", ["zzz", "float_l2", "ip_parts", "bin"].into_iter());
        assert!(hint.starts_with("; the nearest names are `float_l2`"), "{hint}");
    }
}
