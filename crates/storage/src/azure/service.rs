// SPDX-License-Identifier: Apache-2.0

use url::Url;

use super::EMULATOR_ACCOUNT;
use crate::Result;
use crate::endpoint;
use crate::options::Cloud;

const SUFFIX: &str = "core.windows.net";

/// A storage account and the URL that its containers stand under.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) account: String,
    pub(crate) url: String,
}

impl Service {
    /// Finds the service of an account, or the account of a service; none when
    /// neither names the account.
    ///
    /// The endpoint is a suffix such as `core.windows.net` or
    /// `blob.core.chinacloudapi.cn`, the account's own host, or `host:port` of an
    /// emulator, where the account stands in the path. Azure's own is https,
    /// whatever `use_ssl` says of an endpoint that is given.
    pub(crate) fn new(
        account: Option<&str>,
        endpoint: Option<&str>,
        use_ssl: Option<bool>,
    ) -> Result<Option<Self>> {
        let service = |account: &str, url: String| Ok(Some(Self { account: account.to_owned(), url }));
        let Some(text) = endpoint else {
            return match account {
                Some(account) => service(account, format!("https://{account}.blob.{SUFFIX}")),
                None => Ok(None),
            };
        };
        let url = endpoint::parse_with_path(text, Cloud::Azure, use_ssl)?;
        let path = url.path().trim_matches('/');
        let host = url.host_str().unwrap_or_default();
        if is_emulator(&url) {
            return emulator(account, &url, text).map(Some);
        }
        if !path.is_empty() {
            let reason =
                "nothing may follow the host; the container and the prefix are settings of their own";
            return Err(endpoint::invalid(text, reason));
        }
        let scheme = url.scheme();
        if host.starts_with("blob.") || host.starts_with("core.") {
            let blob = if host.starts_with("core.") { "blob." } else { "" };
            return match account {
                Some(account) => service(account, format!("{scheme}://{account}.{blob}{host}")),
                None => Ok(None),
            };
        }
        let blob = host.replacen(".dfs.", ".blob.", 1);
        let named = account_of_host(&blob);
        let service_of = |account: &str| service(account, format!("{scheme}://{blob}"));
        match (named, account) {
            (Some(named), Some(account)) if named != account => Err(endpoint::invalid(
                text,
                "this is the host of another account than that of the access key",
            )),
            (_, Some(account)) => service_of(account),
            (Some(named), None) => service_of(named),
            (None, None) => Ok(None),
        }
    }

    /// Returns whether the server is reached in https.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Returns whether the server is Azure's own, and reached in https.
    pub(crate) fn is_azure(&self) -> bool {
        let url = Url::parse(&self.url).ok();
        self.is_encrypted() && url.is_some_and(|url| endpoint::owner(&url) == Some(Cloud::Azure))
    }
}

/// Returns the account that an endpoint names in its host, or in its path.
pub(super) fn account_in(endpoint: &str) -> Option<String> {
    let url = endpoint::parse_with_path(endpoint, Cloud::Azure, None).ok()?;
    let host = url.host_str()?.replacen(".dfs.", ".blob.", 1);
    let path = url.path().trim_matches('/');
    let named = if is_emulator(&url) { Some(path) } else { account_of_host(&host) };
    named.filter(|named| !named.is_empty() && !named.contains('/')).map(str::to_owned)
}

fn account_of_host(host: &str) -> Option<&str> {
    let (account, _) = host.split_once(".blob.")?;
    Some(account.trim_end_matches("-secondary"))
}

/// Whether the account stands in the path.
fn is_emulator(url: &Url) -> bool {
    !endpoint::has_public_name(url) || url.port().is_some()
}

fn emulator(account: Option<&str>, url: &Url, text: &str) -> Result<Service> {
    let path = url.path().trim_matches('/');
    let account = match (path, account) {
        ("", account) => account.unwrap_or(EMULATOR_ACCOUNT),
        (path, None) if !path.contains('/') => path,
        (path, Some(account)) if path == account => account,
        _ => {
            let reason = "expected nothing or the account behind host and port";
            return Err(endpoint::invalid(text, reason));
        }
    };
    let mut root = url.clone();
    root.set_path("");
    Ok(Service { account: account.to_owned(), url: format!("{}/{account}", endpoint::text(&root)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(account: Option<&str>, endpoint: Option<&str>) -> Option<(String, String)> {
        Service::new(account, endpoint, None).unwrap().map(|service| (service.account, service.url))
    }

    fn url(account: &str, endpoint: &str) -> String {
        found(Some(account), Some(endpoint)).unwrap().1
    }

    #[test]
    fn service_is_found_from_every_form_of_endpoint() {
        let own = "https://acc.blob.core.windows.net";
        assert_eq!(found(Some("acc"), None), Some(("acc".into(), own.into())));
        for endpoint in ["core.windows.net", "blob.core.windows.net", "acc.blob.core.windows.net", own] {
            assert_eq!(url("acc", endpoint), own, "{endpoint}");
        }
        assert_eq!(url("acc", "blob.core.chinacloudapi.cn"), "https://acc.blob.core.chinacloudapi.cn");
        assert_eq!(url("acc", "files.example.org"), "https://files.example.org");
        assert_eq!(found(None, Some(own)), Some(("acc".into(), own.into())));
        assert_eq!(found(None, Some("https://acc.dfs.core.windows.net")), Some(("acc".into(), own.into())));
        assert_eq!(found(None, Some("core.windows.net")), None);
        assert_eq!(found(None, None), None);
    }

    #[test]
    fn account_of_an_emulator_stands_in_the_path() {
        let root = "http://127.0.0.1:10000";
        assert_eq!(url("acc", "127.0.0.1:10000"), format!("{root}/acc"));
        assert_eq!(url("acc", &format!("{root}/acc/")), format!("{root}/acc"));
        assert_eq!(
            found(None, Some("localhost:10000")).unwrap().1,
            "http://localhost:10000/devstoreaccount1"
        );
        assert_eq!(url("acc", "http://azurite.example.org:10000"), "http://azurite.example.org:10000/acc");
        assert!(Service::new(Some("acc"), Some("http://127.0.0.1:10000/other"), None).is_err());
    }

    #[test]
    fn host_of_another_account_is_refused() {
        let error = Service::new(Some("acc"), Some("other.blob.core.windows.net"), None).unwrap_err();
        assert!(error.to_string().contains("another account"), "{error}");
    }
}
