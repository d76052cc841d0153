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

/// What TLS itself found wrong below a failure, which no later try mends, and
/// what to do about it.
///
/// The library that finds it is not a dependency of this crate, so that it is
/// told by its words.
pub(crate) fn problem(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    successors(Some(error), |error| (**error).source()).find_map(|cause| advice(&cause.to_string()))
}

fn advice(words: &str) -> Option<&'static str> {
    let says = |any: &[&str]| any.iter().any(|part| words.contains(part));
    if says(&["not valid for name", "NotValidForName"]) {
        Some("the server's certificate is for another name: use the address it is for, or give its name")
    } else if says(&["certificate expired", "Expired", "not valid yet", "NotValidYet"]) {
        Some("a certificate is not valid today: check when it ends, and the clocks of both sides")
    } else if says(&["invalid peer certificate"]) {
        Some("the server's certificate is not signed by who it should be: give the file of its CA")
    } else if says(&["alert: CertificateRequired"]) {
        Some("the server wants a certificate of the client: give a certificate and its key")
    } else if says(&[
        "alert: UnknownCA",
        "alert: BadCertificate",
        "alert: DecryptError",
        "alert: AccessDenied",
    ]) {
        Some("the server refused the client's certificate: give one that is signed by the CA it trusts")
    } else if says(&["InvalidContentType"]) {
        Some("what answers there does not encrypt: use `http://`, without files of certificates")
    } else if says(&["received fatal alert", "HTTP/2 was not negotiated"]) {
        Some("both sides do not agree on how to encrypt: check that the port is the one for gRPC")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
