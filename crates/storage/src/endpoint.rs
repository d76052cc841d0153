// SPDX-License-Identifier: Apache-2.0

use url::{Host, Url};

use crate::environment::Environment;
use crate::options::{BucketOptions, Cloud};
use crate::{Error, Result};

/// The domains that the clouds serve their buckets under.
const OWN_DOMAINS: [(&str, Cloud); 12] = [
    ("amazonaws.com", Cloud::Aws),
    ("amazonaws.com.cn", Cloud::Aws),
    ("googleapis.com", Cloud::Gcp),
    ("core.windows.net", Cloud::Azure),
    ("core.chinacloudapi.cn", Cloud::Azure),
    ("core.usgovcloudapi.net", Cloud::Azure),
    ("storage.azure.net", Cloud::Azure),
    ("fabric.microsoft.com", Cloud::Azure),
    ("aliyuncs.com", Cloud::Ali),
    ("myqcloud.com", Cloud::Tencent),
    ("tencentcos.cn", Cloud::Tencent),
    ("tencentcos.com", Cloud::Tencent),
];

/// Returns the endpoint that counts: that of the options, or the first variable's.
///
/// `use_ssl` is said of the options' endpoint alone.
pub(crate) fn chosen<'a>(
    options: &'a BucketOptions,
    environment: &'a Environment,
    variables: &[&str],
) -> Option<(&'a str, Option<bool>)> {
    let of_environment = || Some((environment.first(variables)?, None));
    given(options).map(|text| (text, options.use_ssl)).or_else(of_environment)
}

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
        if is_encrypted(&plain, cloud, use_ssl) { read(&format!("https://{text}"))? } else { plain }
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
    // What follows a `?` may be a token.
    let endpoint = endpoint.split('?').next().unwrap_or_default().to_owned();
    Error::InvalidEndpoint { endpoint, reason: reason.to_owned() }
}

/// Returns the cloud whose own server this is.
pub(crate) fn owner(url: &Url) -> Option<Cloud> {
    let host = url.host_str()?;
    let is_in = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|label| label.is_empty() || label.ends_with('.'))
    };
    OWN_DOMAINS.into_iter().find(|(domain, _)| is_in(domain)).map(|(_, cloud)| cloud)
}

/// Returns whether a host without a scheme is spoken to in https.
///
/// S3 servers in one's own network are mostly plain; the clouds themselves are
/// not, whatever is said.
fn is_encrypted(url: &Url, cloud: Cloud, use_ssl: Option<bool>) -> bool {
    owner(url).is_some() || use_ssl.unwrap_or_else(|| cloud != Cloud::Aws && has_public_name(url))
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
    fn hosts_of_a_cloud_are_https_whatever_is_said_of_others() {
        for (cloud, host) in [
            (Cloud::Aws, "s3.eu-west-1.amazonaws.com"),
            (Cloud::Aws, "s3.cn-north-1.amazonaws.com.cn"),
            (Cloud::Ali, "oss-cn-hangzhou.aliyuncs.com"),
            (Cloud::Tencent, "cos.ap-guangzhou.myqcloud.com"),
            (Cloud::Gcp, "storage.googleapis.com"),
            (Cloud::Azure, "blob.core.windows.net"),
        ] {
            for use_ssl in [None, Some(false), Some(true)] {
                for spoken in [cloud, Cloud::Aws] {
                    let url = parse(host, spoken, use_ssl).unwrap();
                    assert_eq!((url.scheme(), owner(&url)), ("https", Some(cloud)), "{host}");
                }
            }
            assert_eq!(parse("127.0.0.1:10000", cloud, None).unwrap().scheme(), "http");
            assert_eq!(parse("files.example.org", cloud, Some(false)).unwrap().scheme(), "http");
        }
    }

    #[test]
    fn host_that_looks_like_that_of_a_cloud_is_not() {
        for host in ["myamazonaws.com", "amazonaws.com.example.org", "googleapis.com.cn", "127.0.0.1"] {
            assert_eq!(owner(&Url::parse(&format!("https://{host}")).unwrap()), None, "{host}");
        }
    }

    #[test]
    fn use_ssl_is_said_of_the_endpoint_of_the_options() {
        let variables = [("OSS_ENDPOINT".to_owned(), "oss.example.org".to_owned())];
        let environment = Environment::new(variables);
        let mut options = BucketOptions { use_ssl: Some(false), ..BucketOptions::default() };
        assert_eq!(chosen(&options, &environment, &["OSS_ENDPOINT"]), Some(("oss.example.org", None)));
        options.endpoint = Some("mine.example.org".to_owned());
        assert_eq!(
            chosen(&options, &environment, &["OSS_ENDPOINT"]),
            Some(("mine.example.org", Some(false)))
        );
        assert_eq!(chosen(&BucketOptions::default(), &environment, &[]), None);
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
