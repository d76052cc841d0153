// SPDX-License-Identifier: Apache-2.0

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::cause::Cause;
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::lasting;
use crate::options::{Address, ConnectOptions};
use crate::proto::milvus as pb;
use crate::proto::milvus::milvus_service_client::MilvusServiceClient;
use crate::reply::Reply;
use crate::retry::{Patience, Repeat, RetryPolicy};
use crate::tls::Problem;
use crate::version::ServerVersion;

pub(crate) type Service = MilvusServiceClient<Channel>;

const READ_DEADLINE: Duration = Duration::from_secs(30);
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
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
    retry: RetryPolicy,
    shows_certificate: bool,
}

#[derive(Debug)]
struct Database {
    name: String,
    metadata: AsciiMetadataValue,
}

/// One remote call, apart from its message.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// What the call is about, for messages.
    pub(crate) subject: String,
    /// How long one attempt may take.
    pub(crate) deadline: Duration,
    repeat: Repeat,
    /// Whether it goes on at the server when nobody waits for it any more.
    goes_on: bool,
}

impl Call {
    pub(crate) fn read(name: &'static str, subject: String) -> Self {
        Self { name, subject, deadline: READ_DEADLINE, repeat: Repeat::Read, goes_on: false }
    }

    /// A change that does no harm when it is made twice.
    pub(crate) fn change(name: &'static str, subject: String) -> Self {
        Self { name, subject, deadline: WRITE_DEADLINE, repeat: Repeat::Change, goes_on: false }
    }

    /// A change that must not be made twice.
    pub(crate) fn once(name: &'static str, subject: String) -> Self {
        Self { name, subject, deadline: WRITE_DEADLINE, repeat: Repeat::Once, goes_on: false }
    }

    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// A call that must not be broken off: the server is told of no deadline, and whoever stops
    /// waiting leaves it alone.
    pub(crate) fn lasting(self) -> Self {
        Self { goes_on: true, ..self }
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
    /// `connect_timeout`, when a file of [`ConnectOptions::tls`] is no such
    /// file, when no encrypted connection comes about, when the credentials
    /// are missing or wrong, or when the server is not Milvus 2.2 or newer.
    pub async fn connect(options: &ConnectOptions) -> Result<Self> {
        let mut address = Address::parse(&options.uri)?;
        if options.tls.is_set() {
            address = address.encrypted();
        }
        let is_encrypted = address.tls;
        let tls = match is_encrypted {
            true => Some(options.tls.config(options.connect_timeout).await?),
            false => None,
        };
        let timed_out = || Error::ConnectTimedOut {
            address: address.shown.clone(),
            seconds: options.connect_timeout.as_secs(),
        };
        let channel = tokio::time::timeout(options.connect_timeout, open(&address, tls, options))
            .await
            .map_err(|_| timed_out())??;
        // The first question is not asked for longer than a connection may take.
        let patience = options.retry.total.min(options.connect_timeout);
        let hurried = RetryPolicy { total: patience, ..options.retry };
        let session = Session::new(address.shown.clone(), options, hurried)?;
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
            Error::Rpc { address, source, .. } if is_encrypted && source.status().source().is_some() => {
                let advice = Problem::Ended.advice(options.tls.shows_certificate());
                Error::Tls { address, advice, source: Box::new(source) }
            }
            Error::Rpc { address, source, .. } => Error::NotMilvus { address, source },
            other => other,
        })?;
        tracing::debug!(address = client.session.address, %version, "connected to Milvus");
        client.version = Arc::new(version);
        client.session = Arc::new(Session::new(address.shown, options, options.retry)?);
        client.require(2, 2, "import files", "2.2")?;
        Ok(client)
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// The server's address, as messages show it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.session.address
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
        let call = Call::change("CreateDatabase", format!("database `{name}`"));
        let created = self
            .call(
                &call,
                pb::CreateDatabaseRequest { db_name: name.clone() },
                |mut service: Service, request| async move { service.create_database(request).await },
            )
            .await;
        match created {
            // Another attempt, or somebody else, created it meanwhile.
            Err(Error::Refused { .. }) if self.has_database().await? => Ok(false),
            created => created.map(|_| true),
        }
    }

    /// The name of the database that requests carry; empty is the default.
    #[must_use]
    pub fn database(&self) -> String {
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

    /// Sends a message, with a deadline for each attempt, and sends it again
    /// after a failure that passes, as far as the call allows it and for as long
    /// as the policy says. An answer that is a refusal is an error.
    pub(crate) async fn call<Q, A, F, R>(&self, call: &Call, message: Q, send: F) -> Result<A>
    where
        Q: Clone,
        A: Reply + Send + 'static,
        F: Fn(Service, Request<Q>) -> R,
        R: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    {
        self.attempt(call, message, send).await.map_err(|(_, error)| error)
    }

    /// Likewise, and what a failure says about another attempt.
    pub(crate) async fn attempt<Q, A, F, R>(
        &self,
        call: &Call,
        message: Q,
        send: F,
    ) -> Result<A, (Fault, Error)>
    where
        Q: Clone,
        A: Reply + Send + 'static,
        F: Fn(Service, Request<Q>) -> R,
        R: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    {
        let mut patience = Patience::new(self.session.retry, &self.session.address);
        loop {
            let answer = send(self.service.clone(), self.session.request(call, message.clone()));
            let answer = async {
                match call.goes_on {
                    true => lasting::spawn(answer).await.unwrap_or_else(|error| Err(ended(&error))),
                    false => answer.await,
                }
            };
            let (fault, error) = match tokio::time::timeout(call.deadline, answer).await {
                Ok(Ok(response)) => match accept(call, response.into_inner()) {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                },
                Ok(Err(status)) => (Fault::of(&status), self.session.failed(call, status)),
                Err(_) => (Fault::Late, self.session.timed_out(call)),
            };
            if !call.repeat.after(fault) || !patience.pause(call, &error).await {
                return Err((fault, error));
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

/// A task that ends without an answer ends with the program.
fn ended(error: &tokio::task::JoinError) -> Status {
    Status::cancelled(error.to_string())
}

impl Session {
    fn new(address: String, options: &ConnectOptions, retry: RetryPolicy) -> Result<Self> {
        let named = options.database.as_deref().filter(|name| !matches!(*name, "" | "default"));
        let database = named.map(|name| match AsciiMetadataValue::try_from(name) {
            Ok(metadata) => Ok(Database { name: name.to_owned(), metadata }),
            Err(_) => Err(Error::InvalidDatabase { name: name.to_owned() }),
        });
        Ok(Self {
            address,
            authorization: options.credentials.authorization(),
            database: database.transpose()?,
            retry,
            shows_certificate: options.tls.shows_certificate(),
        })
    }

    fn request<Q>(&self, call: &Call, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        if !call.goes_on {
            request.set_timeout(call.deadline);
        }
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
        if let Some(problem) = status.source().and_then(Problem::of) {
            let advice = problem.advice(self.shows_certificate);
            return Error::Tls { address, advice, source: Box::new(Cause::new(status)) };
        }
        match (status.code(), Fault::of(&status)) {
            (Code::Unauthenticated, _) if self.authorization.is_none() => {
                Error::CredentialsMissing { address }
            }
            (Code::Unauthenticated, _) => Error::Authentication { address, source: Cause::new(status) },
            (_, Fault::Late) => self.timed_out(call),
            (_, Fault::Unsent) => Error::Connect { address, source: Box::new(Cause::new(status)) },
            _ => {
                let subject = call.subject.clone();
                Error::Rpc { address, call: call.name, subject, source: Cause::new(status) }
            }
        }
    }
}

async fn open(address: &Address, tls: Option<ClientTlsConfig>, options: &ConnectOptions) -> Result<Channel> {
    let failed = |source: tonic::transport::Error| {
        let address = address.shown.clone();
        match Problem::of(&source) {
            Some(problem) => {
                let advice = problem.advice(options.tls.shows_certificate());
                Error::Tls { address, advice, source: Box::new(source) }
            }
            None => Error::Connect { address, source: Box::new(source) },
        }
    };
    let mut endpoint = Endpoint::from_shared(address.url.clone())
        .and_then(|endpoint| endpoint.user_agent(concat!("m2m/", env!("CARGO_PKG_VERSION"))))
        .map_err(failed)?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls).map_err(failed)?;
    }
    endpoint.connect().await.map_err(failed)
}

/// Passes an answer on unless it says that the call failed: 2.2 sets the old
/// error code only, newer servers set both.
fn accept<A: Reply>(call: &Call, answer: A) -> Result<A, (Fault, Error)> {
    let Some(status) = answer.status() else {
        return Err((Fault::Final, call.unexpected("a status", "none")));
    };
    if status.code == 0 && status.error_code == 0 {
        return Ok(answer);
    }
    let fault = Fault::of_refusal(status);
    let code = if status.code == 0 { status.error_code } else { status.code };
    let (call, subject, reason) = (call.name, call.subject.clone(), status.reason.clone());
    Err((fault, Error::Refused { call, subject, code, reason, is_passing: fault != Fault::Final }))
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
