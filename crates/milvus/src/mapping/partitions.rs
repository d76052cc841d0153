// SPDX-License-Identifier: Apache-2.0

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::names::{MAX_LEN, is_legal_char};

/// A stem leaves room for the longest suffix.
const STEM_LEN: usize = 200;

/// Names for the partitions of a collection, in the order of their tags.
///
/// A tag of 1.x may be any text, a name of 2.x has letters, digits and
/// underscores only. A tag that is such a name keeps it. Another gets a name
/// made of what is legal in it and a hash of the whole tag. Different tags
/// never get the same name, and the names do not depend on the tags' order.
///
/// ```
/// use m2m_milvus::mapping::partition_names;
///
/// let names = partition_names(&["_default", "2019", "new york"]);
/// assert_eq!(names, ["_default", "2019", "new_york_a361ce1f"]);
/// ```
#[must_use]
pub fn partition_names(tags: &[&str]) -> Vec<String> {
    named(tags, fnv1a)
}

/// For each tag of a collection, whether another one would get the same name in
/// [`partition_names`], did it not add suffixes.
///
/// ```
/// use m2m_milvus::mapping::colliding_tags;
///
/// assert_eq!(colliding_tags(&["new_york", "new york", "2019"]), [true, true, false]);
/// ```
#[must_use]
pub fn colliding_tags(tags: &[&str]) -> Vec<bool> {
    let readable = |tag: &str| if is_legal(tag) { tag.to_owned() } else { stem(tag) };
    let mut tags_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for tag in tags {
        tags_of.entry(readable(tag)).or_default().insert(tag);
    }
    tags.iter().map(|tag| tags_of.get(&readable(tag)).is_some_and(|same| same.len() > 1)).collect()
}

fn named(tags: &[&str], hash: fn(&str) -> u64) -> Vec<String> {
    let mut taken: HashSet<String> =
        tags.iter().filter(|tag| is_legal(tag)).map(|tag| (*tag).to_owned()).collect();
    let illegal: BTreeSet<&str> = tags.iter().copied().filter(|tag| !is_legal(tag)).collect();
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    for tag in illegal {
        let (stem, hash) = (stem(tag), format!("{:016x}", hash(tag)));
        let short = format!("{stem}_{}", hash.get(..8).unwrap_or(&hash));
        let longer = format!("{stem}_{hash}");
        let candidates = [short, longer.clone()].into_iter();
        let numbered = (2_u64..).map(|number| format!("{longer}_{number}"));
        if let Some(name) = candidates.chain(numbered).find(|name| !taken.contains(name)) {
            taken.insert(name.clone());
            made.insert(tag, name);
        }
    }
    tags.iter().map(|tag| made.get(tag).map_or_else(|| (*tag).to_owned(), Clone::clone)).collect()
}

fn is_legal(tag: &str) -> bool {
    (1..=MAX_LEN).contains(&tag.len()) && tag.chars().all(is_legal_char)
}

/// What can be read of a tag: runs of other characters become one underscore.
fn stem(tag: &str) -> String {
    let words = tag.split(|c| !is_legal_char(c)).filter(|word| !word.is_empty());
    let mut stem = words.collect::<Vec<_>>().join("_");
    stem.truncate(STEM_LEN);
    if stem.is_empty() { "partition".to_owned() } else { stem }
}

/// FNV-1a with 64 bits: short, and the same for ever.
fn fnv1a(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_sound(tags: &[&str], names: &[String]) {
        assert_eq!(tags.len(), names.len());
        for (tag, name) in tags.iter().zip(names) {
            assert!(is_legal(name), "`{tag}` became `{name}`");
            for (other_tag, other_name) in tags.iter().zip(names) {
                assert_eq!(tag == other_tag, name == other_name, "`{tag}` and `{other_tag}` became `{name}`");
            }
        }
    }

    #[test]
    fn fnv1a_gives_the_published_values() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn legal_tags_keep_their_names() {
        let longest = "a".repeat(255);
        let tags = ["_default", "2019", "A_b", "a_B", longest.as_str()];
        assert_eq!(partition_names(&tags), tags);
    }

    #[test]
    fn other_tags_keep_what_can_be_read_of_them() {
        let too_long = "a".repeat(256);
        let tags =
            ["", " ", "日本", "new-york", "new york", "new.york", "ü", "a\u{0}b", "-x-", too_long.as_str()];
        let names = partition_names(&tags);
        assert_sound(&tags, &names);
        assert!(names[0].starts_with("partition_") && names[2].starts_with("partition_"), "{names:?}");
        assert!(names[3].starts_with("new_york_") && names[4].starts_with("new_york_"), "{names:?}");
        assert_eq!(names[3].len(), "new_york_".len() + 8);
        assert!(names[8].starts_with("x_"), "{names:?}");
    }

    #[test]
    fn names_do_not_depend_on_the_order_of_the_tags() {
        let mut tags = ["_default", "new-york", "new york", "日本", "x"];
        let pairs = |tags: &[&'static str]| {
            let names = partition_names(tags);
            tags.iter().copied().zip(names).collect::<BTreeMap<_, _>>()
        };
        let before = pairs(&tags);
        tags.reverse();
        assert_eq!(pairs(&tags), before);
        tags.swap(0, 3);
        assert_eq!(pairs(&tags), before);
    }

    #[test]
    fn a_tag_that_looks_like_a_made_name_keeps_it() {
        let made = partition_names(&["new york"]).remove(0);
        let tags = ["new york", made.as_str()];
        let names = partition_names(&tags);
        assert_sound(&tags, &names);
        assert_eq!(names[1], made);
        assert_eq!(names[0].len(), "new_york_".len() + 16);
    }

    #[test]
    fn tags_of_the_same_hash_and_stem_get_different_names() {
        let tags = ["a-b", "a b", "a.b", "a/b", "a_b"];
        let names = named(&tags, |_| 7);
        assert_sound(&tags, &names);
        let reversed = ["a_b", "a/b", "a.b", "a b", "a-b"];
        let mut of_reversed = named(&reversed, |_| 7);
        of_reversed.reverse();
        assert_eq!(of_reversed, names);
    }

    #[test]
    fn tags_collide_when_a_suffix_alone_tells_their_names_apart() {
        assert_eq!(colliding_tags(&[]), [] as [bool; 0]);
        assert_eq!(colliding_tags(&["_default", "a-b", "a_b", "ab"]), [false, true, true, false]);
        assert_eq!(colliding_tags(&["a-b", "a b", "-a.b-"]), [true, true, true]);
        // Nothing legal is in either; `partition` is what they are called then.
        assert_eq!(colliding_tags(&["日本", "中国", "x"]), [true, true, false]);
        assert_eq!(colliding_tags(&["日本", "partition"]), [true, true]);
        assert_eq!(colliding_tags(&["日本", "中"]), [true, true]);
        // Milvus tells cases apart, and a tag is no other tag than itself.
        assert_eq!(colliding_tags(&["a b", "A_b"]), [false, false]);
        assert_eq!(colliding_tags(&["a b", "a b"]), [false, false]);
        let (long, longer) = ("a".repeat(256), "a".repeat(300));
        assert_eq!(colliding_tags(&[&long, &longer, &long[..200]]), [true, true, true]);
    }

    #[test]
    fn the_same_tag_twice_gets_the_same_name_twice() {
        let tags = ["a b", "a b"];
        assert_sound(&tags, &partition_names(&tags));
    }
}
