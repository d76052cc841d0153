// SPDX-License-Identifier: Apache-2.0

use crate::cause::Cause;

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
        "what answers at `{address}` is not Milvus 2.x: check host and port, Milvus has port 19530 by default"
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
        "it is not known whether Milvus started an import into partition `{partition}` of collection `{collection}`: drop the collection before loading again, or its rows may be there twice"
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
