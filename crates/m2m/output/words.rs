// SPDX-License-Identifier: Apache-2.0
//! Numbers and names as they are shown.

use indicatif::HumanCount;

/// A number and what it counts.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// Text of an installation, with what cannot be seen, or would reorder what stands beside
/// it, spelled out: such a character may be all that two names differ in. Lines and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    spelled_out(text, |letter| matches!(letter, '\n' | '\t'))
}

/// The same on one line, which can write nothing else on a terminal.
pub(crate) fn one_line(text: &str) -> String {
    spelled_out(text, |_| false)
}

fn spelled_out(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut visible = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if stays(letter) => visible.push(letter),
            letter if is_unseen(letter) => visible.extend(letter.escape_default()),
            letter => visible.push(letter),
        }
    }
    visible
}

fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_cannot_write_on_the_terminal() {
        let tag = "a\u{1b}[2Jb\nc\u{9b}é\u{202e}";
        assert_eq!(one_line(tag), "a\\u{1b}[2Jb\\nc\\u{9b}é\\u{202e}");
        assert_eq!(visible("a\u{0}\tb\n\u{feff}"), "a\\u{0}\tb\n\\u{feff}");
    }

    #[test]
    fn one_is_counted_as_one() {
        assert_eq!(
            [counted(1, "row"), counted(12_345, "row"), counted(0, "row")],
            ["1 row", "12,345 rows", "0 rows"]
        );
    }
}
