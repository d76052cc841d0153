// SPDX-License-Identifier: Apache-2.0
//! Connecting, and what can go wrong with a server, in words.

use std::io::ErrorKind;

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions, MySqlConnection};
use tokio::time::timeout;

use super::{Charset, MySql, Server, TlsMode};
use crate::error::{Error, Result, cause};

/// What sqlx says of a server without TLS.
const NO_TLS: &str = "server does not support TLS";
/// What rustls says of a server whose TLS is no longer spoken. One of at most
/// 1.1 finds no cipher that it knows, so its handshake fails on that.
const OLD_TLS: [&str; 5] = [
    "received fatal alert: ProtocolVersion",
    "received fatal alert: HandshakeFailure",
    "received fatal alert: InsufficientSecurity",
    "peer is incompatible: ServerDoesNotSupportTls12Or13",
    "peer is incompatible: ServerTlsVersionIsDisabledByOurConfig",
];
/// What rustls says of a certificate that it does not accept.
const CERTIFICATE: &str = "invalid peer certificate";
/// What it says then if all but the name of the host is right.
const OTHER_HOST: &str = "invalid peer certificate: certificate not valid for name";

/// Connects to a database, within its timeout.
pub(super) async fn connect(mysql: &MySql) -> Result<MySqlConnection> {
    let connecting = async {
        check_files(mysql).await?;
        attempt(mysql).await.map_err(|error| failure(mysql, error))
    };
    match timeout(mysql.timeout, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(Error::Database {
            metadata: mysql.to_string(),
            reason: "it did not answer in time",
            remedy: "check host and port, and that a firewall lets you through; `timeout=30s` in the address allows more",
            source: None,
        }),
    }
}

/// Makes sure that the files of certificates and keys can be read: later, one
/// that is missing looks like a socket that is.
async fn check_files(mysql: &MySql) -> Result<()> {
    let client = mysql.tls.client.as_ref();
    for (path, reason) in [
        (mysql.tls.ca.as_ref(), "the file that `ssl-ca` names cannot be read"),
        (client.map(|(certificate, _)| certificate), "the file that `ssl-cert` names cannot be read"),
        (client.map(|(_, key)| key), "the file that `ssl-key` names cannot be read"),
    ] {
        let Some(path) = path else { continue };
        if let Err(error) = tokio::fs::read(path).await {
            return Err(Error::Database {
                metadata: mysql.to_string(),
                reason,
                remedy: "check its path and the rights on it",
                source: Some(error.into()),
            });
        }
    }
    Ok(())
}

/// Connects as the address says. Where it leaves that open, only a server that
/// has no TLS to speak is spoken to without: any other failure may be somebody
/// in between.
async fn attempt(mysql: &MySql) -> Result<MySqlConnection, sqlx::Error> {
    if mysql.tls.mode != TlsMode::Preferred {
        return options(mysql, mysql.tls.mode).connect().await;
    }
    let error = match options(mysql, TlsMode::Required).connect().await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let Some(reason) = tls_is_missing(&error) else { return Err(error) };
    // What goes through a socket stays on this machine.
    if matches!(mysql.server, Server::Tcp { .. }) {
        tracing::warn!(database = %mysql, "the connection is not encrypted: {reason}");
    }
    options(mysql, TlsMode::Disabled).connect().await
}

/// Why a server cannot speak TLS, if that is what went wrong.
fn tls_is_missing(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::Tls(error) => (error.to_string() == NO_TLS).then_some("the server offers no TLS"),
        sqlx::Error::Io(error) => {
            OLD_TLS.contains(&error.to_string().as_str()).then_some("the server has no TLS from 1.2 on")
        }
        _ => None,
    }
}

fn options(mysql: &MySql, mode: TlsMode) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .username(&mysql.user)
        .database(&mysql.database)
        .ssl_mode(match mode {
            TlsMode::Disabled => MySqlSslMode::Disabled,
            TlsMode::Preferred => MySqlSslMode::Preferred,
            TlsMode::Required => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    options = match &mysql.server {
        Server::Tcp { host, port } => options.host(host).port(*port),
        Server::Socket(path) => options.socket(path),
    };
    if let Some(password) = &mysql.password {
        options = options.password(password);
    }
    if mysql.charset == Charset::Latin1 {
        options = options.charset("latin1");
    }
    if let Some(ca) = &mysql.tls.ca {
        options = options.ssl_ca(ca);
    }
    if let Some((certificate, key)) = &mysql.tls.client {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}

fn is_of_tls(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        // What the TLS library finds wrong arrives as invalid data.
        sqlx::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        _ => false,
    }
}

/// What went wrong with a database, and what to do about it.
pub(super) fn failure(mysql: &MySql, error: sqlx::Error) -> Error {
    let metadata = mysql.to_string();
    match explain(mysql, &error) {
        Some((reason, remedy)) => Error::Database { metadata, reason, remedy, source: Some(cause(error)) },
        None => Error::Sql { metadata, source: cause(error) },
    }
}

fn explain(mysql: &MySql, error: &sqlx::Error) -> Option<(&'static str, &'static str)> {
    match error {
        sqlx::Error::Database(error) => {
            explain_number(mysql, error.try_downcast_ref::<MySqlDatabaseError>()?.number())
        }
        sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Some(("nothing listens there", "check host and port, and that the database server runs"))
        }
        sqlx::Error::Io(error) if matches!(mysql.server, Server::Socket(_)) && is_of_path(error.kind()) => {
            Some(("its socket cannot be opened", "check the path of the socket and the rights on it"))
        }
        error if is_of_tls(error) && mysql.tls.mode != TlsMode::Disabled => Some(explain_tls(mysql, error)),
        sqlx::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => Some((
            "it closed the connection",
            "check that a MySQL or MariaDB server listens there; if its TLS is too old, `tls=false` goes without",
        )),
        sqlx::Error::Io(_) => {
            Some(("it cannot be reached", "check the host, and that the network leads there"))
        }
        // A client's key goes with TLS alone, and over TLS every password can be sent.
        sqlx::Error::Configuration(_) if mysql.tls.client.is_some() => Some((
            "the file that `ssl-key` names holds no usable key",
            "name a private key in PEM that is not encrypted",
        )),
        sqlx::Error::Configuration(_) => Some((
            "it takes this user's password over TLS alone",
            "say `tls=true`, or `tls=skip-verify` where the server's certificate cannot be checked; where the server has no TLS, come as a user of `mysql_native_password`",
        )),
        sqlx::Error::Protocol(_) => Some((
            "its answer is not understood",
            "check that a MySQL or MariaDB server listens there, and that the user logs in by `mysql_native_password` or `caching_sha2_password`",
        )),
        _ => None,
    }
}

fn explain_tls(mysql: &MySql, error: &sqlx::Error) -> (&'static str, &'static str) {
    if let Some(reason) = tls_is_missing(error) {
        return (
            reason,
            "let an administrator set it up; `tls=false`, and no `ssl-` parameter, goes without encryption",
        );
    }
    let starts = |text| matches!(error, sqlx::Error::Io(error) if error.to_string().starts_with(text));
    if starts(OTHER_HOST) {
        return (
            "the server's certificate is for another host",
            "name the host as the certificate does; `ssl-mode=VERIFY_CA` does not compare it",
        );
    }
    let remedy = match (mysql.tls.mode, error) {
        (_, sqlx::Error::Tls(_)) => {
            "check that `ssl-ca` and `ssl-cert` name files of certificates in PEM, that `ssl-key` names the key of `ssl-cert`, and the name of the host"
        }
        (TlsMode::VerifyCa | TlsMode::VerifyIdentity, _) if starts(CERTIFICATE) => {
            "name the file of the CA that signed the server's certificate with `ssl-ca=/path/ca.pem`; `ssl-mode=VERIFY_CA` does not compare the name of the host, `tls=skip-verify` checks nothing"
        }
        _ => {
            "check that nothing between here and the server answers in its place; `tls=false` goes without encryption"
        }
    };
    ("TLS failed", remedy)
}

fn is_of_path(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory)
}

/// The numbers are the server's own (`mysqld_error.h`).
fn explain_number(mysql: &MySql, number: u16) -> Option<(&'static str, &'static str)> {
    match number {
        1045 | 1698 if mysql.tls.mode == TlsMode::Disabled => Some((
            "it refuses the user or the password",
            "check both; a user who must come over TLS is refused without it",
        )),
        1045 | 1698 => Some(("it refuses the user or the password", "check both")),
        1049 => Some((
            "the server has no such database",
            "check its name; that of an old server stands in its `meta_uri`",
        )),
        1044 | 1142 | 1143 => {
            Some(("the user may not read it", "let an administrator grant the user `SELECT` on its tables"))
        }
        1129 | 1130 => Some((
            "the server lets nobody in from this host",
            "create the user for this host, or run where the user is known",
        )),
        1040 | 1203 | 1226 => Some(("the server takes no more connections", "try again later")),
        3159 => Some((
            "the server asks for TLS",
            "say `tls=true`, or `tls=skip-verify` where the server's certificate cannot be checked",
        )),
        1820 | 1862 => Some(("the user's password has expired", "set a new one on the server")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
