// SPDX-License-Identifier: Apache-2.0
//! Connecting, and what can go wrong with a server, in words.

use std::io::ErrorKind;

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions, MySqlConnection};
use tokio::time::timeout;

use super::{MySql, Server, TlsMode};
use crate::error::{Error, Result, cause};

/// Connects to a database, within its timeout.
pub(super) async fn connect(mysql: &MySql) -> Result<MySqlConnection> {
    match timeout(mysql.timeout, attempt(mysql)).await {
        Ok(connected) => connected.map_err(|error| failure(mysql, error)),
        Err(_) => Err(Error::Database {
            metadata: mysql.to_string(),
            reason: "it did not answer in time",
            remedy: "check host and port, and that a firewall lets you through; `timeout=30s` in the address allows more",
            source: None,
        }),
    }
}

async fn attempt(mysql: &MySql) -> Result<MySqlConnection, sqlx::Error> {
    let preferred = mysql.tls.mode == TlsMode::Preferred;
    match options(mysql, mysql.tls.mode).connect().await {
        // Old servers offer TLS of versions that are no longer spoken.
        Err(error) if preferred && is_of_tls(&error) => options(mysql, TlsMode::Disabled).connect().await,
        connected => connected,
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
        sqlx::Error::Io(error) => matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
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
        sqlx::Error::Io(error) if mysql.tls.ca.is_some() && is_of_path(error.kind()) => Some((
            "a file of certificates cannot be read",
            "check the paths of `ssl-ca`, `ssl-cert` and `ssl-key`",
        )),
        error if is_of_tls(error) && mysql.tls.mode != TlsMode::Disabled => {
            Some(("TLS failed", of_tls(mysql, error)))
        }
        sqlx::Error::Io(_) => {
            Some(("it cannot be reached", "check the host, and that the network leads there"))
        }
        sqlx::Error::Configuration(_) => Some((
            "it takes this user's password over TLS alone",
            "say `tls=true`, or `tls=skip-verify` where the server's certificate cannot be checked",
        )),
        sqlx::Error::Protocol(_) => Some((
            "its answer is not understood",
            "check that a MySQL or MariaDB server listens there, and that the user logs in by `mysql_native_password` or `caching_sha2_password`",
        )),
        _ => None,
    }
}

fn of_tls(mysql: &MySql, error: &sqlx::Error) -> &'static str {
    match (mysql.tls.mode, error) {
        (TlsMode::VerifyCa | TlsMode::VerifyIdentity, sqlx::Error::Tls(_)) => {
            "check that the server has TLS, and that `ssl-ca` names a file of certificates in PEM"
        }
        (TlsMode::VerifyCa | TlsMode::VerifyIdentity, _) => {
            "name the file of the CA that signed the server's certificate with `ssl-ca=/path/ca.pem`; `ssl-mode=VERIFY_CA` does not compare the name of the host, `tls=skip-verify` checks nothing"
        }
        _ => {
            "the server may have no TLS, or none from 1.2 on; without `tls` the connection is encrypted where that works"
        }
    }
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
        1049 => {
            Some(("the server has no such database", "name the one that the old server's `meta_uri` names"))
        }
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
