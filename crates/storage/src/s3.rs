// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector, StaticCredentialProvider};
use url::Url;

use crate::authorities::Authorities;
use crate::bucket::Bucket;
use crate::endpoint;
use crate::environment::{Environment, is_true};
use crate::options::{BucketOptions, Cloud};
use crate::patience::Patience;
use crate::{Error, Result, Secret};

mod dialect;
mod uploads;

use dialect::Dialect;

const HOSTED_VARIABLE: &str = "AWS_VIRTUAL_HOSTED_STYLE_REQUEST";

/// How to speak to one bucket in S3: the options completed from the environment.
#[derive(Clone)]
pub(crate) struct S3 {
    cloud: Cloud,
    bucket: String,
    /// None only for AWS, whose endpoints the client knows.
    endpoint: Option<Url>,
    region: String,
    credential: Option<KeyPair>,
    use_iam: bool,
    virtual_hosted: bool,
    has_leading_slash: bool,
    authorities: Authorities,
    /// Variables for the client itself.
    others: Vec<(Key, String)>,
}

#[derive(Clone, Debug)]
struct KeyPair {
    access: Secret,
    secret: Secret,
    token: Option<Secret>,
}

impl S3 {
    pub(crate) fn new(bucket: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        let dialect = Dialect::of(options.cloud_or_aws());
        let endpoint = endpoint::chosen(options, environment, dialect.endpoint)
            .map(|(text, use_ssl)| endpoint::parse(text, options.cloud_or_aws(), use_ssl))
            .transpose()?;
        let region =
            dialect.region(options.region.as_deref(), endpoint.as_ref(), environment).ok_or_else(|| {
                Error::MissingRegion {
                    cloud: options.cloud_or_aws(),
                    bucket: bucket.to_owned(),
                    variable: dialect.region_names.first().copied().unwrap_or_default(),
                }
            })?;
        let endpoint = match endpoint {
            None => dialect.own_endpoint(&region)?,
            endpoint => endpoint,
        };
        // How the environment addresses buckets belongs to the environment's endpoint.
        let hosted_by_environment = endpoint::given(options).is_none()
            && options.cloud_or_aws() == Cloud::Aws
            && environment.first(&[HOSTED_VARIABLE]).is_some_and(is_true);
        let hosted_by_cloud = dialect.is_hosted && endpoint.as_ref().is_some_and(endpoint::has_public_name);
        let mut others = dialect.others(environment);
        // Who says as whom to ask wants nobody else's credentials, nor none.
        others.retain(|(key, _)| match key {
            Key::SkipSignature => !options.use_iam && !options.has_keys(),
            key if dialect::is_credential(*key) => options.use_iam || !options.has_keys(),
            _ => true,
        });
        Ok(Self {
            cloud: options.cloud_or_aws(),
            bucket: bucket.to_owned(),
            credential: credential(bucket, options, &dialect, environment)?,
            use_iam: role(bucket, options)?,
            region,
            endpoint,
            virtual_hosted: options.virtual_hosted.unwrap_or(hosted_by_environment || hosted_by_cloud),
            has_leading_slash: false,
            authorities: Authorities::of_file(options.ca_file.as_deref())?,
            others,
        })
    }

    /// Returns the same bucket with keys that begin with a `/`.
    pub(crate) fn with_leading_slash(&self) -> Self {
        Self { has_leading_slash: true, ..self.clone() }
    }

    pub(crate) fn target(&self) -> Bucket {
        Bucket {
            cloud: self.cloud,
            endpoint: self.endpoint_text(),
            name: self.bucket.clone(),
            has_credentials: self.credential.is_some() || self.skips_signature(),
            use_iam: self.use_iam,
            has_leading_slash: self.has_leading_slash,
        }
    }

    /// Returns whether there are keys, or something that would hand some out.
    pub(crate) fn may_sign(&self) -> bool {
        let is_amazon = self.endpoint.as_ref().is_none_or(|url| endpoint::owner(url) == Some(Cloud::Aws));
        self.credential.is_some()
            || self.use_iam
            || self.skips_signature()
            || (self.cloud == Cloud::Aws && (is_amazon || self.is_handed_credentials()))
    }

    pub(crate) fn builder(&self, patience: Patience) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::new()
            .with_retry(patience.retry())
            .with_client_options(patience.client_options(&self.authorities));
        for (key, value) in &self.others {
            builder = builder.with_config(*key, value);
        }
        builder = builder
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.virtual_hosted || self.has_leading_slash);
        if let Some(root) = self.root() {
            builder = builder.with_allow_http(root.starts_with("http://")).with_endpoint(root);
        }
        if let Some(credential) = &self.credential {
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
                key_id: credential.access.expose().to_owned(),
                secret_key: credential.secret.expose().to_owned(),
                token: credential.token.as_ref().map(|token| token.expose().to_owned()),
            })));
        }
        builder
    }

    /// Returns what sends the requests that the client does not make itself.
    pub(crate) fn http(&self, patience: Patience) -> object_store::Result<HttpClient> {
        let mut options = patience.client_options(&self.authorities);
        for (key, value) in &self.others {
            if let Key::Client(key) = key {
                options = options.with_config(*key, value);
            }
        }
        ReqwestConnector::default()
            .connect(&options.with_allow_http(!self.endpoint_text().starts_with("https://")))
    }

    fn pays_requests(&self) -> bool {
        self.others.iter().any(|(key, value)| matches!(key, Key::RequestPayer) && is_true(value))
    }

    fn skips_signature(&self) -> bool {
        self.others.iter().any(|(key, value)| matches!(key, Key::SkipSignature) && is_true(value))
    }

    /// Returns whether the environment says who hands out credentials.
    fn is_handed_credentials(&self) -> bool {
        self.others.iter().any(|(key, _)| dialect::hands_out_credentials(*key))
    }

    fn endpoint_text(&self) -> String {
        match &self.endpoint {
            Some(url) => endpoint::text(url),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        }
    }

    /// Returns the endpoint as the client wants it, or none to leave it to the client.
    ///
    /// With virtual hosting the client puts `/` and the key behind it and nothing
    /// else. A `/` more at its end is therefore one more at the key's beginning.
    fn root(&self) -> Option<String> {
        if self.has_leading_slash {
            let text = self.endpoint_text();
            return Some(if self.virtual_hosted {
                format!("{}/", self.hosted(&text))
            } else {
                format!("{text}/{}/", self.bucket)
            });
        }
        let text = endpoint::text(self.endpoint.as_ref()?);
        Some(if self.virtual_hosted { self.hosted(&text) } else { text })
    }

    /// Returns where the bucket as a whole is asked about.
    fn bucket_url(&self) -> String {
        let endpoint = self.endpoint_text();
        if self.virtual_hosted { self.hosted(&endpoint) } else { format!("{endpoint}/{}", self.bucket) }
    }

    /// Puts the bucket in front of the host name, unless it is there already.
    fn hosted(&self, endpoint: &str) -> String {
        let inside = format!("://{}.", self.bucket);
        match endpoint.split_once("://") {
            Some((scheme, rest)) if !endpoint.contains(&inside) => format!("{scheme}{inside}{rest}"),
            _ => endpoint.to_owned(),
        }
    }
}

/// Returns whether the machine's role is to be asked.
fn role(bucket: &str, options: &BucketOptions) -> Result<bool> {
    match options.cloud_or_aws() {
        Cloud::Ali | Cloud::Tencent if options.use_iam => {
            Err(Error::NoRoles { cloud: options.cloud_or_aws(), bucket: bucket.to_owned() })
        }
        _ => Ok(options.use_iam),
    }
}

/// Returns the key pair of the options, or that of the environment, never a mixture.
fn credential(
    bucket: &str,
    options: &BucketOptions,
    dialect: &Dialect,
    environment: &Environment,
) -> Result<Option<KeyPair>> {
    if options.use_iam {
        return Ok(None);
    }
    let pair = |access, secret, token| key_pair(options.cloud_or_aws(), bucket, access, secret, token);
    let (access, secret) = (options.given_access_key(), options.given_secret_key().map(Secret::expose));
    if access.is_some() || secret.is_some() {
        return pair(access, secret, None);
    }
    for (access, secret, token) in dialect.keys {
        let found =
            pair(environment.first(&[access]), environment.first(&[secret]), environment.first(token))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn key_pair(
    cloud: Cloud,
    bucket: &str,
    access: Option<&str>,
    secret: Option<&str>,
    token: Option<&str>,
) -> Result<Option<KeyPair>> {
    let incomplete =
        |given, missing| Error::IncompleteCredentials { cloud, bucket: bucket.to_owned(), given, missing };
    match (access, secret) {
        (Some(access), Some(secret)) => Ok(Some(KeyPair {
            access: Secret::from(access),
            secret: Secret::from(secret),
            token: token.map(Secret::from),
        })),
        (Some(_), None) => Err(incomplete("access key", "secret key")),
        (None, Some(_)) => Err(incomplete("secret key", "access key")),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
