// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::fmt;

/// The environment variables that are about clouds, without the empty ones.
///
/// `Debug` shows their names alone.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

const PREFIXES: [&str; 9] = [
    "AWS_",
    "GOOGLE_",
    "AZURE_",
    "ALIBABA_CLOUD_",
    "OSS_",
    "TENCENTCLOUD_",
    "COS_",
    "STORAGE_EMULATOR_HOST",
    "IDENTITY_ENDPOINT",
];

impl Environment {
    pub(crate) fn of_process() -> Self {
        Self::new(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_known = |name: &String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let is_set = |(name, value): &(String, String)| is_known(name) && !value.trim().is_empty();
        Self(variables.into_iter().filter(is_set).collect())
    }

    /// Returns the first of the variables that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the variables with a prefix, as keys of `object_store` and their values.
    pub(crate) fn keys<K: std::str::FromStr>(&self, prefix: &str) -> Vec<(K, String)> {
        let named = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        named
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())))
            .collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

pub(crate) fn is_true(value: &str) -> bool {
    ["1", "true", "on", "yes", "y"].contains(&value.to_ascii_lowercase().as_str())
}
