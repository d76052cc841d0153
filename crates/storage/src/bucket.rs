// SPDX-License-Identifier: Apache-2.0

use crate::{Cause, Error};

/// An S3 server and one bucket of it, as messages name them.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    pub(crate) name: String,
    pub(crate) has_credentials: bool,
}

impl Bucket {
    /// Returns what is wrong with the bucket as a whole, or gives the cause back
    /// when it is about one file.
    pub(crate) fn fault(&self, cause: Cause) -> Result<Error, Cause> {
        if cause.code().as_deref() == Some("NoSuchBucket") {
            return Ok(self.missing(cause));
        }
        let (endpoint, bucket) = (self.endpoint.clone(), self.name.clone());
        if cause.is_denial() {
            return Ok(Error::Denied { endpoint, bucket, source: cause });
        }
        if !cause.is_transport() {
            return Err(cause);
        }
        Ok(if self.has_credentials {
            Error::Unreachable { endpoint, bucket, source: cause }
        } else {
            // What could not be reached then is the service that hands out credentials.
            Error::NoCredentials { endpoint, bucket, source: Some(cause) }
        })
    }

    pub(crate) fn missing(&self, cause: Cause) -> Error {
        Error::NoSuchBucket { endpoint: self.endpoint.clone(), bucket: self.name.clone(), source: cause }
    }

    pub(crate) fn timed_out(&self, seconds: u64) -> Error {
        Error::TimedOut { endpoint: self.endpoint.clone(), bucket: self.name.clone(), seconds }
    }
}
