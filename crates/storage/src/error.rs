// SPDX-License-Identifier: Apache-2.0

use std::error::Error as StdError;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a storage cannot be opened, reached, read or written.
///
/// No variant holds a secret, and none repeats in its text what its source says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path or URL does not name a place.
    #[error("cannot use `{location}` as a location: {reason}")]
    InvalidLocation {
        /// The text that was given.
        location: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },

    /// An endpoint is not `host`, `host:port` or an http(s) URL of these.
    #[error("cannot use `{endpoint}` as an S3 endpoint: {reason}")]
    InvalidEndpoint {
        /// The text that was given, without a user or a password in it.
        endpoint: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },

    /// Half of a key pair was given.
    #[error(
        "the {given} for bucket `{bucket}` was given without the {missing}: give both, or neither to use the AWS_* environment variables"
    )]
    IncompleteCredentials {
        /// The bucket that the keys are for.
        bucket: String,
        /// The half that is there.
        given: &'static str,
        /// The half that is not.
        missing: &'static str,
    },

    /// There are no keys, and nothing that would hand some out.
    #[error(
        "no credentials for bucket `{bucket}` at `{endpoint}`: give an access key and a secret key, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials {
        /// The server that was to be asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// What looking for credentials ended with; none when it was not tried.
        source: Option<Cause>,
    },

    /// A setting from the options or the environment does not fit.
    #[error("cannot set up S3 access to bucket `{bucket}`; check the AWS_* environment variables")]
    InvalidSettings {
        /// The bucket that was to be used.
        bucket: String,
        /// What the S3 client said.
        source: Cause,
    },

    /// The server does not answer, or not in HTTP(S).
    #[error(
        "cannot reach `{endpoint}` for bucket `{bucket}`; check its host, its port and whether it speaks http or https"
    )]
    Unreachable {
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// The transport's own words.
        source: Cause,
    },

    /// The server was reached, but the check was not over in time.
    #[error(
        "`{endpoint}` did not answer for bucket `{bucket}` within {seconds} s; check its host, its port and whether it speaks http or https"
    )]
    TimedOut {
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// How long the answer was waited for.
        seconds: u64,
    },

    /// The server knows the keys but not their right to do this, or not the keys.
    #[error(
        "`{endpoint}` refuses access to bucket `{bucket}`; check the access key, the secret key, and their right to list, read and write"
    )]
    Denied {
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// The server's own words.
        source: Cause,
    },

    /// The server has no such bucket.
    #[error("`{endpoint}` has no bucket `{bucket}`; check its name, or create it")]
    NoSuchBucket {
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// The server's own words.
        source: Cause,
    },

    /// There is no such file.
    #[error("cannot find `{location}`")]
    NotFound {
        /// The file, as [`Storage::display`](crate::Storage::display) writes it.
        location: String,
        /// The store's own words.
        source: Cause,
    },

    /// Any other failure of a store.
    #[error("cannot {action} `{location}`")]
    Store {
        /// What was being done.
        action: &'static str,
        /// The file or folder, as [`Storage::display`](crate::Storage::display) writes it.
        location: String,
        /// The store's own words.
        source: Cause,
    },

    /// A file read back is not what was written.
    #[error("cannot trust `{location}`: {expected} bytes were written, {found} other bytes came back")]
    Altered {
        /// The file, as [`Storage::display`](crate::Storage::display) writes it.
        location: String,
        /// How many bytes were written.
        expected: usize,
        /// How many bytes came back.
        found: usize,
    },

    /// A local folder cannot be made or written.
    #[error("cannot write into folder `{folder}`; check that it is a folder and may be written")]
    FolderNotWritable {
        /// The nearest folder that exists.
        folder: String,
        /// The operating system's own words.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns whether the error says that one file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// What an object store said, in one line.
///
/// `object_store` repeats each source in the text above it; this type prints
/// the innermost text alone, and of an S3 answer its code and message.
#[derive(Debug)]
pub struct Cause(Box<object_store::Error>);

impl Cause {
    /// Returns the object store's error.
    pub fn object_store(&self) -> &object_store::Error {
        &self.0
    }

    /// Returns whether no HTTP answer came at all.
    pub(crate) fn is_transport(&self) -> bool {
        chain(&*self.0).any(|error| {
            error
                .downcast_ref::<HttpError>()
                .is_some_and(|error| !matches!(error.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown))
        })
    }

    /// Returns whether the server refused the keys, or the rights that go with them.
    ///
    /// `object_store` says so by variant for single objects only; for a listing
    /// the HTTP status stands in the text alone.
    pub(crate) fn is_denial(&self) -> bool {
        let text = self.innermost();
        matches!(
            *self.0,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
        ) || text.contains("status code: 401")
            || text.contains("status code: 403")
    }

    /// Returns the code of an S3 answer, such as `NoSuchBucket`.
    pub(crate) fn code(&self) -> Option<String> {
        element(&self.innermost(), "Code").map(str::to_owned)
    }

    fn innermost(&self) -> String {
        chain(&*self.0).last().map(ToString::to_string).unwrap_or_default()
    }
}

impl From<object_store::Error> for Cause {
    fn from(error: object_store::Error) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.innermost();
        match (element(&text, "Code"), element(&text, "Message")) {
            (Some(code), Some(message)) => {
                write!(f, "{code}: {}", message.trim_end_matches('.'))
            }
            (Some(code), None) => f.write_str(code),
            (None, _) => f.write_str(text.lines().next().unwrap_or_default()),
        }
    }
}

impl StdError for Cause {}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns what stands in the first `<name>…</name>` of an XML text, if it is not empty.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inside).filter(|inside| !inside.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> Cause {
        Cause::from(object_store::Error::Generic { store: "S3", source: text.into() })
    }

    #[test]
    fn s3_answer_is_shown_as_code_and_message() {
        let cause = cause("status 403: <Error><Code>SlowDown</Code><Message>Later.</Message></Error>");
        assert_eq!(cause.to_string(), "SlowDown: Later");
        assert_eq!(cause.code().as_deref(), Some("SlowDown"));
    }

    #[test]
    fn answer_that_is_not_xml_is_shown_by_its_first_line() {
        assert_eq!(cause("status 500: oops\nmore").to_string(), "status 500: oops");
        assert_eq!(cause("<Code>").to_string(), "<Code>");
        assert_eq!(cause("").to_string(), "");
    }

    #[test]
    fn cause_is_not_repeated_by_a_chain() {
        assert!(cause("x").source().is_none());
    }
}
