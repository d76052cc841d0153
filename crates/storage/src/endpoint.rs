// SPDX-License-Identifier: Apache-2.0

use url::{Host, Url};

use crate::options::{BucketOptions, Cloud};
use crate::{Error, Result};

/// Returns the endpoint of the options, unless it is blank.
pub(crate) fn given(options: &BucketOptions) -> Option<&str> {
    options.endpoint.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Reads `host`, `host:port` or an http(s) URL of these.
pub(crate) fn parse(text: &str, cloud: Cloud, use_ssl: Option<bool>) -> Result<Url> {
    let url = parse_with_path(text, cloud, use_ssl)?;
    if url.path() != "/" {
        let reason = "nothing may follow host and port; the bucket and the prefix are settings of their own";
        return Err(invalid(text.trim(), reason));
    }
    Ok(url)
}

/// Reads an endpoint that may have a path.
pub(crate) fn parse_with_path(text: &str, cloud: Cloud, use_ssl: Option<bool>) -> Result<Url> {
    let text = text.trim();
    let expected = "expected `host`, `host:port` or an http(s) URL of these";
    if let Some((_, host)) = text.rsplit_once('@') {
        return Err(invalid(host, "a user or a password does not belong into the endpoint"));
    }
    let read = |text: &str| Url::parse(text).map_err(|_| invalid(text, expected));
    let url = if text.contains("://") {
        read(text)?
    } else {
        let plain = Url::parse(&format!("http://{text}")).map_err(|_| invalid(text, expected))?;
        if use_ssl.unwrap_or_else(|| is_encrypted(&plain, cloud)) {
            read(&format!("https://{text}"))?
        } else {
            plain
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid(text, expected));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(text, expected));
    }
    Ok(url)
}

/// Returns an endpoint as messages and clients want it.
pub(crate) fn text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Returns whether the host is a name that others can look up, no address and no `localhost`.
pub(crate) fn has_public_name(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') && !name.ends_with(".localhost"))
}

pub(crate) fn invalid(endpoint: &str, reason: &str) -> Error {
    Error::InvalidEndpoint { endpoint: endpoint.to_owned(), reason: reason.to_owned() }
}

/// Returns whether a host without a scheme is spoken to in https when nobody says.
///
/// S3 servers in one's own network are mostly plain; the clouds themselves are not.
fn is_encrypted(url: &Url, cloud: Cloud) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_amazon = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    is_amazon || (cloud != Cloud::Aws && has_public_name(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str, use_ssl: Option<bool>) -> String {
        parse(text, Cloud::Aws, use_ssl).unwrap().to_string()
    }

    #[test]
    fn endpoint_without_scheme_is_http_unless_ssl_is_asked_for() {
        assert_eq!(endpoint("127.0.0.1:9000", None), "http://127.0.0.1:9000/");
        assert_eq!(endpoint("minio.example.org", None), "http://minio.example.org/");
        assert_eq!(endpoint("localhost", Some(false)), "http://localhost/");
        assert_eq!(endpoint(" host:443 ", Some(true)), "https://host/");
        assert_eq!(endpoint("[::1]:9000", None), "http://[::1]:9000/");
    }

    #[test]
    fn hosts_of_a_cloud_are_https_unless_ssl_is_refused() {
        assert_eq!(endpoint("s3.eu-west-1.amazonaws.com", None), "https://s3.eu-west-1.amazonaws.com/");
        for (cloud, host) in [
            (Cloud::Ali, "oss-cn-hangzhou.aliyuncs.com"),
            (Cloud::Tencent, "cos.ap-guangzhou.myqcloud.com"),
            (Cloud::Gcp, "storage.googleapis.com"),
            (Cloud::Azure, "blob.core.windows.net"),
        ] {
            assert_eq!(parse(host, cloud, None).unwrap().scheme(), "https");
            assert_eq!(parse(host, cloud, Some(false)).unwrap().scheme(), "http");
            assert_eq!(parse("127.0.0.1:10000", cloud, None).unwrap().scheme(), "http");
        }
    }

    #[test]
    fn scheme_in_the_endpoint_counts_more_than_use_ssl() {
        assert_eq!(endpoint("https://host:9000", Some(false)), "https://host:9000/");
        assert_eq!(endpoint("http://host:9000/", Some(true)), "http://host:9000/");
    }

    #[test]
    fn impossible_endpoint_is_rejected() {
        for text in
            ["", "http://", "ftp://host", "host:99999", "host:port", "host/bucket", "http://host/?x=1", "a b"]
        {
            let error = parse(text, Cloud::Aws, None).unwrap_err();
            assert!(matches!(error, Error::InvalidEndpoint { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn password_in_the_endpoint_is_rejected_and_not_repeated() {
        let error = parse("http://user:swordfish@host:9000", Cloud::Aws, None).unwrap_err();
        assert!(!error.to_string().contains("swordfish"), "{error}");
        assert!(!format!("{error:?}").contains("swordfish"));
    }
}
