// SPDX-License-Identifier: Apache-2.0
//! The name that was meant.

/// How much alike two names must be to be taken for one another.
const ALIKE: f64 = 0.8;

/// Returns the name that is most like `text`, if one is much like it.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&text, &name.to_lowercase());
    let best = names.map(|name| (likeness(name), name)).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness > ALIKE).map(|(_, name)| name)
}

/// Returns the names that are most like `text`, the most alike first.
pub(crate) fn nearest_few(text: &str, names: impl Iterator<Item = String>, few: usize) -> Vec<String> {
    let text = text.to_lowercase();
    let mut alike: Vec<(f64, String)> = names
        .map(|name| (strsim::jaro_winkler(&text, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    alike.dedup_by(|one, other| one.1 == other.1);
    alike.into_iter().take(few).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_much_alike_is_found_and_nothing_else() {
        let names = ["l2_distance", "l2_norm", "hamming_distance", "Table"];
        assert_eq!(nearest("l2_distnce", names.into_iter()), Some("l2_distance"));
        assert_eq!(nearest("TABLE", names.into_iter()), Some("Table"));
        assert_eq!(nearest("zebra", names.into_iter()), None);
        assert_eq!(nearest("", names.into_iter()), None);
        let few = nearest_few("l2_nrm", names.into_iter().map(str::to_owned), 1);
        assert_eq!(few, ["l2_norm"]);
    }
}
