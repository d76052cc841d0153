// SPDX-License-Identifier: Apache-2.0
//! Encrypted connections: their files, and why one is refused.

use std::error::Error as StdError;
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::error::{Error, Result};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// The end of every line that begins a key, whatever its kind.
const KEY: &str = "PRIVATE KEY-----";
/// Where a configuration is tried, without connecting.
const NOWHERE: &str = "https://localhost";

/// How a connection is encrypted, and what both sides show one another.
///
/// Any of these, or an address with `https://`, has a connection encrypted. The
/// files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Who signs the server's certificate; without it public authorities do.
    pub ca_file: Option<PathBuf>,
    /// The certificate of this side, for servers that want one.
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate is for, when it is not the
    /// address' host.
    pub server_name: Option<String>,
}

impl TlsOptions {
    /// Whether this side has a certificate to show.
    pub(crate) fn shows_certificate(&self) -> bool {
        self.cert_file.is_some()
    }

    /// Whether anything is set, which has a connection encrypted.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Reads the files.
    pub(crate) async fn config(&self, handshake_timeout: Duration) -> Result<ClientTlsConfig> {
        let mut config = match &self.ca_file {
            Some(path) => ClientTlsConfig::new().ca_certificate(authority(path).await?),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => config = config.identity(identity(cert, key).await?),
            (None, None) => {}
            (Some(_), None) => return Err(Error::TlsPair { given: "certificate", missing: "key" }),
            (None, Some(_)) => return Err(Error::TlsPair { given: "key", missing: "certificate" }),
        }
        if let Some(name) = &self.server_name {
            let named = ClientTlsConfig::new().with_enabled_roots().domain_name(name);
            try_out(named).map_err(|_| Error::TlsServerName { name: name.clone() })?;
            config = config.domain_name(name);
        }
        Ok(config.timeout(handshake_timeout))
    }
}

async fn authority(path: &Path) -> Result<Certificate> {
    let certificate = Certificate::from_pem(read(path, CERTIFICATE, "certificate").await?);
    try_out(ClientTlsConfig::new().ca_certificate(certificate.clone()))
        .map_err(|source| Error::TlsFileContent { path: path.to_owned(), what: "certificate", source })?;
    Ok(certificate)
}

async fn identity(cert: &Path, key: &Path) -> Result<Identity> {
    let certificate = read(cert, CERTIFICATE, "certificate").await?;
    // Read as an authority's it says alone whether it is one.
    try_out(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&certificate)))
        .map_err(|source| Error::TlsFileContent { path: cert.to_owned(), what: "certificate", source })?;
    let identity = Identity::from_pem(certificate, read(key, KEY, "private key").await?);
    try_out(ClientTlsConfig::new().identity(identity.clone())).map_err(|source| Error::TlsFileContent {
        path: key.to_owned(),
        what: "key of the certificate",
        source,
    })?;
    Ok(identity)
}

async fn read(path: &Path, mark: &'static str, what: &'static str) -> Result<Vec<u8>> {
    let content = tokio::fs::read(path).await.map_err(|source| Error::TlsFileUnreadable {
        path: path.to_owned(),
        what,
        source,
    })?;
    if !String::from_utf8_lossy(&content).contains(mark) {
        return Err(Error::TlsFileKind { path: path.to_owned(), what });
    }
    Ok(content)
}

fn try_out(config: ClientTlsConfig) -> Result<(), tonic::transport::Error> {
    Endpoint::from_static(NOWHERE).tls_config(config).map(drop)
}

/// What TLS itself found wrong, which no later try mends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The server's certificate is for other names.
    Name,
    /// A certificate is too old, or too new.
    Time,
    /// Nobody known signed the server's certificate.
    Authority,
    /// The server does not take this side's certificate, or misses one.
    Client,
    /// Likewise, but the server's words were lost when it ended the connection:
    /// it looks at certificates when this side believes to be connected.
    Ended,
    /// The server does not encrypt.
    Plain,
    /// Both sides found nothing that they have in common.
    Terms,
}

impl Problem {
    /// The problem below a failure.
    ///
    /// The library that finds it is not a dependency of this crate, so that it
    /// is told by its words.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        successors(Some(error), |error| (**error).source()).find_map(|cause| Self::told(&cause.to_string()))
    }

    fn told(words: &str) -> Option<Self> {
        let says = |any: &[&str]| any.iter().any(|part| words.contains(part));
        if let Some((_, alert)) = words.split_once("received fatal alert: ") {
            let of_client =
                ["CertificateRequired", "UnknownCA", "BadCertificate", "DecryptError", "AccessDenied"];
            return match alert {
                "CertificateExpired" => Some(Self::Time),
                _ if of_client.contains(&alert) => Some(Self::Client),
                _ => Some(Self::Terms),
            };
        }
        if says(&["InvalidContentType"]) {
            return Some(Self::Plain);
        }
        if says(&["HTTP/2 was not negotiated"]) {
            return Some(Self::Terms);
        }
        let (_, certificate) = words.split_once("invalid peer certificate: ")?;
        let begins = |any: [&str; 2]| any.iter().any(|start| certificate.starts_with(start));
        Some(match certificate {
            _ if begins(["certificate not valid for name", "NotValidForName"]) => Self::Name,
            _ if begins(["certificate expired", "Expired"]) => Self::Time,
            _ if begins(["certificate not valid yet", "NotValidYet"]) => Self::Time,
            _ => Self::Authority,
        })
    }

    /// What to do about it.
    pub(crate) fn advice(self, shows_certificate: bool) -> &'static str {
        match self {
            Self::Name => "its certificate is for another name: use the address it is for, or give its name",
            Self::Time => "a certificate is not valid today: check its dates, and the clocks of both sides",
            Self::Authority => {
                "its certificate is not signed by a CA that is known here: give the file of its CA"
            }
            Self::Client if shows_certificate => {
                "it refused the client's certificate: give one that is signed by the CA it trusts"
            }
            Self::Client => "it wants a certificate of the client: give a certificate and its key",
            Self::Ended if shows_certificate => {
                "it ended the connection, as if it refused the client's certificate: give one that is signed by the CA it trusts"
            }
            Self::Ended => {
                "it ended the connection, as if it wanted a certificate of the client: give a certificate and its key"
            }
            Self::Plain => "what answers there does not encrypt: use `http://`, and give no certificates",
            Self::Terms => "both sides have no encryption in common: check that the port is the one for gRPC",
        }
    }
}

#[cfg(test)]
mod tests;
