// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use object_store::client::ClientConfigKey;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::authorities::Authorities;

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
    /// Returns how a client connects, and how long it waits.
    pub(crate) fn client_options(self, authorities: &Authorities) -> ClientOptions {
        let (connect, whole) = match self {
            Self::Control => ("3 seconds", "9 seconds"),
            Self::Data => ("5 seconds", "60 seconds"),
        };
        authorities
            .add_to(ClientOptions::new())
            .with_config(ClientConfigKey::ConnectTimeout, connect)
            .with_config(ClientConfigKey::Timeout, whole)
    }

    pub(crate) fn retry(self) -> RetryConfig {
        let (retry_seconds, max_backoff_seconds) = match self {
            Self::Control => (7, 2),
            // Longer than two requests that are never answered, so that both are repeated.
            Self::Data => (150, 10),
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
