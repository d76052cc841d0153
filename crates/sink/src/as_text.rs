// SPDX-License-Identifier: Apache-2.0
//! A URL as text, and a path in a store as text.

use serde::{Deserialize, Deserializer, Serializer, de};
use url::Url;

pub(crate) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

pub(crate) mod path {
    use object_store::path::Path;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(path.as_ref())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        // Parts stay as they are written: nothing is encoded anew.
        Path::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
