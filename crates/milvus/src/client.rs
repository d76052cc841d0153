// SPDX-License-Identifier: Apache-2.0

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::cause::Cause;
use crate::error::{Error, Result};
use crate::options::{Address, ConnectOptions};
use crate::proto::milvus as pb;
use crate::proto::milvus::milvus_service_client::MilvusServiceClient;
use crate::reply::Reply;
use crate::version::ServerVersion;

pub(crate) type Service = MilvusServiceClient<Channel>;

const READ_DEADLINE: Duration = Duration::from_secs(30);
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// Pauses before a read is repeated that found the server unavailable.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];
/// A connection that says nothing for this long is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connection to one Milvus server, about one database. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    service: Service,
    session: Arc<Session>,
    version: Arc<ServerVersion>,
}

#[derive(Debug)]
struct Session {
    address: String,
    authorization: Option<AsciiMetadataValue>,
    database: Option<Database>,
}

#[derive(Debug)]
struct Database {
    name: String,
    metadata: AsciiMetadataValue,
}

/// One remote call, apart from its message.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// What the call is about, for messages.
    pub(crate) subject: String,
    pub(crate) deadline: Duration,
    /// A read changes nothing, so it may be sent again.
    is_read: bool,
}

impl Call {
    pub(crate) fn read(name: &'static str, subject: String) -> Self {
        Self { name, subject, deadline: READ_DEADLINE, is_read: true }
    }

    pub(crate) fn write(name: &'static str, subject: String) -> Self {
        Self { name, subject, deadline: WRITE_DEADLINE, is_read: false }
    }

    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The error of an answer that is not what was asked for.
    pub(crate) fn unexpected(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Answer {
            call: self.name,
            subject: self.subject.clone(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl Client {
    /// Connects, and asks the server for its version.
    ///
    /// # Errors
    ///
    /// When the address is none, when nothing answers there within
    /// `connect_timeout`, when the credentials are missing or wrong, or when
    /// the server is not Milvus 2.2 or newer.
    pub async fn connect(options: &ConnectOptions) -> Result<Self> {
        let address = Address::parse(&options.uri)?;
        let timed_out = || Error::ConnectTimedOut {
            address: address.shown.clone(),
            seconds: options.connect_timeout.as_secs(),
        };
        let channel = tokio::time::timeout(options.connect_timeout, open(&address, options))
            .await
            .map_err(|_| timed_out())??;
        let session = Session::new(address.shown.clone(), options)?;
        let mut client = Self {
            service: MilvusServiceClient::new(channel)
                .max_decoding_message_size(options.max_decode_bytes)
                .max_encoding_message_size(options.max_encode_bytes),
            session: Arc::new(session),
            version: Arc::new(ServerVersion::parse("")),
        };
        let version = client.ask_version(options.connect_timeout).await.map_err(|error| match error {
            Error::TimedOut { .. } => timed_out(),
            Error::Rpc { address, source, .. } if source.code() == Code::Unavailable => {
                Error::Connect { address, source: Box::new(source) }
            }
            Error::Rpc { address, source, .. } => Error::NotMilvus { address, source },
            other => other,
        })?;
        tracing::debug!(address = client.session.address, %version, "connected to Milvus");
        client.version = Arc::new(version);
        client.require(2, 2, "import files", "2.2")?;
        Ok(client)
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// Whether the server has the database of this connection; the default one
    /// is always there.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn has_database(&self) -> Result<bool> {
        let Some(Database { name, .. }) = &self.session.database else { return Ok(true) };
        let call = Call::read("ListDatabases", "the server".to_owned());
        let known = self
            .call(&call, pb::ListDatabasesRequest {}, |mut service: Service, request| async move {
                service.list_databases(request).await
            })
            .await?;
        Ok(known.db_names.contains(name))
    }

    /// Creates the database of this connection when the server has none of
    /// its name, and says whether it did.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn ensure_database(&self) -> Result<bool> {
        let Some(Database { name, .. }) = &self.session.database else { return Ok(false) };
        if self.has_database().await? {
            return Ok(false);
        }
        let call = Call::write("CreateDatabase", format!("database `{name}`"));
        self.call(
            &call,
            pb::CreateDatabaseRequest { db_name: name.clone() },
            |mut service: Service, request| async move { service.create_database(request).await },
        )
        .await?;
        Ok(true)
    }

    /// The name of the database that requests carry; empty is the default.
    pub(crate) fn database(&self) -> String {
        self.session.database.as_ref().map(|database| database.name.clone()).unwrap_or_default()
    }

    /// The error of a call that did not end in time.
    pub(crate) fn timed_out(&self, call: &Call) -> Error {
        self.session.timed_out(call)
    }

    pub(crate) fn require(
        &self,
        major: u32,
        minor: u32,
        what: &'static str,
        needed: &'static str,
    ) -> Result<()> {
        if self.version.at_least(major, minor) {
            return Ok(());
        }
        let address = self.session.address.clone();
        Err(Error::UnsupportedVersion { address, version: self.version.to_string(), what, needed })
    }

    /// Sends a message, with a deadline; a read is sent again while the server
    /// is unavailable or cannot be reached, a few times. An answer that is a refusal is an error.
    pub(crate) async fn call<Q, A, F, R>(&self, call: &Call, message: Q, send: F) -> Result<A>
    where
        Q: Clone,
        A: Reply,
        F: Fn(Service, Request<Q>) -> R,
        R: Future<Output = Result<Response<A>, Status>>,
    {
        let mut pauses = PAUSES.iter().filter(|_| call.is_read);
        loop {
            let answer = send(self.service.clone(), self.session.request(call, message.clone()));
            let status = match tokio::time::timeout(call.deadline, answer).await {
                Ok(Ok(response)) => return accept(call, response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => return Err(self.session.timed_out(call)),
            };
            match pauses.next() {
                Some(pause) if is_unavailable(&status) => {
                    tracing::debug!(call = call.name, %status, "Milvus is unavailable, asking again");
                    tokio::time::sleep(*pause).await;
                }
                _ => return Err(self.session.failed(call, status)),
            }
        }
    }

    async fn ask_version(&self, deadline: Duration) -> Result<ServerVersion> {
        let call = Call::read("GetVersion", "the server".to_owned()).with_deadline(deadline);
        let answer = self
            .call(&call, pb::GetVersionRequest {}, |mut service: Service, request| async move {
                service.get_version(request).await
            })
            .await?;
        Ok(ServerVersion::parse(&answer.version))
    }
}

impl Session {
    fn new(address: String, options: &ConnectOptions) -> Result<Self> {
        let named = options.database.as_deref().filter(|name| !matches!(*name, "" | "default"));
        let database = named.map(|name| match AsciiMetadataValue::try_from(name) {
            Ok(metadata) => Ok(Database { name: name.to_owned(), metadata }),
            Err(_) => Err(Error::InvalidDatabase { name: name.to_owned() }),
        });
        Ok(Self {
            address,
            authorization: options.credentials.authorization(),
            database: database.transpose()?,
        })
    }

    fn request<Q>(&self, call: &Call, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        request.set_timeout(call.deadline);
        let metadata = request.metadata_mut();
        if let Some(value) = &self.authorization {
            metadata.insert("authorization", value.clone());
        }
        if let Some(Database { metadata: name, .. }) = &self.database {
            metadata.insert("dbname", name.clone());
        }
        request
    }

    fn timed_out(&self, call: &Call) -> Error {
        Error::TimedOut {
            address: self.address.clone(),
            call: call.name,
            subject: call.subject.clone(),
            seconds: call.deadline.as_secs(),
        }
    }

    fn failed(&self, call: &Call, status: Status) -> Error {
        let address = self.address.clone();
        match status.code() {
            Code::Unauthenticated if self.authorization.is_none() => Error::CredentialsMissing { address },
            Code::Unauthenticated => Error::Authentication { address, source: Cause::new(status) },
            _ if is_time_up(&status) => self.timed_out(call),
            _ => {
                let subject = call.subject.clone();
                Error::Rpc { address, call: call.name, subject, source: Cause::new(status) }
            }
        }
    }
}

async fn open(address: &Address, options: &ConnectOptions) -> Result<Channel> {
    let failed = |source: tonic::transport::Error| Error::Connect {
        address: address.shown.clone(),
        source: Box::new(source),
    };
    let mut endpoint = Endpoint::from_shared(address.url.clone())
        .and_then(|endpoint| endpoint.user_agent(concat!("m2m/", env!("CARGO_PKG_VERSION"))))
        .map_err(failed)?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    if address.tls {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots()).map_err(failed)?;
    }
    endpoint.connect().await.map_err(failed)
}

/// Whether the server, or the way to it, is gone for now. A connection that
/// breaks under a call is told with any code.
fn is_unavailable(status: &Status) -> bool {
    let is_transport = |source: &(dyn std::error::Error + 'static)| source.is::<tonic::transport::Error>();
    let is_broken = !is_time_up(status) && status.source().is_some_and(is_transport);
    is_broken || status.code() == Code::Unavailable
}

/// Whether the deadline is over: the transport's own clock can run out before
/// ours, by a hair.
fn is_time_up(status: &Status) -> bool {
    match status.code() {
        Code::DeadlineExceeded => true,
        Code::Cancelled => status.message().contains("Timeout expired"),
        _ => false,
    }
}

/// Passes an answer on unless it says that the call failed: 2.2 sets the old
/// error code only, newer servers set both.
fn accept<A: Reply>(call: &Call, answer: A) -> Result<A> {
    let Some(status) = answer.status() else {
        return Err(call.unexpected("a status", "none"));
    };
    if status.code == 0 && status.error_code == 0 {
        return Ok(answer);
    }
    let code = if status.code == 0 { status.error_code } else { status.code };
    let reason = status.reason.clone();
    Err(Error::Refused { call: call.name, subject: call.subject.clone(), code, reason })
}

#[cfg(test)]
mod tests;
