// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::client::{ClientConfigKey, StaticCredentialProvider};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey as Key};

use url::Url;

use crate::Result;
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
    /// Variables for the client itself.
    others: Vec<(Key, String)>,
}

impl Settings {
    pub(crate) fn new(bucket: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        let endpoint = endpoint::given(options)
            .or_else(|| environment.first(&ENDPOINT))
            .map(|text| endpoint::parse(text, Cloud::Gcp, options.use_ssl))
            .transpose()?;
        let is_google = |url: &Url| {
            url.host_str().is_some_and(|host| host == "googleapis.com" || host.ends_with(".googleapis.com"))
        };
        if let Some(plain) = endpoint.as_ref().filter(|url| is_google(url) && url.scheme() == "http") {
            return Err(endpoint::invalid(plain.as_str(), "tokens are sent to Google by https alone"));
        }
        // A token is shown to Google, and to another https server when a role is asked for.
        let is_stranger = endpoint
            .as_ref()
            .is_some_and(|url| !is_google(url) && (!options.use_iam || url.scheme() != "https"));
        let has_credentials = CREDENTIALS.iter().any(|name| environment.has(name));
        let skips_signature = environment.first(&["GOOGLE_SKIP_SIGNATURE"]).is_some_and(is_true);
        let mut others = environment.keys("GOOGLE_");
        others.retain(|(key, _)| !matches!(key, Key::Bucket | Key::BaseUrl | Key::SkipSignature));
        Ok(Self {
            bucket: bucket.to_owned(),
            endpoint: endpoint.as_ref().map(endpoint::text),
            has_credentials,
            is_anonymous: skips_signature || is_stranger,
            use_iam: options.use_iam,
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
        let mut builder = GoogleCloudStorageBuilder::new().with_retry(patience.retry());
        for (key, value) in patience.timeouts() {
            builder = builder.with_config(Key::Client(key), value);
        }
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

#[cfg(test)]
mod tests;
