// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Uri;

use crate::error::{Error, Result};
use crate::retry::RetryPolicy;
use crate::secret::Secret;
use crate::tls::TlsOptions;

const DEFAULT_PORT: u16 = 19530;
const DEFAULT_TLS_PORT: u16 = 443;
const EXPECTED: &str = "expected `host:port`, `http://host:port` or `https://host:port`";

/// Where Milvus is and who asks.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `host:port`, or an http(s) URL of these; without a port 19530, or 443
    /// with https.
    pub uri: String,
    /// How the connection is encrypted.
    pub tls: TlsOptions,
    /// Who asks.
    pub credentials: Credentials,
    /// The database that every call is about; none is the server's default.
    pub database: Option<String>,
    /// How long a connection and its first answer may take.
    pub connect_timeout: Duration,
    /// How long calls are repeated once connected.
    pub retry: RetryPolicy,
    /// The longest answer that is read.
    pub max_decode_bytes: usize,
    /// The longest request that is sent.
    pub max_encode_bytes: usize,
}

impl ConnectOptions {
    /// Returns the address as messages show it, without connecting.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] when it is none.
    pub fn address(&self) -> Result<String> {
        Ok(Address::parse(&self.uri)?.shown)
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            uri: format!("127.0.0.1:{DEFAULT_PORT}"),
            tls: TlsOptions::default(),
            credentials: Credentials::None,
            database: None,
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            max_decode_bytes: 256 << 20,
            max_encode_bytes: usize::MAX,
        }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("uri", &without_user(&self.uri))
            .field("tls", &self.tls)
            .field("credentials", &self.credentials)
            .field("database", &self.database)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry", &self.retry)
            .field("max_decode_bytes", &self.max_decode_bytes)
            .field("max_encode_bytes", &self.max_encode_bytes)
            .finish()
    }
}

/// Who asks.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// Nobody in particular: the server does not know its users.
    #[default]
    None,
    /// A user of the server.
    UserPassword {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
    /// A token, such as managed services give out.
    Token(Secret),
}

impl Credentials {
    /// The value of the `authorization` metadata: Milvus wants the base64 text
    /// alone, without a scheme before it.
    pub(crate) fn authorization(&self) -> Option<AsciiMetadataValue> {
        let text = match self {
            Self::None => return None,
            Self::UserPassword { user, password } => STANDARD.encode(format!("{user}:{}", password.expose())),
            Self::Token(token) => STANDARD.encode(token.expose()),
        };
        let mut value = AsciiMetadataValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A checked address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `host:port`, for messages.
    pub(crate) shown: String,
    /// What is connected to.
    pub(crate) url: String,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let invalid = |reason| Error::InvalidAddress { address: without_user(text), reason };
        let with_scheme =
            if text.contains("://") { text.trim().to_owned() } else { format!("http://{}", text.trim()) };
        let uri: Uri = with_scheme.parse().map_err(|_| invalid(EXPECTED))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(invalid(EXPECTED)),
        };
        let authority = uri.authority().ok_or_else(|| invalid(EXPECTED))?;
        if authority.as_str().contains('@') {
            return Err(invalid("give user and password on their own, not in the address"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(invalid("give the database on its own, nothing may follow the port"));
        }
        let (host, port) = (authority.host(), authority.port_u16());
        if host.is_empty() || (port.is_none() && authority.as_str() != host) || port == Some(0) {
            return Err(invalid(EXPECTED));
        }
        let port = port.unwrap_or(if tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT });
        let shown = format!("{host}:{port}");
        let url = url(&shown, tls);
        // A host such as `a[` is taken where it stands alone, and is none before a port.
        let again = url.parse::<Uri>().map_err(|_| invalid(EXPECTED))?;
        if again.host() != Some(host) || again.port_u16() != Some(port) {
            return Err(invalid(EXPECTED));
        }
        Ok(Self { url, shown, tls })
    }

    /// The same place, with the connection encrypted.
    pub(crate) fn encrypted(self) -> Self {
        Self { url: url(&self.shown, true), tls: true, ..self }
    }
}

fn url(shown: &str, tls: bool) -> String {
    format!("{}://{shown}", if tls { "https" } else { "http" })
}

/// The address without what stands before an `@` or behind a `?`, which may hold a password.
fn without_user(text: &str) -> String {
    let Some((before, after)) = text.rsplit_once('@') else { return without_query(text).to_owned() };
    // What stands before a `://` or behind a `?` that is inside of a password is part of it.
    let scheme = ["http://", "https://"].into_iter().find(|scheme| before.starts_with(scheme));
    format!("{}***@{}", scheme.unwrap_or_default(), without_query(after))
}

fn without_query(text: &str) -> &str {
    text.split_once('?').map_or(text, |(place, _)| place)
}

#[cfg(test)]
mod tests;
