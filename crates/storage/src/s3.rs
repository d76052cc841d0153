// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential};
use object_store::client::{ClientConfigKey, StaticCredentialProvider};
use object_store::{BackoffConfig, RetryConfig};
use url::Url;

use crate::bucket::Bucket;
use crate::environment::Environment;
use crate::options::BucketOptions;
use crate::{Cause, Error, Result, Secret};

const DEFAULT_REGION: &str = "us-east-1";

/// How patient a client is.
///
/// Control calls come first in every command, so they must show a wrong host
/// soon. Data calls follow when the host is known to be right: they sit out a
/// restart of the server, and give a part time to travel over a slow line.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    Control,
    Data,
}

/// The options completed from the environment.
struct Settings {
    endpoint: Option<Url>,
    region: String,
    credential: Option<AwsCredential>,
    virtual_hosted: bool,
    others: Vec<(Key, String)>,
}

/// Makes the data and the control client of a bucket.
pub(crate) fn clients(
    bucket: &str,
    options: &BucketOptions,
    environment: Environment,
) -> Result<(AmazonS3, AmazonS3, Bucket)> {
    check_bucket_name(bucket)?;
    let has_other_credentials = environment.has_other_credentials();
    let settings = Settings::new(bucket, options, environment)?;
    let target = Bucket {
        endpoint: settings.endpoint_name(),
        name: bucket.to_owned(),
        has_credentials: settings.credential.is_some() || has_other_credentials,
    };
    if !target.has_credentials && !settings.is_aws() {
        return Err(Error::NoCredentials { endpoint: target.endpoint, bucket: target.name, source: None });
    }
    let build = |patience| {
        settings.builder(bucket, patience).build().map_err(|source| Error::InvalidSettings {
            bucket: bucket.to_owned(),
            source: Cause::from(source),
        })
    };
    Ok((build(Patience::Data)?, build(Patience::Control)?, target))
}

impl Settings {
    fn new(bucket: &str, options: &BucketOptions, environment: Environment) -> Result<Self> {
        let given = options.endpoint.as_deref().filter(|endpoint| !endpoint.trim().is_empty());
        // How the environment addresses buckets belongs to the environment's endpoint.
        let virtual_hosted = options.virtual_hosted.unwrap_or(given.is_none() && environment.virtual_hosted);
        let endpoint = given
            .or(environment.endpoint.as_deref())
            .map(|text| parse_endpoint(text, options.use_ssl))
            .transpose()?;
        Ok(Self {
            endpoint,
            credential: credential(bucket, options, &environment)?,
            region: options
                .region
                .clone()
                .filter(|region| !region.is_empty())
                .or(environment.region)
                .unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            virtual_hosted,
            others: environment.others,
        })
    }

    fn endpoint_name(&self) -> String {
        match &self.endpoint {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        }
    }

    /// Returns whether the machine's own role may stand in for a key pair.
    fn is_aws(&self) -> bool {
        let host = self.endpoint.as_ref().and_then(Url::host_str);
        host.is_none_or(|host| host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
    }

    fn builder(&self, bucket: &str, patience: Patience) -> AmazonS3Builder {
        let client = |key| Key::Client(key);
        let mut builder = AmazonS3Builder::new()
            .with_retry(patience.retry())
            .with_config(client(ClientConfigKey::ConnectTimeout), patience.connect_timeout())
            .with_config(client(ClientConfigKey::Timeout), patience.timeout());
        for (key, value) in &self.others {
            builder = builder.with_config(*key, value);
        }
        builder = builder
            .with_bucket_name(bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.virtual_hosted);
        if let Some(url) = &self.endpoint {
            builder =
                builder.with_allow_http(url.scheme() == "http").with_endpoint(self.addressed(url, bucket));
        }
        if let Some(credential) = &self.credential {
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
                key_id: credential.key_id.clone(),
                secret_key: credential.secret_key.clone(),
                token: credential.token.clone(),
            })));
        }
        builder
    }

    /// Returns the endpoint as the client wants it: with the bucket in the host
    /// name when that is the way to address it.
    fn addressed(&self, url: &Url, bucket: &str) -> String {
        let plain = url.as_str().trim_end_matches('/').to_owned();
        let inside = format!("://{bucket}.");
        match plain.split_once("://") {
            Some((scheme, rest)) if self.virtual_hosted && !plain.contains(&inside) => {
                format!("{scheme}{inside}{rest}")
            }
            _ => plain,
        }
    }
}

impl Patience {
    fn connect_timeout(self) -> &'static str {
        match self {
            Self::Control => "3 seconds",
            Self::Data => "5 seconds",
        }
    }

    fn timeout(self) -> &'static str {
        match self {
            Self::Control => "9 seconds",
            Self::Data => "120 seconds",
        }
    }

    fn retry(self) -> RetryConfig {
        let (retry_seconds, max_backoff_seconds) = match self {
            Self::Control => (7, 2),
            Self::Data => (120, 10),
        };
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(max_backoff_seconds),
                base: 2.0,
            },
            max_retries: 10,
            retry_timeout: Duration::from_secs(retry_seconds),
        }
    }
}

/// Returns the key pair of the options, or that of the environment, never a mixture.
fn credential(
    bucket: &str,
    options: &BucketOptions,
    environment: &Environment,
) -> Result<Option<AwsCredential>> {
    let access = options.access_key.as_deref().filter(|key| !key.is_empty());
    let secret = options.secret_key.as_ref().filter(|key| !key.expose().is_empty());
    if access.is_some() || secret.is_some() {
        return key_pair(bucket, access, secret, None);
    }
    let access = environment.access_key.as_deref();
    key_pair(bucket, access, environment.secret_key.as_ref(), environment.session_token.as_ref())
}

fn key_pair(
    bucket: &str,
    access: Option<&str>,
    secret: Option<&Secret>,
    token: Option<&Secret>,
) -> Result<Option<AwsCredential>> {
    let incomplete =
        |given, missing| Error::IncompleteCredentials { bucket: bucket.to_owned(), given, missing };
    match (access, secret) {
        (Some(access), Some(secret)) => Ok(Some(AwsCredential {
            key_id: access.to_owned(),
            secret_key: secret.expose().to_owned(),
            token: token.map(|token| token.expose().to_owned()),
        })),
        (Some(_), None) => Err(incomplete("access key", "secret key")),
        (None, Some(_)) => Err(incomplete("secret key", "access key")),
        (None, None) => Ok(None),
    }
}

fn parse_endpoint(text: &str, use_ssl: Option<bool>) -> Result<Url> {
    let text = text.trim();
    let invalid = |endpoint: &str, reason: &str| Error::InvalidEndpoint {
        endpoint: endpoint.to_owned(),
        reason: reason.to_owned(),
    };
    let expected = "expected `host`, `host:port` or an http(s) URL of these";
    if let Some((_, host)) = text.rsplit_once('@') {
        return Err(invalid(host, "a user or a password does not belong into the endpoint"));
    }
    let default_scheme = if use_ssl == Some(true) { "https" } else { "http" };
    let url = if text.contains("://") { text.to_owned() } else { format!("{default_scheme}://{text}") };
    let url = Url::parse(&url).map_err(|_| invalid(text, expected))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid(text, expected));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let reason = "nothing may follow host and port; the bucket and the prefix are settings of their own";
        return Err(invalid(text, reason));
    }
    Ok(url)
}

fn check_bucket_name(bucket: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !bucket.is_empty() && bucket.len() <= 255 && bucket.chars().all(legal) {
        return Ok(());
    }
    Err(Error::InvalidLocation {
        // Whoever writes credentials into a location must not find them in a log.
        location: format!("s3://{}", bucket.rsplit_once('@').map_or(bucket, |(_, host)| host)),
        reason: "a bucket's name is made of letters, digits, `.`, `-` and `_`".to_owned(),
    })
}

#[cfg(test)]
mod tests;
