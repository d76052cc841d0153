// SPDX-License-Identifier: Apache-2.0

use crate::Secret;

/// What Azure's portal shows as a connection string.
#[derive(Default)]
pub(crate) struct ConnectionString {
    pub(crate) account: Option<String>,
    pub(crate) key: Option<Secret>,
    pub(crate) sas: Option<Secret>,
    pub(crate) endpoint: Option<String>,
}

impl ConnectionString {
    /// Returns the account that the string names, by name or by its endpoint's host.
    pub(crate) fn account_named(&self) -> Option<&str> {
        let host = || Some(self.endpoint.as_deref()?.split_once("://")?.1);
        self.account.as_deref().or_else(|| Some(host()?.split_once(".blob.")?.0))
    }

    /// Reads `Name=value;Name=value`, and passes over what it does not know.
    pub(crate) fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let mut parts = text.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let protocol = value("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        let with_suffix = |suffix| format!("{protocol}://blob.{suffix}");
        Self {
            account: value("AccountName"),
            key: value("AccountKey").map(Secret::from),
            sas: value("SharedAccessSignature").map(Secret::from),
            endpoint: value("BlobEndpoint").or_else(|| value("EndpointSuffix").map(with_suffix)),
        }
    }
}
