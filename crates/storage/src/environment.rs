// SPDX-License-Identifier: Apache-2.0

use object_store::aws::AmazonS3ConfigKey as Key;

use crate::Secret;

/// The `AWS_*` environment variables that the S3 client understands.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<Secret>,
    pub(crate) session_token: Option<Secret>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) virtual_hosted: bool,
    /// Everything else, handed to the client as it is.
    pub(crate) others: Vec<(Key, String)>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        Self::new(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut known: Vec<(Key, String)> = variables
            .into_iter()
            .filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty())
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)))
            .collect();
        let mut take = |key: Key| {
            let at = known.iter().position(|(known, _)| *known == key)?;
            Some(known.swap_remove(at).1)
        };
        let specific = take(Key::S3Endpoint);
        let general = take(Key::Endpoint);
        let region = take(Key::Region);
        let default_region = take(Key::DefaultRegion);
        // The caller names the bucket.
        let _bucket = take(Key::Bucket);
        Self {
            access_key: take(Key::AccessKeyId),
            secret_key: take(Key::SecretAccessKey).map(Secret::from),
            session_token: take(Key::Token).map(Secret::from),
            region: region.or(default_region),
            endpoint: specific.or(general),
            virtual_hosted: take(Key::VirtualHostedStyleRequest).is_some_and(|value| is_true(&value)),
            others: known,
        }
    }

    /// Returns whether something other than a key pair can let a request through.
    pub(crate) fn has_other_credentials(&self) -> bool {
        self.others.iter().any(|(key, value)| match key {
            Key::WebIdentityTokenFile
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::MetadataEndpoint => true,
            Key::SkipSignature => is_true(value),
            _ => false,
        })
    }
}

fn is_true(value: &str) -> bool {
    ["1", "true", "on", "yes", "y"].contains(&value.to_ascii_lowercase().as_str())
}
