// SPDX-License-Identifier: Apache-2.0

use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use crate::bucket::Bucket;
use crate::environment::{Environment, is_true};
use crate::options::{BucketOptions, Cloud};
use crate::patience::Patience;
use crate::{Error, Result, Secret};

mod connection_string;
mod service;

use connection_string::ConnectionString;
use service::Service;

const ACCOUNT: [&str; 2] = ["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"];
const KEY: [&str; 3] = ["AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"];
const SAS: [&str; 2] = ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"];
const ENDPOINT: [&str; 3] = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"];
const CONNECTION_STRING: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// The account of every emulator, and its key, which are no secrets.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How to speak to one container: the options completed from the environment.
pub(crate) struct Settings {
    container: String,
    service: Service,
    key: Option<Secret>,
    sas: Option<Secret>,
    use_iam: bool,
    /// Variables for the client itself.
    others: Vec<(Key, String)>,
}

impl Settings {
    pub(crate) fn new(container: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        let given = options.given_access_key();
        // What the environment says of another account is not about this one.
        let is_this = |account: Option<&str>| given.is_none() || account.is_none() || account == given;
        let string = environment.first(&[CONNECTION_STRING]).map(ConnectionString::parse).unwrap_or_default();
        let string = Some(string).filter(|string| is_this(string.account_named())).unwrap_or_default();
        let account = given.or_else(|| environment.first(&ACCOUNT)).or(string.account.as_deref());
        let endpoint = crate::endpoint::given(options)
            .or_else(|| environment.first(&ENDPOINT))
            .or(string.endpoint.as_deref());
        let service = match Service::new(account, endpoint, options.use_ssl)? {
            Some(service) => service,
            None => return Err(without_account(container, options)),
        };
        let environment_key = environment.first(&KEY).filter(|_| is_this(environment.first(&ACCOUNT)));
        let environment_sas = environment.first(&SAS).filter(|_| is_this(environment.first(&ACCOUNT)));
        let is_emulator = service.account == EMULATOR_ACCOUNT;
        // A key is base64, and a token a query: one setting serves both.
        let is_token = |secret: &&Secret| secret.expose().contains("sig=");
        let secret = options.given_secret_key();
        let key = secret
            .filter(|secret| !is_token(secret))
            .cloned()
            .or_else(|| environment_key.filter(|_| secret.is_none()).map(Secret::from))
            .or_else(|| string.key.filter(|_| secret.is_none()))
            .filter(|_| !options.use_iam);
        let sas = secret
            .filter(is_token)
            .cloned()
            .or_else(|| environment_sas.filter(|_| secret.is_none()).map(Secret::from))
            .or(string.sas)
            .filter(|_| !options.use_iam && key.is_none());
        let has_key = !options.use_iam && (secret.is_some() || key.is_some());
        let others = others(environment, has_key, options.use_iam);
        let is_bare = key.is_none() && sas.is_none() && !has_credentials(&others) && !options.use_iam;
        let key = if is_emulator && is_bare { Some(Secret::from(EMULATOR_KEY)) } else { key };
        Ok(Self { container: container.to_owned(), service, key, sas, use_iam: options.use_iam, others })
    }

    pub(crate) fn target(&self) -> Bucket {
        Bucket {
            cloud: Cloud::Azure,
            endpoint: self.service.url.clone(),
            name: self.container.clone(),
            has_credentials: self.key.is_some() || self.sas.is_some() || has_credentials(&self.others),
            use_iam: self.use_iam,
            has_leading_slash: false,
        }
    }

    pub(crate) fn builder(&self, patience: Patience) -> MicrosoftAzureBuilder {
        let mut builder = MicrosoftAzureBuilder::new().with_retry(patience.retry());
        for (key, value) in patience.timeouts() {
            builder = builder.with_config(Key::Client(key), value);
        }
        for (key, value) in &self.others {
            builder = builder.with_config(*key, value);
        }
        builder = builder
            .with_container_name(&self.container)
            .with_account(&self.service.account)
            .with_allow_http(self.service.url.starts_with("http://"))
            .with_endpoint(self.service.url.clone());
        if let Some(key) = &self.key {
            builder = builder.with_access_key(key.expose());
        }
        if let Some(sas) = &self.sas {
            builder = builder.with_config(Key::SasKey, sas.expose());
        }
        builder
    }
}

fn without_account(container: &str, options: &BucketOptions) -> Error {
    let bucket = container.to_owned();
    if options.given_secret_key().is_some() {
        let (given, missing) = ("secret key", "access key (the account)");
        return Error::IncompleteCredentials { cloud: Cloud::Azure, bucket, given, missing };
    }
    let endpoint = crate::endpoint::given(options).unwrap_or("https://<account>.blob.core.windows.net");
    Error::NoCredentials {
        cloud: Cloud::Azure,
        endpoint: endpoint.to_owned(),
        bucket,
        use_iam: options.use_iam,
        source: None,
    }
}

/// Returns the variables that the client understands and nobody else here reads,
/// without the credentials that must not count.
fn others(environment: &Environment, has_key: bool, use_iam: bool) -> Vec<(Key, String)> {
    let mut others = environment.keys("AZURE_");
    if let Some(url) = environment.first(&["IDENTITY_ENDPOINT"]) {
        others.push((Key::MsiEndpoint, url.to_owned()));
    }
    others.retain(|(key, _)| match key {
        Key::AccountName
        | Key::AccessKey
        | Key::SasKey
        | Key::Endpoint
        | Key::ContainerName
        | Key::UseEmulator
        | Key::UseFabricEndpoint => false,
        Key::Client(_) | Key::DisableTagging => true,
        Key::Token | Key::ClientSecret | Key::UseAzureCli | Key::SkipSignature => !has_key && !use_iam,
        _ => !has_key,
    });
    others
}

fn has_credentials(others: &[(Key, String)]) -> bool {
    others.iter().any(|(key, value)| match key {
        Key::Token | Key::ClientSecret | Key::FederatedTokenFile => true,
        Key::SkipSignature | Key::UseAzureCli => is_true(value),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
