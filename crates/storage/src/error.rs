// SPDX-License-Identifier: Apache-2.0

use crate::{Cause, Cloud};

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
    #[error("cannot use `{endpoint}` as an endpoint: {reason}")]
    InvalidEndpoint {
        /// The text that was given, without a user or a password in it.
        endpoint: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },

    /// Half of a key pair was given.
    #[error(
        "the {given} for bucket `{bucket}` was given without the {missing}: give both, or neither to use the {} environment variables",
        .cloud.variables()
    )]
    IncompleteCredentials {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The bucket that the keys are for.
        bucket: String,
        /// The half that is there.
        given: &'static str,
        /// The half that is not.
        missing: &'static str,
    },

    /// There are no keys, and nothing that would hand some out.
    #[error(
        "no credentials for bucket `{bucket}` at `{endpoint}`: {}{}",
        if *.use_iam { "let this machine have a role, or switch IAM off and " } else { "" },
        .cloud.ways_to_give_keys()
    )]
    NoCredentials {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The server that was to be asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// Whether the machine's role alone was asked.
        use_iam: bool,
        /// What looking for credentials ended with; none when it was not tried.
        source: Option<Cause>,
    },

    /// The machine's role was to be asked, where nobody here knows how.
    #[error(
        "cannot use the machine's role for bucket `{bucket}` of {}: switch IAM off for it, and {}",
        .cloud.title(),
        .cloud.ways_to_give_keys()
    )]
    NoRoles {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The bucket that was to be used.
        bucket: String,
    },

    /// The cloud has an endpoint for each region, and neither was given.
    #[error("no region for bucket `{bucket}` of {}: give the region or the endpoint, or set {variable}", .cloud.title())]
    MissingRegion {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The bucket that was to be used.
        bucket: String,
        /// The environment variable that names the region.
        variable: &'static str,
    },

    /// A setting from the options or the environment does not fit.
    #[error(
        "cannot set up access to bucket `{bucket}` of {}; check the keys and the {} environment variables",
        .cloud.title(),
        .cloud.variables()
    )]
    InvalidSettings {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The bucket that was to be used.
        bucket: String,
        /// What the store's client said.
        source: Cause,
    },

    /// The file of trusted authorities cannot be read, or holds no certificates.
    #[error("cannot use `{file}` as certificates of trusted authorities; give a PEM file")]
    Authorities {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The server shows a certificate that is not believed.
    #[error(
        "the certificate of `{endpoint}` for bucket `{bucket}` is not trusted; when it is of an authority of your own, give that authority's certificate"
    )]
    Untrusted {
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// What is wrong with the certificate.
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

    /// The server does not know the keys, or not any longer.
    #[error("`{endpoint}` does not accept the credentials for bucket `{bucket}`: {problem}")]
    CredentialsRefused {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// What is wrong with them, and what to do.
        problem: &'static str,
        /// The server's own words.
        source: Cause,
    },

    /// The credentials give no right to do this.
    #[error(
        "`{endpoint}` refuses to {action} in bucket `{bucket}`; check the credentials, and their right to {action} there"
    )]
    Denied {
        /// Who keeps the bucket.
        cloud: Cloud,
        /// The server that was asked.
        endpoint: String,
        /// The bucket that was to be used.
        bucket: String,
        /// What was refused: `list`, `read`, `write` or `remove`.
        action: &'static str,
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

    /// There is no room for a file.
    #[error(
        "no space left on the disk of `{location}`: make room there, or choose another place, and run the command again"
    )]
    DiskFull {
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

    /// The file that a check wrote, or may have written, could not be removed.
    #[error("cannot remove `{location}`, a file of the check of the bucket; remove it if it is there")]
    CheckFileLeft {
        /// The file, as [`Storage::display`](crate::Storage::display) writes it.
        location: String,
        /// What the check ended with, or, when it went well, the removal.
        source: Box<Error>,
    },

    /// A local folder cannot be read.
    #[error("cannot read folder `{folder}`; check that it is a folder and may be read")]
    FolderNotReadable {
        /// The folder.
        folder: String,
        /// The operating system's own words.
        source: std::io::Error,
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
