// SPDX-License-Identifier: Apache-2.0
//! Finding a collection by the name that a user gives.

/// Names that are shown when there is no such collection.
const SHOWN: usize = 3;

/// Returns the name that is meant: the exact one, or else the only one that
/// differs in case alone.
pub(crate) fn resolve<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let Some(exact) = known.clone().find(|known| *known == name) {
        return Some(exact);
    }
    let mut alike = known.filter(|known| known.to_lowercase() == name.to_lowercase());
    alike.next().filter(|_| alike.next().is_none())
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
        assert_eq!(resolve("photos", known.into_iter()), Some("photos"));
        assert_eq!(resolve("Photos", known.into_iter()), Some("Photos"));
        assert_eq!(resolve("PHOTOS", known.into_iter()), None);
        assert_eq!(resolve("faces", known.into_iter()), Some("Faces"));
        assert_eq!(resolve("x", known.into_iter()), None);
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
