// SPDX-License-Identifier: Apache-2.0
//! Addresses of MySQL databases.

use m2m_catalog::MySql;

use super::input::said;

const PASSWORD: &str = "pa55w0rd";

/// No password is shown, whatever stands around it, and no error repeats the text.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    parse(text, false);
    if text.contains("pa55w0rd") {
        return;
    }
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    // With a `/` or an `@` of its own a text may also be read otherwise.
    let is_plain = !text.contains(['/', '@']);
    parse(&format!("{one}:{PASSWORD}@tcp({other})/milvus"), is_plain);
    parse(&format!("user:{PASSWORD}@{one}/{other}"), false);
    parse(&format!("mysql://user:{PASSWORD}@host/{text}"), true);
    parse(&format!("mysql://user:{PASSWORD}@{text}"), false);
}

/// `is_plain` when the password cannot have become a part of a name, as that of a user
/// whose password has an `@` does.
fn parse(text: &str, is_plain: bool) {
    let address = match MySql::parse(text) {
        Ok(address) => address,
        Err(error) => {
            assert!(!said(&error).contains(PASSWORD), "{text}: {error}");
            return;
        }
    };
    let shown = format!("{address} {address:?}");
    assert!(shown.starts_with("mysql://"), "{shown}");
    if is_plain && address.has_password() {
        assert!(!shown.contains(PASSWORD), "{text}: {shown}");
    }
    let other = address.clone().with_password("another one".into());
    assert_eq!(other.to_string(), address.to_string());
    assert!(other.has_password());
}
