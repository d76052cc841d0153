// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use object_store::client::ClientConfigKey;
use object_store::{BackoffConfig, RetryConfig};

/// How patient a client is.
///
/// Control calls come first in every command, so they must show a wrong host
/// soon. Data calls follow when the host is known to be right: they sit out a
/// restart of the server, and give a part time to travel over a slow line.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    Control,
    Data,
}

impl Patience {
    pub(crate) fn timeouts(self) -> [(ClientConfigKey, &'static str); 2] {
        let (connect, whole) = match self {
            Self::Control => ("3 seconds", "9 seconds"),
            Self::Data => ("5 seconds", "120 seconds"),
        };
        [(ClientConfigKey::ConnectTimeout, connect), (ClientConfigKey::Timeout, whole)]
    }

    pub(crate) fn retry(self) -> RetryConfig {
        let (retry_seconds, max_backoff_seconds) = match self {
            Self::Control => (7, 2),
            Self::Data => (120, 10),
        };
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(max_backoff_seconds),
                base: 2.0,
            },
            max_retries: 10,
            retry_timeout: Duration::from_secs(retry_seconds),
        }
    }
}
