// SPDX-License-Identifier: Apache-2.0
//! The servers that `tests/run.sh` starts. Without them a test fails.

use std::process::Command;

use crate::support::command::m2m;

/// A Milvus 2.3.5 with its bucket.
pub(crate) struct Target {
    pub(crate) milvus: String,
    pub(crate) s3_endpoint: String,
    pub(crate) bucket: String,
    pub(crate) auth: bool,
}

/// The server without authentication.
pub(crate) fn open() -> Target {
    Target {
        milvus: variable("M2M_TEST_MILVUS"),
        s3_endpoint: variable("M2M_TEST_S3_ENDPOINT"),
        bucket: variable("M2M_TEST_S3_BUCKET"),
        auth: false,
    }
}

/// The server that asks for a user and a password.
pub(crate) fn with_auth() -> Target {
    Target {
        milvus: variable("M2M_TEST_MILVUS_AUTH"),
        s3_endpoint: variable("M2M_TEST_S3_ENDPOINT"),
        bucket: variable("M2M_TEST_S3_BUCKET_AUTH"),
        auth: true,
    }
}

/// A Python with numpy and pymilvus.
pub(crate) fn python() -> String {
    variable("M2M_TEST_PYTHON")
}

/// The secret key of the S3 server.
pub(crate) fn s3_secret() -> String {
    variable("S3_SECRET_KEY")
}

impl Target {
    /// A command `m2m` that knows this server through its environment.
    pub(crate) fn m2m(&self, args: &[&str]) -> Command {
        let mut command = m2m(args);
        command
            .env("M2M_MILVUS", &self.milvus)
            .env("M2M_S3_ENDPOINT", &self.s3_endpoint)
            .env("M2M_S3_REGION", "us-east-1")
            .env("M2M_S3_ACCESS_KEY", variable("S3_ACCESS_KEY"))
            .env("M2M_S3_SECRET_KEY", s3_secret());
        if self.auth {
            command.env("M2M_MILVUS_USER", "root").env("M2M_MILVUS_PASSWORD", "Milvus");
        }
        command
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "`{name}` is not set: this test needs the servers that `tests/run.sh` starts; run that instead"
        )
    })
}
