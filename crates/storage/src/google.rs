// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::client::{ClientConfigKey, StaticCredentialProvider};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey as Key};

use url::Url;

use crate::Result;
use crate::authorities::Authorities;
use crate::bucket::Bucket;
use crate::endpoint;
use crate::environment::{Environment, is_true};
use crate::options::{BucketOptions, Cloud};
use crate::patience::Patience;

const ENDPOINT: [&str; 2] = ["GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"];
const OWN_ENDPOINT: &str = "https://storage.googleapis.com";
const CREDENTIALS: [&str; 4] = [
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// How to speak to one bucket of Google in its own protocol.
pub(crate) struct Settings {
    bucket: String,
    /// None leaves it to the client, or to the service account's file.
    endpoint: Option<String>,
    has_credentials: bool,
    is_anonymous: bool,
    use_iam: bool,
    authorities: Authorities,
    /// Variables for the client itself.
    others: Vec<(Key, String)>,
}

impl Settings {
    pub(crate) fn new(bucket: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        let endpoint = endpoint::chosen(options, environment, &ENDPOINT)
            .map(|(text, use_ssl)| endpoint::parse(text, Cloud::Gcp, use_ssl))
            .transpose()?;
        let skips_signature =
            !options.use_iam && environment.first(&["GOOGLE_SKIP_SIGNATURE"]).is_some_and(is_true);
        let is_stranger = match &endpoint {
            Some(url) if !may_see_tokens(url, options.use_iam) => {
                if !skips_signature && endpoint::owner(url) == Some(Cloud::Gcp) {
                    let reason = "tokens are sent to Google by https alone";
                    return Err(endpoint::invalid(&endpoint::text(url), reason));
                }
                tracing::debug!(%url, "no token is sent to a server that is not Google's");
                true
            }
            _ => false,
        };
        let is_anonymous = skips_signature || is_stranger;
        let has_credentials = CREDENTIALS.iter().any(|name| environment.has(name));
        let mut others = environment.keys("GOOGLE_");
        others.retain(|(key, _)| match key {
            Key::Bucket | Key::BaseUrl | Key::SkipSignature => false,
            Key::ServiceAccount | Key::ServiceAccountKey | Key::ApplicationCredentials => !is_anonymous,
            _ => true,
        });
        Ok(Self {
            bucket: bucket.to_owned(),
            endpoint: endpoint.as_ref().map(endpoint::text),
            has_credentials,
            is_anonymous,
            use_iam: options.use_iam,
            authorities: Authorities::of_file(options.ca_file.as_deref())?,
            others,
        })
    }

    pub(crate) fn target(&self) -> Bucket {
        Bucket {
            cloud: Cloud::Gcp,
            endpoint: self.endpoint.clone().unwrap_or_else(|| OWN_ENDPOINT.to_owned()),
            name: self.bucket.clone(),
            has_credentials: self.has_credentials || self.is_anonymous,
            use_iam: self.use_iam,
            has_leading_slash: false,
        }
    }

    pub(crate) fn builder(&self, patience: Patience) -> GoogleCloudStorageBuilder {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_retry(patience.retry())
            .with_client_options(patience.client_options(&self.authorities));
        for (key, value) in &self.others {
            builder = builder.with_config(*key, value);
        }
        builder = builder.with_bucket_name(&self.bucket).with_skip_signature(self.is_anonymous);
        if self.is_anonymous {
            // The client asks for a token before it writes, even when it is not to sign.
            let nobody = GcpCredential { bearer: String::new() };
            builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
        }
        if let Some(endpoint) = &self.endpoint {
            let allow_http = endpoint.starts_with("http://").to_string();
            builder = builder
                .with_config(Key::Client(ClientConfigKey::AllowHttp), allow_http)
                .with_base_url(endpoint);
        }
        builder
    }
}

/// Returns whether a server is shown a token: Google's own is, and another when a
/// role is asked for, both in https alone.
fn may_see_tokens(url: &Url, use_iam: bool) -> bool {
    url.scheme() == "https" && (use_iam || endpoint::owner(url) == Some(Cloud::Gcp))
}

#[cfg(test)]
mod tests;
