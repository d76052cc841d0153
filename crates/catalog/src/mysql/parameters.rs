// SPDX-License-Identifier: Apache-2.0
//! The parameters of an address.

use std::path::PathBuf;
use std::time::Duration;

use strsim::damerau_levenshtein;

use super::address::{Refusal, decode, path};
use super::{Charset, Tls, TlsMode};

/// How long connecting may take unless the address says otherwise.
const TIMEOUT: Duration = Duration::from_secs(8);
/// How long the server may stay silent unless the address says otherwise.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// The parameters that count, as [`normal`] spells them, and how to write them.
const KNOWN: [(&str, Refusal); 8] = [
    ("tls", "a parameter looks like `tls`, but is spelt otherwise"),
    ("sslmode", "a parameter looks like `ssl-mode`, but is spelt otherwise"),
    ("sslca", "a parameter looks like `ssl-ca`, but is spelt otherwise"),
    ("sslcert", "a parameter looks like `ssl-cert`, but is spelt otherwise"),
    ("sslkey", "a parameter looks like `ssl-key`, but is spelt otherwise"),
    ("socket", "a parameter looks like `socket`, but is spelt otherwise"),
    ("timeout", "a parameter looks like `timeout`, but is spelt otherwise"),
    ("readtimeout", "a parameter looks like `readTimeout`, but is spelt otherwise"),
];

/// The parameters that count.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    mode: Option<TlsMode>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    socket: Option<PathBuf>,
    timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    charset: Charset,
}

impl Parameters {
    /// Parses what stands behind the `?` of an address.
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.set(&normal(name), value)?;
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "tls" => self.set_mode(of_tls(&decode(value)?)?)?,
            "sslmode" => self.set_mode(of_ssl_mode(&normal(value))?)?,
            "sslca" => self.ca = Some(path(value)?),
            "sslcert" => self.certificate = Some(path(value)?),
            "sslkey" => self.key = Some(path(value)?),
            "socket" => self.socket = Some(path(value)?),
            "timeout" => self.timeout = Some(duration(value)?),
            "readtimeout" => self.read_timeout = Some(duration(value)?),
            "charset" => self.charset = of_charset(value),
            other => return misspelt(other).map_or(Ok(()), Err),
        }
        Ok(())
    }

    fn set_mode(&mut self, mode: TlsMode) -> Result<(), Refusal> {
        match self.mode.replace(mode) {
            Some(before) if before != mode => Err("`tls` and `ssl-mode` say different things"),
            _ => Ok(()),
        }
    }

    /// Where the socket is, when one is named.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        self.socket.clone()
    }

    /// How to encrypt.
    pub(super) fn tls(&self) -> Result<Tls, Refusal> {
        let mode = match (self.mode, &self.ca) {
            (None, Some(_)) => TlsMode::VerifyIdentity,
            // Whoever shows a certificate means to use TLS.
            (None, None) if self.certificate.is_some() => TlsMode::Required,
            (Some(TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required), Some(_)) => {
                return Err(
                    "`ssl-ca` would not be used: with it goes `tls=true`, `ssl-mode=VERIFY_CA` or neither",
                );
            }
            (mode, _) => mode.unwrap_or_default(),
        };
        let client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err("`ssl-cert` and `ssl-key` go together"),
        };
        if client.is_some() && matches!(mode, TlsMode::Disabled | TlsMode::Preferred) {
            return Err(
                "`ssl-cert` and `ssl-key` would not be used without TLS, so neither `false` nor `preferred` goes with them",
            );
        }
        Ok(Tls { mode, ca: self.ca.clone(), client })
    }

    /// In which character set to be sent texts.
    pub(super) fn charset(&self) -> Charset {
        self.charset
    }

    /// How long connecting may take. As in Go, zero is as if nothing was said.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT)
    }

    /// How long the server may stay silent.
    pub(super) fn read_timeout(&self) -> Duration {
        self.read_timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(READ_TIMEOUT)
    }
}

/// A name in lower case, without `-` and `_`.
fn normal(name: &str) -> String {
    name.chars().filter(|char| !matches!(char, '-' | '_')).collect::<String>().to_ascii_lowercase()
}

/// Go passes parameters that it does not know to the server as system
/// variables, so most are harmless. One that was meant to encrypt is not, but
/// `sql_mode`, which looks like one, is.
fn misspelt(name: &str) -> Option<Refusal> {
    if name == "sqlmode" {
        return None;
    }
    let is_near = |known: &str| damerau_levenshtein(name, known) <= 1;
    let near = KNOWN.iter().find(|(known, _)| is_near(known));
    let of_tls = || {
        let says = name.contains("tls") || name.contains("ssl");
        says.then_some(
            "a parameter about TLS is unknown: there are `tls`, `ssl-mode`, `ssl-ca`, `ssl-cert` and `ssl-key`",
        )
    };
    near.map(|(_, refusal)| *refusal).or_else(of_tls)
}

fn of_tls(value: &str) -> Result<TlsMode, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(TlsMode::VerifyIdentity),
        "false" | "0" => Ok(TlsMode::Disabled),
        "skip-verify" => Ok(TlsMode::Required),
        "preferred" => Ok(TlsMode::Preferred),
        _ => Err(
            "`tls` must be `true`, `false`, `skip-verify` or `preferred`; instead of a configuration that a Go program registers by name, name the file of the CA with `ssl-ca=/path/ca.pem`",
        ),
    }
}

fn of_ssl_mode(value: &str) -> Result<TlsMode, Refusal> {
    match value {
        "disabled" => Ok(TlsMode::Disabled),
        "preferred" => Ok(TlsMode::Preferred),
        "required" => Ok(TlsMode::Required),
        "verifyca" => Ok(TlsMode::VerifyCa),
        "verifyidentity" => Ok(TlsMode::VerifyIdentity),
        _ => Err("`ssl-mode` must be `DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`"),
    }
}

/// The first character set that is known, as Go takes the first that the server
/// knows. All that `utf8` holds `utf8mb4` holds too.
fn of_charset(value: &str) -> Charset {
    let known = value.split(',').find_map(|name| match name.trim().to_ascii_lowercase().as_str() {
        "utf8" | "utf8mb4" => Some(Charset::Utf8mb4),
        "latin1" => Some(Charset::Latin1),
        _ => None,
    });
    known.unwrap_or_default()
}

/// Parses a duration of Go: numbers with units, such as `1m30s` or `1.5h`.
fn duration(value: &str) -> Result<Duration, Refusal> {
    const REFUSAL: Refusal =
        "`timeout` and `readTimeout` must be durations such as `30s`, `500ms` or `1m30s`";
    if value == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0.0;
    let mut rest = value;
    while !rest.is_empty() || value.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').ok_or(REFUSAL)?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit);
        seconds += number.parse::<f64>().map_err(|_| REFUSAL)? * seconds_of(unit).ok_or(REFUSAL)?;
        rest = next;
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| REFUSAL)
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1e-9),
        "us" | "µs" | "μs" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}
