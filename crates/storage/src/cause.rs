// SPDX-License-Identifier: Apache-2.0

use std::error::Error as StdError;
use std::{fmt, io};

use object_store::client::{HttpError, HttpErrorKind};

/// What an object store said, in one line.
///
/// `object_store` repeats each source in the text above it; this type prints
/// the innermost text alone, and of an S3 answer its code and message.
#[derive(Debug)]
pub struct Cause {
    error: Box<object_store::Error>,
    /// The innermost text.
    text: String,
}

impl Cause {
    /// Returns whether no HTTP answer came at all.
    pub(crate) fn is_transport(&self) -> bool {
        chain(&*self.error).any(|error| {
            error
                .downcast_ref::<HttpError>()
                .is_some_and(|error| !matches!(error.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown))
        })
    }

    /// Returns whether the server's certificate is not believed.
    pub(crate) fn is_distrust(&self) -> bool {
        self.is_transport() && self.text.contains("invalid peer certificate")
    }

    /// Returns whether a disk is full, or a user's part of it.
    pub fn is_disk_full(&self) -> bool {
        chain(&*self.error).any(|error| {
            error.downcast_ref::<io::Error>().is_some_and(|error| {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            })
        })
    }

    /// Returns whether the server refused the keys, or the rights that go with them.
    ///
    /// `object_store` says so by variant for single objects only; for a listing
    /// the HTTP status stands in the text alone, and for a removal the code.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(
            *self.error,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
        ) || ["status code: 401", "status code: 403", "AccessDenied"]
            .iter()
            .any(|part| self.text.contains(part))
    }

    /// Returns what the server has against the credentials themselves.
    pub(crate) fn credential_problem(&self) -> Option<&'static str> {
        Some(match self.code() {
            Some(
                "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "SecurityTokenExpired",
            ) => "they have expired; get new ones",
            Some("InvalidToken" | "InvalidSecurityToken") => {
                "the session token is not valid; get new credentials, all three parts together"
            }
            Some("InvalidAccessKeyId" | "InvalidAccessKey") => "it knows no such access key; check it",
            Some("SignatureDoesNotMatch") => {
                "the signature is not the expected one; check that the secret key is that of the access key"
            }
            Some("RequestTimeTooSkewed") => "the clock of this machine is wrong; set it",
            Some("AuthorizationHeaderMalformed") => {
                "they are signed for another region; set the bucket's region"
            }
            Some("AuthenticationFailed" | "InvalidAuthenticationInfo" | "AuthenticationRequired") => {
                "check the account and its key, that the token has not expired, and the clock of this machine"
            }
            // Azure says the same of a firewall, but not that it is about the signature.
            Some("AuthorizationFailure") if self.text.contains("failed to authenticate") => {
                "check the account and its key or token"
            }
            _ if self.text.contains("status code: 401") => {
                "they are unknown or have expired; check them, or get new ones"
            }
            _ => return None,
        })
    }

    /// Returns whether a request to another server failed: one that hands out credentials.
    pub(crate) fn is_from_elsewhere(&self, endpoint: &str) -> bool {
        let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
        let whole = self.error.to_string();
        whole.contains("Error performing") && whole.contains("://") && !whole.contains(host)
    }

    /// Returns the code of an XML answer, such as `NoSuchBucket`.
    pub(crate) fn code(&self) -> Option<&str> {
        element(&self.text, "Code")
    }
}

impl From<object_store::Error> for Cause {
    fn from(error: object_store::Error) -> Self {
        let text = chain(&error).last().map(ToString::to_string).unwrap_or_default();
        Self { error: Box::new(error), text }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match (element(text, "Code"), element(text, "Message")) {
            (Some(code), Some(message)) => {
                let first = message.trim().lines().next().unwrap_or_default();
                write!(f, "{code}: {}", first.trim_end_matches('.'))
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
        assert_eq!(cause.code(), Some("SlowDown"));
    }

    #[test]
    fn answer_that_is_not_xml_is_shown_by_its_first_line() {
        assert_eq!(cause("status 500: oops\nmore").to_string(), "status 500: oops");
        assert_eq!(cause("<Code>").to_string(), "<Code>");
        assert_eq!(cause("").to_string(), "");
    }

    #[test]
    fn full_disk_is_told_from_other_failures() {
        let cause = |kind: io::ErrorKind| {
            let source = Box::new(io::Error::from(kind));
            Cause::from(object_store::Error::Generic { store: "LocalFileSystem", source })
        };
        assert!(cause(io::ErrorKind::StorageFull).is_disk_full());
        assert!(cause(io::ErrorKind::QuotaExceeded).is_disk_full());
        assert!(!cause(io::ErrorKind::PermissionDenied).is_disk_full());
        assert!(!self::cause("no space left on device").is_disk_full());
    }

    #[test]
    fn cause_is_not_repeated_by_a_chain() {
        assert!(cause("x").source().is_none());
    }

    #[test]
    fn what_is_wrong_with_credentials_is_told_from_a_missing_right() {
        let expired = cause("status code: 400: <Error><Code>ExpiredToken</Code></Error>");
        assert_eq!(expired.credential_problem(), Some("they have expired; get new ones"));
        let unknown = cause("Server returned non-2xx status code: 401 Unauthorized: ");
        assert!(unknown.credential_problem().is_some());
        let denied = cause("status code: 403 Forbidden: <Error><Code>AccessDenied</Code></Error>");
        assert!(denied.credential_problem().is_none() && denied.is_denial());
    }

    #[test]
    fn request_to_another_server_is_about_credentials() {
        let elsewhere = cause("Error performing GET http://169.254.169.254/latest in 1s - refused");
        assert!(elsewhere.is_from_elsewhere("https://s3.eu-west-1.amazonaws.com"));
        let here = cause("Error performing GET http://b.host:9000/x in 1s - refused");
        assert!(!here.is_from_elsewhere("http://host:9000"));
    }
}
