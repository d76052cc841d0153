// SPDX-License-Identifier: Apache-2.0

use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use crate::authorities::Authorities;
use crate::bucket::Bucket;
use crate::endpoint;
use crate::environment::{Environment, is_true};
use crate::options::{BucketOptions, Cloud};
use crate::patience::Patience;
use crate::{Error, Result, Secret};

mod offer;
mod service;

use offer::Offer;
use service::{Service, account_in};

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
    authorities: Authorities,
    /// Variables for the client itself.
    others: Vec<(Key, String)>,
}

impl Settings {
    pub(crate) fn new(container: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        let use_iam = options.use_iam;
        let mut offers = Offer::all(environment);
        let account = account(options, &offers);
        // What the environment says of another account is not about this one.
        offers.retain(|offer| offer.account().is_none_or(|named| Some(named) == account));
        let service =
            service(options, &offers, account.as_deref())?.ok_or_else(|| no_account(container, options))?;
        let (key, sas) = if use_iam { (None, None) } else { secrets(options, &offers, &service) };
        let has_key = !use_iam && (options.given_secret_key().is_some() || key.is_some());
        let mut others = others(environment, has_key, use_iam);
        if !service.is_encrypted() {
            others.retain(|(key, _)| !may_hand_out_tokens(*key));
        }
        let authorities = Authorities::of_file(options.ca_file.as_deref())?;
        let container = container.to_owned();
        let mut settings = Self { container, service, key, sas, use_iam, authorities, others };
        if !settings.target().has_credentials {
            settings.do_without_tokens()?;
        }
        Ok(settings)
    }

    /// Takes the key that everybody knows for an emulator. Elsewhere a token will be
    /// asked for, which may be sent by https alone.
    fn do_without_tokens(&mut self) -> Result<()> {
        if !self.use_iam && self.service.account == EMULATOR_ACCOUNT {
            self.key = Some(Secret::from(EMULATOR_KEY));
        } else if !self.service.is_encrypted() {
            let reason = "a role's token is sent by https alone";
            let by_role = endpoint::invalid(&self.service.url, reason);
            return Err(if self.use_iam { by_role } else { self.target().no_credentials(None) });
        }
        Ok(())
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
        let mut builder = MicrosoftAzureBuilder::new()
            .with_retry(patience.retry())
            .with_client_options(patience.client_options(&self.authorities));
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

/// Returns the account of the options, or that of the environment.
fn account(options: &BucketOptions, offers: &[Offer]) -> Option<String> {
    let given = options.given_access_key().map(str::to_owned);
    given.or_else(|| account_in(endpoint::given(options)?)).or_else(|| offers.iter().find_map(Offer::account))
}

/// Returns the service of the account at the endpoint of the options, of the
/// environment, or of Azure.
fn service(options: &BucketOptions, offers: &[Offer], account: Option<&str>) -> Result<Option<Service>> {
    match endpoint::given(options) {
        Some(endpoint) => Service::new(account, Some(endpoint), options.use_ssl),
        None => Service::new(account, offers.iter().find_map(|offer| offer.endpoint.as_deref()), None),
    }
}

/// Returns the key or the token of the options, or else of the environment, where
/// a key counts more.
fn secrets(options: &BucketOptions, offers: &[Offer], service: &Service) -> (Option<Secret>, Option<Secret>) {
    match options.given_secret_key() {
        // A key is base64, and a token a query: one setting serves both.
        Some(secret) if secret.expose().contains("sig=") => (None, Some(secret.clone())),
        Some(secret) => (Some(secret.clone()), None),
        None => match offers.iter().find_map(|offer| offer.key.clone()) {
            None => (None, offers.iter().find_map(|offer| offer.sas_for(service)).cloned()),
            key => (key, None),
        },
    }
}

fn no_account(container: &str, options: &BucketOptions) -> Error {
    let bucket = container.to_owned();
    if options.given_secret_key().is_some() {
        let (given, missing) = ("secret key", "access key (the account)");
        return Error::IncompleteCredentials { cloud: Cloud::Azure, bucket, given, missing };
    }
    let endpoint = endpoint::given(options).unwrap_or("https://<account>.blob.core.windows.net");
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

/// Returns whether a variable leads to a token, which is shown to whoever is asked.
fn may_hand_out_tokens(key: Key) -> bool {
    !matches!(key, Key::Client(_) | Key::DisableTagging | Key::SkipSignature)
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
