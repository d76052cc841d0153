// SPDX-License-Identifier: Apache-2.0
//! Talking to a scheduler.

use std::time::Duration;

use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams, GetJobStatusResult,
    KeyValuePair, RemoveSessionParams, execute_query_failure_result, execute_query_params,
    execute_query_result,
};
use ballista_core::version::insert_version_header;
use datafusion::prelude::SessionConfig;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::error::{Error, Result};
use crate::session::MESSAGE_BYTES;

/// How long a scheduler may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may take for an answer; none of them waits for work.
const ANSWER: Duration = Duration::from_secs(60);
/// How often a silent connection is tried.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Where a scheduler is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bad = || Error::Address { found: text.to_owned() };
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| bad())?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        // A URL does not tell the usual port from none.
        let port = with_scheme.trim_end_matches('/').rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        match (url.host_str(), port, url.scheme()) {
            (Some(host), Some(port), "http") if is_bare => Ok(Self { host: host.to_owned(), port }),
            _ => Err(bad()),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }
}

/// A connection to a scheduler. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    url: String,
    grpc: SchedulerGrpcClient<Channel>,
    http: reqwest::Client,
}

impl Client {
    pub(crate) async fn connect(address: &Address) -> Result<Self> {
        let url = address.url();
        let endpoint = Endpoint::from_shared(url.clone())
            .map_err(|_| Error::Address { found: url.clone() })?
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE);
        let channel = endpoint.connect().await;
        let channel = channel.map_err(|source| Error::Unreachable { url: url.clone(), source })?;
        // Machines of one network, whatever stands between them and others.
        let http = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        let most = usize::try_from(MESSAGE_BYTES).unwrap_or(usize::MAX);
        let grpc =
            SchedulerGrpcClient::new(channel).max_encoding_message_size(most).max_decoding_message_size(most);
        Ok(Self { url, grpc, http })
    }

    /// Has a plan run, and returns the id of its job.
    pub(crate) async fn submit(
        &self,
        session: &str,
        plan: Vec<u8>,
        settings: Vec<KeyValuePair>,
    ) -> Result<String> {
        let mut request = Request::new(ExecuteQueryParams {
            session_id: session.to_owned(),
            settings,
            operation_id: String::new(),
            query: Some(execute_query_params::Query::PhysicalPlan(plan)),
        });
        insert_version_header(request.metadata_mut());
        let answer = self.grpc.clone().execute_query(request).await;
        let answer = answer.map_err(|status| self.failed("take a plan", &status))?.into_inner();
        match answer.result {
            Some(execute_query_result::Result::Success(job)) => Ok(job.job_id),
            Some(execute_query_result::Result::Failure(failure)) => {
                use execute_query_failure_result::Failure;
                let message = failure.failure.map(|failure| match failure {
                    Failure::PlanParsingFailure(message)
                    | Failure::SqlParsingFailure(message)
                    | Failure::SessionNotFound(message) => message,
                });
                Err(self.refused(message))
            }
            None => Err(self.refused(None)),
        }
    }

    /// Asks how a job is doing.
    pub(crate) async fn status(&self, job: &str) -> Result<GetJobStatusResult> {
        let asked = GetJobStatusParams { job_id: job.to_owned() };
        let answer = self.grpc.clone().get_job_status(asked).await;
        Ok(answer.map_err(|status| self.failed("say how a job is doing", &status))?.into_inner())
    }

    /// Returns whether the scheduler has anyone to give work to.
    pub(crate) async fn has_executors(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.url)).timeout(CONNECT).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Ends a job.
    pub(crate) async fn cancel(&self, job: &str) -> Result<()> {
        let asked = CancelJobParams { job_id: job.to_owned() };
        self.grpc.clone().cancel_job(asked).await.map_err(|status| self.failed("cancel a job", &status))?;
        Ok(())
    }

    /// Has executors forget the rows of a job.
    pub(crate) async fn clean(&self, job: &str) -> Result<()> {
        let asked = CleanJobDataParams { job_id: job.to_owned(), remove_stage_ids: Vec::new() };
        let cleaned = self.grpc.clone().clean_job_data(asked).await;
        cleaned.map_err(|status| self.failed("remove the rows of a job", &status))?;
        Ok(())
    }

    /// Has the scheduler forget a session.
    pub(crate) async fn end_session(&self, session: &str) -> Result<()> {
        let asked = RemoveSessionParams { session_id: session.to_owned() };
        let removed = self.grpc.clone().remove_session(asked).await;
        removed.map_err(|status| self.failed("end a session", &status))?;
        Ok(())
    }

    fn refused(&self, message: Option<String>) -> Error {
        let message = message.unwrap_or_else(|| "it does not say why".into());
        Error::Refused { url: self.url.clone(), message }
    }

    fn failed(&self, what: &'static str, status: &tonic::Status) -> Error {
        let message = match status.message() {
            "" => format!("{:?}", status.code()),
            message => message.to_owned(),
        };
        Error::Call { url: self.url.clone(), what, message }
    }
}

/// The settings of a session, as a scheduler takes them.
pub(crate) fn settings(config: &SessionConfig) -> Vec<KeyValuePair> {
    let entries = config.options().entries();
    entries.into_iter().map(|entry| KeyValuePair { key: entry.key, value: entry.value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["localhost:50050", "http://localhost:50050", "http://localhost:50050/"] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host.as_str(), address.port), ("localhost", 50050), "{text}");
        }
        assert_eq!(Address::parse("h:80").unwrap().port, 80);
        assert_eq!(Address::parse("http://[::1]:50050").unwrap().url(), "http://[::1]:50050");
        for text in [
            "",
            "https://h:1",
            "http://u:p@h:1",
            "h:1/path",
            "h:99999",
            "df://h:1",
            "h",
            "http://h",
            "h:1?a",
            "h:1#a",
        ] {
            assert!(matches!(Address::parse(text), Err(Error::Address { .. })), "{text}");
        }
    }
}
