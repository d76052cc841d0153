// SPDX-License-Identifier: Apache-2.0
//! URLs of buckets, and endpoints: the first line is the location, the second the endpoint,
//! the third the region.

use m2m_storage::{BucketOptions, Cloud, Storage};

use super::input::said;

const SECRET: &str = "pa55w0rd";

/// A storage names its files below its prefix, and shows no secret.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(SECRET) {
        return;
    }
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (location, endpoint, region) = (line(), line(), line());
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let options = BucketOptions {
        endpoint: given(endpoint),
        region: given(region),
        access_key: Some("reader".into()),
        secret_key: Some(SECRET.into()),
        ..BucketOptions::default()
    };
    assert!(!format!("{options:?}").contains(SECRET));
    let storage = match Storage::open(location, &options) {
        Ok(storage) => storage,
        Err(error) => {
            assert!(!said(&error).contains(SECRET), "{error}");
            return;
        }
    };
    let file = storage.child("c/_default/7/id.npy");
    let (shown, import) = (storage.display(&file), storage.import_path(&file));
    assert!(shown.ends_with("c/_default/7/id.npy") && import.ends_with("c/_default/7/id.npy"), "{shown}");
    assert!(!shown.contains(SECRET) && !format!("{storage:?}").contains(SECRET), "{shown}");
    assert_eq!(storage.is_local(), Cloud::of_url(location).is_none(), "{location}");
    assert!(file.prefix_matches(storage.prefix()));
    // What metadata names must not lead out of the root.
    let escaped = storage.child("../../other");
    assert!(escaped.prefix_matches(storage.prefix()), "{escaped}");
}
