// SPDX-License-Identifier: Apache-2.0

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::Error;
use object_store::client::{HttpClient, HttpRequest};

use crate::one_by_one::Answer;
use crate::patience::Patience;

const STORE: &str = "S3";

/// Sends the requests that the S3 client does not make itself, with as many attempts
/// as it makes.
#[derive(Clone)]
pub(crate) struct Requests {
    http: Arc<HttpClient>,
    patience: Patience,
}

/// What one attempt ended with.
enum Answered {
    Done(Bytes),
    /// Another attempt may have more luck.
    Again(Error),
    Refused(Error),
}

impl Requests {
    pub(crate) fn new(http: HttpClient, patience: Patience) -> Self {
        Self { http: Arc::new(http), patience }
    }

    /// Sends a request, which is made and signed anew for each attempt, and returns
    /// the answer's body.
    ///
    /// `path` names what is not there when the answer is 404.
    pub(crate) async fn send<'a>(
        &self,
        path: &str,
        make: impl Fn() -> Answer<'a, HttpRequest> + Send + Sync,
    ) -> object_store::Result<Bytes> {
        let retry = self.patience.retry();
        let (start, mut pause) = (Instant::now(), retry.backoff.init_backoff);
        let mut attempts = 0;
        loop {
            let error = match self.ask(path, make().await?).await {
                Answered::Done(body) => return Ok(body),
                Answered::Refused(error) => return Err(error),
                Answered::Again(error) => error,
            };
            if attempts >= retry.max_retries || start.elapsed() + pause >= retry.retry_timeout {
                return Err(error);
            }
            attempts += 1;
            tokio::time::sleep(pause).await;
            pause = next_pause(pause, retry.backoff.init_backoff, retry.backoff.max_backoff);
        }
    }

    async fn ask(&self, path: &str, request: HttpRequest) -> Answered {
        // The URL may hold a signature: it must not become a part of the message.
        let answer = match self.http.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return Answered::Again(generic(error)),
        };
        let status = answer.status();
        let body = match answer.into_body().bytes().await {
            Ok(body) => body,
            Err(error) => return Answered::Again(generic(error)),
        };
        if status.is_success() {
            return Answered::Done(body);
        }
        let text =
            format!("Server returned non-2xx status code: {status}: {}", String::from_utf8_lossy(&body));
        match status.as_u16() {
            404 => Answered::Refused(Error::NotFound { path: path.to_owned(), source: text.into() }),
            // What a server has not got, it will not have got in a second either.
            501 | 505 => Answered::Refused(generic(text)),
            408 | 429 | 500..=599 => Answered::Again(generic(text)),
            _ => Answered::Refused(generic(text)),
        }
    }
}

pub(crate) fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: source.into() }
}

/// Returns a pause between the first and three times the last one, by chance, so that
/// many who were refused at once do not come back at once.
fn next_pause(last: Duration, first: Duration, most: Duration) -> Duration {
    let part = RandomState::new().hash_one(last) % 1024;
    let widest = last.saturating_mul(3).saturating_sub(first);
    let chosen = widest.mul_f64(f64::from(u32::try_from(part).unwrap_or(0)) / 1023.0);
    first.saturating_add(chosen).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_chance_and_to_a_limit() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(10));
        let mut seen = std::collections::HashSet::new();
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let mut pause = first;
            for _ in 0..12 {
                let next = next_pause(pause, first, most);
                assert!(next >= first && next <= most && next <= pause * 3);
                pause = next;
            }
            seen.insert(pause);
            longest = longest.max(pause);
        }
        assert!(seen.len() > 50 && longest > Duration::from_secs(2), "{} {longest:?}", seen.len());
    }
}
