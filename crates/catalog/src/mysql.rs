// SPDX-License-Identifier: Apache-2.0
//! Metadata in MySQL or MariaDB, read in one transaction that cannot write.

mod address;
mod connect;
mod parameters;
mod read;

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

pub use read::MySqlReader;
pub(crate) use read::{connections, read};

use crate::error::{Error, Result};

/// A MySQL or MariaDB database, and how to connect to it.
///
/// Neither `Display` nor `Debug` shows the password.
///
/// ```
/// use m2m_catalog::MySql;
///
/// let metadata = MySql::parse("reader:p@ss/word@tcp(10.0.0.7)/milvus?tls=skip-verify")?;
/// assert_eq!(metadata.to_string(), "mysql://reader@10.0.0.7:3306/milvus");
/// assert!(MySql::parse("mysql://reader:p%40ss@[::1]:3307/milvus?ssl-ca=/etc/ca.pem").is_ok());
/// # Ok::<(), m2m_catalog::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MySql {
    user: String,
    password: Option<String>,
    server: Server,
    database: String,
    tls: Tls,
    /// How long connecting may take.
    timeout: Duration,
    /// How long the server may stay silent while it is read.
    read_timeout: Duration,
    charset: Charset,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Server {
    Tcp { host: String, port: u16 },
    Socket(PathBuf),
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tls {
    mode: TlsMode,
    /// A file of certificates that are trusted besides the well-known ones.
    ca: Option<PathBuf>,
    /// The files of the client's certificate and key.
    client: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TlsMode {
    Disabled,
    /// Encrypted where that works.
    #[default]
    Preferred,
    /// Encrypted, whoever the server is.
    Required,
    /// The server's certificate must be trusted.
    VerifyCa,
    /// The server's certificate must be trusted and name its host.
    VerifyIdentity,
}

/// In which character set the server sends texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Charset {
    #[default]
    Utf8mb4,
    /// For texts in UTF-8 that were written as if they were Latin-1.
    Latin1,
}

impl MySql {
    /// Returns whether a text is meant to be an address of a database, and not
    /// a path, by its form alone. [`parse`](Self::parse) may still refuse it.
    ///
    /// It is one if it begins with `mysql://` or `mariadb://`, or has a
    /// parenthesis as an address in Go's form has: `…@tcp(`, `…@unix(`, `…@(`.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        let text = text.trim().to_ascii_lowercase();
        address::URL_SCHEMES.iter().any(|scheme| text.starts_with(scheme))
            || ["tcp(", "unix("].iter().any(|start| text.starts_with(start))
            || ["@tcp(", "@unix(", "@("].iter().any(|part| text.contains(part))
    }

    /// Parses an address in one of two forms. Where a text may also be a path,
    /// [`is_address`](Self::is_address) must tell first: a path such as
    /// `/meta.sqlite` has Go's form, of a database on 127.0.0.1.
    ///
    /// Go's, of `go-sql-driver/mysql`, whose user and password stand as they are:
    ///
    /// ```text
    /// [user[:password]@][protocol[(address)]]/database[?parameter=value&…]
    /// ```
    ///
    /// The protocol is `tcp` (`host`, `host:port`, `[::1]:port`; 127.0.0.1:3306
    /// unless named) or `unix` (the path of a socket; `/tmp/mysql.sock` unless
    /// named).
    ///
    /// A URL, whose user, password and database may be percent-encoded:
    ///
    /// ```text
    /// mysql://[user[:password]@]host[:port]/database[?parameter=value&…]
    /// ```
    ///
    /// Both know these parameters; upper and lower case, `-` and `_` do not matter:
    ///
    /// | Parameter | Value |
    /// |---|---|
    /// | `tls` | `true`, `skip-verify`, `preferred` (the default) or `false` |
    /// | `ssl-mode` | `VERIFY_IDENTITY`, `VERIFY_CA`, `REQUIRED`, `PREFERRED` or `DISABLED` |
    /// | `ssl-ca` | a file of certificates in PEM that are trusted besides the well-known ones; alone it means `VERIFY_IDENTITY` |
    /// | `ssl-cert`, `ssl-key` | files of the client's own certificate and key in PEM; alone they mean `REQUIRED` |
    /// | `socket` | the path of a socket, instead of the host |
    /// | `timeout` | how long connecting may take, such as `30s`; 8 s unless named |
    /// | `readTimeout` | how long the server may stay silent, such as `5m`; 2 min unless named |
    /// | `charset` | `latin1` if the old server wrote UTF-8 over a connection that it took for Latin-1, which shows in partition tags such as `spÃ¤te`; `utf8mb4` is the default, and `utf8` means the same |
    ///
    /// `tls=preferred` encrypts, without checking who the server is, unless the
    /// server offers no TLS or none from 1.2 on; that is logged. Go's own default
    /// is never to encrypt.
    ///
    /// `VERIFY_CA` does not compare the name of the host, and the well-known CAs
    /// stay trusted beside `ssl-ca`: whoever has a certificate of any of them,
    /// for whatever host, can pose as the server. It is for servers that are
    /// reached by another name than their certificate's, in a network that is
    /// trusted.
    ///
    /// With `charset=latin1`, a tag that was stored properly loses what Latin-1
    /// lacks: each such character is read as `?`.
    ///
    /// Others, such as `parseTime`, `loc` and system variables, make
    /// no difference to what is read here, and are ignored.
    ///
    /// # Errors
    ///
    /// When the text has neither form, names no database, or has a parameter
    /// that looks like one of the above and is not. No error repeats any part
    /// of the text.
    pub fn parse(text: &str) -> Result<Self> {
        address::parse(text.trim()).map_err(|reason| Error::MySqlAddress { reason })
    }

    /// Returns whether the address has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Takes another password.
    #[must_use]
    pub fn with_password(self, password: String) -> Self {
        Self { password: Some(password), ..self }
    }
}

impl fmt::Display for MySql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mysql://")?;
        if !self.user.is_empty() {
            write!(f, "{}@", self.user)?;
        }
        match &self.server {
            Server::Tcp { host, port } if host.parse::<Ipv6Addr>().is_ok() => {
                write!(f, "[{host}]:{port}/{}", self.database)
            }
            Server::Tcp { host, port } => write!(f, "{host}:{port}/{}", self.database),
            Server::Socket(path) => {
                write!(f, "localhost/{}?socket={}", self.database, path.display())
            }
        }
    }
}

impl fmt::Debug for MySql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySql({self})")
    }
}
