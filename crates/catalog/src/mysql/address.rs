// SPDX-License-Identifier: Apache-2.0
//! Addresses of databases, as Go and as URLs write them.
//!
//! What is refused is said in fixed words: any part of a text of the wrong form
//! may be a part of its password.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::parameters::Parameters;
use super::{MySql, Server};

/// What a URL begins with.
pub(super) const URL_SCHEMES: [&str; 2] = ["mysql://", "mariadb://"];
/// Where the server listens unless another port is named.
const DEFAULT_PORT: u16 = 3306;
/// Where `go-sql-driver` expects the server, and its socket.
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_SOCKET: &str = "/tmp/mysql.sock";

const NO_DATABASE: &str = "it names no database after the last `/`";
const HOST: &str =
    "the host must be one name or IP address, and an IPv6 address with a port stands in brackets";
const PORT: &str = "the port must be a number from 1 to 65535";
const ENCODED: &str = "what is percent-encoded must be UTF-8";

/// Why an address is refused, in words that repeat nothing of it.
pub(super) type Refusal = &'static str;

/// The parts of an address.
struct Parts<'a> {
    user: &'a str,
    password: &'a str,
    server: &'a str,
    database: &'a str,
    query: &'a str,
}

pub(super) fn parse(text: &str) -> Result<MySql, Refusal> {
    let scheme = URL_SCHEMES
        .iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let rest = scheme.and_then(|scheme| text.get(scheme.len()..));
    match rest {
        None => of_dsn(&dsn(text).ok_or_else(|| missing_in_dsn(text))?),
        // Some tools put the scheme before Go's form.
        Some(rest) => match dsn(rest).filter(|parts| parts.server.ends_with(')')) {
            Some(parts) => of_dsn(&parts),
            None => of_url(&url(rest)?),
        },
    }
}

/// Splits Go's form. Its password may hold anything, so the last `/` divides
/// it; a `/` further left does only if what follows can be no address, because
/// it is in the value of a parameter.
fn dsn(text: &str) -> Option<Parts<'_>> {
    text.rmatch_indices('/').find_map(|(slash, _)| {
        let (left, right) = (text.get(..slash)?, text.get(slash + 1..)?);
        let (credentials, server) = left.rsplit_once('@').unwrap_or(("", left));
        let is_server = matches!(server, "" | "tcp" | "unix")
            || (server.ends_with(')')
                && ["(", "tcp(", "unix("].iter().any(|start| server.starts_with(start)));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (database, query) = right.split_once('?').unwrap_or((right, ""));
        is_server.then_some(Parts { user, password, server, database, query })
    })
}

fn missing_in_dsn(text: &str) -> Refusal {
    if text.is_empty() {
        "it is empty"
    } else if !text.contains('/') {
        NO_DATABASE
    } else {
        "what stands before the last `/` must end with `tcp(host:port)` or `unix(/path/of/socket)`"
    }
}

fn of_dsn(parts: &Parts<'_>) -> Result<MySql, Refusal> {
    let (protocol, address) = match parts.server.split_once('(') {
        Some((protocol, address)) => (protocol, address.strip_suffix(')').unwrap_or(address)),
        None => (parts.server, ""),
    };
    let server = match (protocol, address) {
        ("unix", "") => Server::Socket(DEFAULT_SOCKET.into()),
        ("unix", path) => Server::Socket(path.into()),
        (_, address) => tcp(address)?,
    };
    build(parts.user.into(), parts.password.into(), server, parts)
}

/// Splits a URL. A password that is not encoded, as old servers took it in
/// `meta_uri`, may hold an `@`; the last one divides.
fn url(text: &str) -> Result<Parts<'_>, Refusal> {
    let is_query = |query: &str| query.split('&').all(|pair| pair.is_empty() || pair.contains('='));
    let (main, query) = text.rsplit_once('?').filter(|(_, query)| is_query(query)).unwrap_or((text, ""));
    let (credentials, location) = main.rsplit_once('@').unwrap_or(("", main));
    let (server, database) = location.split_once('/').ok_or(NO_DATABASE)?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    Ok(Parts { user, password, server, database, query })
}

fn of_url(parts: &Parts<'_>) -> Result<MySql, Refusal> {
    build(decode(parts.user)?, decode(parts.password)?, tcp(parts.server)?, parts)
}

fn build(user: String, password: String, server: Server, parts: &Parts<'_>) -> Result<MySql, Refusal> {
    let database = decode(parts.database)?;
    if database.is_empty() {
        return Err(NO_DATABASE);
    }
    if [&user, &password, &database].iter().any(|text| text.contains(char::is_control)) {
        return Err("user, password and database must be without control characters");
    }
    let parameters = Parameters::parse(parts.query)?;
    Ok(MySql {
        user,
        password: Some(password).filter(|password| !password.is_empty()),
        server: parameters.socket().map_or(server, Server::Socket),
        database,
        tls: parameters.tls()?,
        timeout: parameters.timeout(),
        read_timeout: parameters.read_timeout(),
        charset: parameters.charset(),
    })
}

fn tcp(address: &str) -> Result<Server, Refusal> {
    let (host, port) = if address.parse::<Ipv6Addr>().is_ok() {
        (address, None)
    } else if let Some(bracketed) = address.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(HOST)?;
        host.parse::<Ipv6Addr>().map_err(|_| HOST)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(HOST),
        }
    } else {
        address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)))
    };
    let port = port.filter(|port| !port.is_empty()).map_or(Ok(DEFAULT_PORT), |port| port.parse());
    let port = port.ok().filter(|port| *port > 0).ok_or(PORT)?;
    let is_of_host = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | ':');
    if !host.chars().all(is_of_host) {
        return Err(HOST);
    }
    let host = if host.is_empty() { DEFAULT_HOST } else { host };
    Ok(Server::Tcp { host: host.into(), port })
}

/// Decodes `%40` and the like; a `%` without two digits stands for itself.
pub(super) fn decode(text: &str) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(byte.unwrap_or(*first));
        rest = byte.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    String::from_utf8(decoded).map_err(|_| ENCODED)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A path in the value of a parameter.
pub(super) fn path(value: &str) -> Result<PathBuf, Refusal> {
    let path = decode(value)?;
    if path.is_empty() { Err("a parameter that names a file must have a path") } else { Ok(path.into()) }
}

#[cfg(test)]
mod tests;
