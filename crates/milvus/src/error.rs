// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use crate::cause::Cause;
use crate::fault::Fault;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why Milvus cannot be asked, or what it refused.
///
/// No variant holds a secret, and none repeats in its text what its source says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not `host:port` or an http(s) URL of these.
    #[error("cannot use `{address}` as the address of Milvus: {reason}")]
    InvalidAddress {
        /// The text that was given, without a user or a password in it.
        address: String,
        /// What is wrong with it, and what is expected.
        reason: &'static str,
    },
    /// A database's name cannot be sent.
    #[error("cannot use `{name}` as the name of a database: expected letters, digits and underscores")]
    InvalidDatabase {
        /// The name that was given.
        name: String,
    },
    /// A name that Milvus would refuse.
    #[error("cannot use `{name}` as the name of {what} in Milvus: {reason}")]
    InvalidName {
        /// What is to have the name, such as "a field".
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing answers at the address.
    #[error("cannot reach Milvus at `{address}`: check the address, and that the server runs")]
    Connect {
        /// The address that was tried.
        address: String,
        /// What the connection ended with.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing answers at the address in time.
    #[error(
        "no answer from Milvus at `{address}` within {seconds} s: check the address, and that the server runs"
    )]
    ConnectTimedOut {
        /// The address that was tried.
        address: String,
        /// How long an answer was waited for.
        seconds: u64,
    },
    /// A file of an encrypted connection cannot be read.
    #[error("cannot read `{}`, which is to hold a {what} for the connection to Milvus", path.display())]
    TlsFileUnreadable {
        /// The file.
        path: PathBuf,
        /// What it is to hold.
        what: &'static str,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// A file of an encrypted connection holds something else.
    #[error(
        "`{}` holds no {what} for the connection to Milvus: expected PEM, a text with a line `-----BEGIN …-----`",
        path.display()
    )]
    TlsFileKind {
        /// The file.
        path: PathBuf,
        /// What it is to hold.
        what: &'static str,
    },
    /// A certificate or a key is damaged, or a key is that of another certificate.
    #[error("cannot use `{}` as the {what} of the connection to Milvus", path.display())]
    TlsFileContent {
        /// The file.
        path: PathBuf,
        /// What it is to hold.
        what: &'static str,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
    /// A certificate of this side is without its key, or the reverse.
    #[error("a client {given} for Milvus is given without its {missing}: give both, or none")]
    TlsPair {
        /// What is given.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// The name of the server's certificate cannot be one.
    #[error(
        "cannot use `{name}` as the name in the certificate of Milvus: expected a host's name or address"
    )]
    TlsServerName {
        /// The name that was given.
        name: String,
    },
    /// No encrypted connection comes about.
    #[error("cannot make an encrypted connection to Milvus at `{address}`: {advice}")]
    Tls {
        /// The server's address.
        address: String,
        /// What is wrong, and what to do.
        advice: &'static str,
        /// What either side says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server knows its users, and nothing was sent to tell it who asks.
    #[error("Milvus at `{address}` wants a user and a password, or a token, and none was given")]
    CredentialsMissing {
        /// The server's address.
        address: String,
    },
    /// The user, password or token is wrong.
    #[error(
        "Milvus at `{address}` refused the user, password or token: check all three, and that the user exists there"
    )]
    Authentication {
        /// The server's address.
        address: String,
        /// The server's own words.
        source: Cause,
    },
    /// Something answers, but not as Milvus does.
    #[error(
        "what answers at `{address}` is not Milvus 2.x: check host and port, Milvus has port 19530 by default, and whether it wants `https://`"
    )]
    NotMilvus {
        /// The address that was tried.
        address: String,
        /// What it answered.
        source: Cause,
    },
    /// The server is too old.
    #[error("Milvus at `{address}` has version `{version}`, which cannot {what}: use {needed} or newer")]
    UnsupportedVersion {
        /// The server's address.
        address: String,
        /// The version it says it has.
        version: String,
        /// What it cannot do.
        what: &'static str,
        /// The first version that can.
        needed: &'static str,
    },
    /// The server answered that it will not do it.
    #[error("Milvus refused {call} of {subject} with code {code}: {reason}")]
    Refused {
        /// The remote call.
        call: &'static str,
        /// What it was about, such as "collection `films`".
        subject: String,
        /// The server's code.
        code: i32,
        /// The server's own words.
        reason: String,
        /// Whether it may do it later: it is starting, or asked too often.
        is_passing: bool,
    },
    /// A call did not end in time.
    #[error("Milvus at `{address}` did not answer {call} of {subject} within {seconds} s")]
    TimedOut {
        /// The server's address.
        address: String,
        /// The remote call.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// How long an answer was waited for.
        seconds: u64,
    },
    /// A call got no answer of its own: the connection broke, or something on
    /// the way refused it.
    #[error("Milvus at `{address}` could not be asked for {call} of {subject}")]
    Rpc {
        /// The server's address.
        address: String,
        /// The remote call.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// What the transport says.
        source: Cause,
    },
    /// The answer contradicts itself or the request.
    #[error("Milvus answered {call} of {subject} with {found}, expected {expected}")]
    Answer {
        /// The remote call.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// What a sound answer holds.
        expected: String,
        /// What it held.
        found: String,
    },
    /// It is not known whether an import job was started.
    #[error(
        "Milvus does not say whether it started an import into partition `{partition}` of collection `{collection}`: the job may run or not"
    )]
    ImportUnanswered {
        /// The target collection.
        collection: String,
        /// The target partition.
        partition: String,
        /// Why there is no answer.
        source: Box<Error>,
    },
    /// A collection has fields that no migration makes.
    #[error("collection `{collection}` in Milvus is not one that was migrated: {reason}")]
    ForeignSchema {
        /// The collection.
        collection: String,
        /// What is different.
        reason: String,
    },
    /// A metric that the server does not have.
    #[error("metric `{metric}` has no counterpart in Milvus {version}: {remedy}")]
    UnsupportedMetric {
        /// The metric of the 1.x collection.
        metric: String,
        /// The server's version.
        version: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The parameters of a 1.x index are not a JSON object.
    #[error("cannot read the parameters `{params}` of index `{index}` as a JSON object")]
    IndexParameters {
        /// The index.
        index: String,
        /// Its parameters.
        params: String,
        /// Where the text is wrong.
        source: serde_json::Error,
    },
    /// One parameter of a 1.x index is not a whole number.
    #[error("cannot use `{value}` as parameter `{name}` of index `{index}`: expected a whole number")]
    IndexParameter {
        /// The index.
        index: String,
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

impl Error {
    /// Whether a later try may succeed without anything being changed here: the
    /// server is starting, unreachable, busy or slow.
    ///
    /// Never of [`Error::ImportUnanswered`], where a later try may have the same
    /// rows taken twice.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::ConnectTimedOut { .. } | Self::TimedOut { .. } => true,
            Self::Refused { is_passing, .. } => *is_passing,
            Self::Rpc { source, .. } => Fault::of(source.status()) != Fault::Final,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn rpc(status: Status) -> Error {
        let (address, subject) = (String::new(), String::new());
        Error::Rpc { address, call: "Query", subject, source: Cause::new(status) }
    }

    fn refused(is_passing: bool) -> Error {
        Error::Refused { call: "Query", subject: String::new(), code: 1, reason: String::new(), is_passing }
    }

    #[test]
    fn a_later_try_may_succeed_when_the_server_is_gone_but_not_when_it_refuses() {
        let late =
            || Error::TimedOut { address: String::new(), call: "Query", subject: String::new(), seconds: 30 };
        let connect = Error::Connect { address: String::new(), source: "connection refused".into() };
        for error in [late(), connect, refused(true), rpc(Status::unavailable("starting"))] {
            assert!(error.is_transient(), "{error}");
        }
        let unanswered = Error::ImportUnanswered {
            collection: String::new(),
            partition: String::new(),
            source: Box::new(late()),
        };
        let missing = Error::CredentialsMissing { address: String::new() };
        for error in [refused(false), rpc(Status::permission_denied("no")), unanswered, missing] {
            assert!(!error.is_transient(), "{error}");
        }
    }
}
