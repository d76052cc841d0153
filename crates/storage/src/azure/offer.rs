// SPDX-License-Identifier: Apache-2.0

use super::service::{Service, account_in};
use crate::Secret;
use crate::environment::Environment;

const ACCOUNT: [&str; 2] = ["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"];
const KEY: [&str; 3] = ["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"];
const SAS: [&str; 2] = ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"];
const ENDPOINT: [&str; 3] = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"];
const CONNECTION_STRING: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// What one place of the environment says of an account.
pub(crate) struct Offer {
    account: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) key: Option<Secret>,
    sas: Option<Secret>,
}

impl Offer {
    /// Returns what the environment says, that which counts more first.
    pub(crate) fn all(environment: &Environment) -> Vec<Self> {
        let text = |names: &[&str]| environment.first(names).map(str::to_owned);
        let variables = Self {
            account: text(&ACCOUNT),
            endpoint: text(&ENDPOINT),
            key: text(&KEY).map(Secret::from),
            sas: text(&SAS).map(Secret::from),
        };
        let string = environment.first(&[CONNECTION_STRING]).map(Self::of_connection_string);
        std::iter::once(variables).chain(string).collect()
    }

    /// Reads what Azure's portal shows: `Name=value;Name=value`. Passes over what it
    /// does not know.
    fn of_connection_string(text: &str) -> Self {
        let value = |name: &str| {
            let mut parts = text.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let protocol = value("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        let with_suffix = |suffix| format!("{protocol}://blob.{suffix}");
        Self {
            account: value("AccountName"),
            endpoint: value("BlobEndpoint").or_else(|| value("EndpointSuffix").map(with_suffix)),
            key: value("AccountKey").map(Secret::from),
            sas: value("SharedAccessSignature").map(Secret::from),
        }
    }

    /// Returns the account that is named, by its name or by its endpoint.
    pub(crate) fn account(&self) -> Option<String> {
        self.account.clone().or_else(|| account_in(self.endpoint.as_deref()?))
    }

    /// Returns the token, if it is meant for this service. A token is shown to
    /// whoever is asked, other than a key, which signs.
    pub(crate) fn sas_for(&self, service: &Service) -> Option<&Secret> {
        let is_there = |endpoint: &str| {
            let named = Service::new(Some(&service.account), Some(endpoint), None);
            matches!(named, Ok(Some(named)) if named == *service)
        };
        let is_meant = match (&self.endpoint, self.account()) {
            (Some(endpoint), _) => is_there(endpoint),
            (None, Some(account)) => account == service.account,
            (None, None) => service.is_azure(),
        };
        self.sas.as_ref().filter(|_| is_meant)
    }
}
