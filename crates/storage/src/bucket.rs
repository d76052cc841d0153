// SPDX-License-Identifier: Apache-2.0

use crate::options::Cloud;
use crate::{Cause, Error};

/// A bucket and its server, as messages name them.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) cloud: Cloud,
    pub(crate) endpoint: String,
    pub(crate) name: String,
    /// Whether there are keys or a token at hand, so that none must be asked for.
    pub(crate) has_credentials: bool,
    /// Whether the machine's role alone is asked for credentials.
    pub(crate) use_iam: bool,
    /// Whether keys begin with a `/`.
    pub(crate) has_leading_slash: bool,
}

impl Bucket {
    /// Returns a key as messages show it.
    pub(crate) fn display(&self, key: &str) -> String {
        let slash = if self.has_leading_slash { "/" } else { "" };
        format!("{}://{}/{slash}{key}", self.cloud.scheme(), self.name)
    }

    /// Returns what is wrong with the bucket as a whole, or gives the cause back
    /// when it is about one file.
    pub(crate) fn classify(&self, action: &'static str, cause: Cause) -> Result<Error, Cause> {
        let (cloud, endpoint, bucket) = (self.cloud, self.endpoint.clone(), self.name.clone());
        if matches!(cause.code(), Some("NoSuchBucket" | "ContainerNotFound")) {
            return Ok(self.missing(cause));
        }
        if !self.has_credentials && cause.is_from_elsewhere(&self.endpoint) {
            return Ok(self.no_credentials(Some(cause)));
        }
        if let Some(problem) = cause.credential_problem() {
            return Ok(Error::CredentialsRefused { cloud, endpoint, bucket, problem, source: cause });
        }
        if cause.is_denial() {
            return Ok(Error::Denied { cloud, endpoint, bucket, action, source: cause });
        }
        if cause.is_distrust() {
            return Ok(Error::Untrusted { endpoint, bucket, source: cause });
        }
        if cause.is_transport() {
            return Ok(Error::Unreachable { endpoint, bucket, source: cause });
        }
        Err(cause)
    }

    pub(crate) fn missing(&self, cause: Cause) -> Error {
        Error::NoSuchBucket { endpoint: self.endpoint.clone(), bucket: self.name.clone(), source: cause }
    }

    pub(crate) fn no_credentials(&self, source: Option<Cause>) -> Error {
        Error::NoCredentials {
            cloud: self.cloud,
            endpoint: self.endpoint.clone(),
            bucket: self.name.clone(),
            use_iam: self.use_iam,
            source,
        }
    }

    pub(crate) fn timed_out(&self, seconds: u64) -> Error {
        Error::TimedOut { endpoint: self.endpoint.clone(), bucket: self.name.clone(), seconds }
    }
}
