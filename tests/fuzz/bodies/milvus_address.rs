// SPDX-License-Identifier: Apache-2.0
//! Addresses of Milvus 2.x.

use m2m_milvus::ConnectOptions;

use super::input::said;

const PASSWORD: &str = "pa55w0rd";

/// An address is shown as one that means the same; what stands before an `@` is never shown.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parse = |uri: String| ConnectOptions { uri, ..ConnectOptions::default() };
    if let Ok(shown) = parse(text.into()).address() {
        assert_eq!(parse(shown.clone()).address().unwrap(), shown);
    }
    if text.contains(PASSWORD) {
        return;
    }
    for uri in [
        format!("http://user:{PASSWORD}@{text}"),
        format!("{PASSWORD}@{text}"),
        format!("{PASSWORD}{text}@host"),
    ] {
        let options = parse(uri);
        if let Err(error) = options.address() {
            assert!(!said(&error).contains(PASSWORD), "{error}");
        }
        assert!(!format!("{options:?}").contains(PASSWORD), "{options:?}");
    }
}
