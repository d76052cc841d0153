// SPDX-License-Identifier: Apache-2.0

use std::collections::HashMap;

use m2m_segment::names::is_safe_component;

use crate::{Error, Result};

/// Bytes that a name may have on every usual file system.
const NAME_BYTES_MAX: usize = 255;

/// Returns the name of a column's file.
pub(super) fn of_file(column: &str) -> String {
    format!("{column}.npy")
}

/// Checks that names of columns are names of files, and of different ones.
pub(super) fn check<'a>(columns: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known: HashMap<String, &str> = HashMap::new();
    for column in columns {
        let reason = match known.insert(column.to_lowercase(), column) {
            Some(other) if other == column => Some("another column has the same name".to_owned()),
            Some(other) => Some(format!("it differs from `{other}` in case only")),
            None => fault(column).map(str::to_owned),
        };
        if let Some(reason) = reason {
            return Err(Error::CopyName { column: shortened(column), reason });
        }
    }
    Ok(())
}

fn fault(column: &str) -> Option<&'static str> {
    if column.is_empty() {
        Some("it is empty")
    } else if column.contains(char::is_control) {
        Some("it has a control character")
    } else if !is_safe_component(column) {
        Some("a file's name cannot hold `/` or `\\`, nor be `.` or `..`")
    } else if of_file(column).len() > NAME_BYTES_MAX {
        Some("it is longer than a file's name may be")
    } else {
        None
    }
}

/// A name is an expression when nobody gave one, and those can be long.
fn shortened(column: &str) -> String {
    const SHOWN: usize = 60;
    let escaped = column.escape_debug().to_string();
    match escaped.char_indices().nth(SHOWN) {
        None => escaped,
        Some((end, _)) => format!("{}…", escaped.get(..end).unwrap_or(&escaped)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(columns: &[&str]) -> String {
        check(columns.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn names_that_files_can_have_are_accepted() {
        check(["id", "count(*)", "a b", "..a", "10%", "x#1", "距離"].into_iter()).unwrap();
    }

    #[test]
    fn names_that_leave_the_folder_or_are_none_are_refused() {
        for bad in ["", ".", "..", "a/b", "/etc/passwd", "..\\a", "a\0", "a\nb", "a\u{7f}", "a\u{85}"] {
            assert!(refused(&["id", bad]).contains("`AS`"), "{bad:?}");
        }
        assert!(refused(&[&"x".repeat(252)]).contains("longer than a file's name"));
        check([&*"x".repeat(251)].into_iter()).unwrap();
    }

    #[test]
    fn names_of_the_same_file_are_refused() {
        assert!(refused(&["id", "v", "id"]).contains("`id`: another column has the same name"));
        assert!(refused(&["id", "ID"]).contains("`ID`: it differs from `id` in case only"));
    }

    #[test]
    fn long_names_are_shown_by_their_beginning() {
        let message = refused(&[&format!("{}/x", "é".repeat(1000))]);
        assert!(message.len() < 300 && message.contains('…'), "{message}");
    }
}
