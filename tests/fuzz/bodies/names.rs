// SPDX-License-Identifier: Apache-2.0
//! Names that metadata gives, joined to a folder.

use std::path::{Component, Path};

use m2m_segment::names::{ids_file, is_safe_component, vectors_file};

/// What is called safe stays directly in its folder.
pub(crate) fn run(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else { return };
    if !is_safe_component(name) {
        return;
    }
    for name in [name.to_owned(), ids_file(name), vectors_file(name)] {
        let path = Path::new("/root").join(&name);
        let parts: Vec<_> = path.components().collect();
        assert_eq!(parts.len(), 3, "{path:?}");
        assert_eq!(parts[2], Component::Normal(name.as_ref()));
    }
}
