// SPDX-License-Identifier: Apache-2.0
//! The servers that `tests/run.sh` starts. Without them a test fails.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::command::{Run, m2m};

/// What stands where a secret would be right; it must not be printed either.
pub(crate) const WRONG: &str = "wrong-and-secret";

/// A Milvus with its bucket: 2.3.5 where nothing else is said.
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

/// The server that keeps its files on this machine, and imports from it.
pub(crate) fn with_local_storage() -> Target {
    Target { milvus: variable("M2M_TEST_MILVUS_LOCAL"), ..open() }
}

/// A Milvus 2.2.16, which keeps its files on this machine, and imports from it.
pub(crate) fn of_2_2() -> Target {
    Target { milvus: variable("M2M_TEST_MILVUS_22"), ..open() }
}

/// A Milvus 2.3.5 that encrypts, and asks for a certificate.
pub(crate) struct MilvusTls {
    pub(crate) uri: String,
    /// The file of the CA that signed both certificates.
    pub(crate) ca: String,
    /// The client's certificate, and its key.
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// The server that encrypts.
pub(crate) fn milvus_tls() -> MilvusTls {
    MilvusTls {
        uri: variable("M2M_TEST_MILVUS_TLS"),
        ca: variable("M2M_TEST_MILVUS_TLS_CA"),
        cert: variable("M2M_TEST_MILVUS_TLS_CERT"),
        key: variable("M2M_TEST_MILVUS_TLS_KEY"),
    }
}

/// A MariaDB with the metadata of the installations.
pub(crate) struct MariaDb {
    pub(crate) port: String,
    pub(crate) socket: String,
    /// The file of the CA that signed its certificate.
    pub(crate) ca: String,
    pub(crate) user: String,
    /// A user who must use TLS.
    pub(crate) tls_user: String,
    /// The password of both.
    pub(crate) password: String,
}

/// The MariaDB server.
pub(crate) fn mariadb() -> MariaDb {
    MariaDb {
        port: variable("M2M_TEST_MARIADB_PORT"),
        socket: variable("M2M_TEST_MARIADB_SOCKET"),
        ca: variable("M2M_TEST_MARIADB_CA"),
        user: "m2m_reader".into(),
        tls_user: "m2m_tls".into(),
        password: variable("M2M_TEST_MARIADB_PASSWORD"),
    }
}

/// A second S3 server, which looks at no keys and keeps a `/` before a key.
pub(crate) fn second_s3() -> String {
    variable("M2M_TEST_SECOND_S3")
}

/// Puts a file under a key of the second S3 server, a `/` before it and all.
pub(crate) fn put_in_second_s3(bucket: &str, files: &[(std::path::PathBuf, String)]) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--path-as-is"]);
    for (file, key) in files {
        curl.arg("--upload-file").arg(file).arg(format!("{}/{bucket}/{key}", second_s3()));
    }
    let output = curl.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A Python with numpy and pymilvus.
pub(crate) fn python() -> String {
    variable("M2M_TEST_PYTHON")
}

/// The access key of the S3 server.
pub(crate) fn s3_access() -> String {
    variable("S3_ACCESS_KEY")
}

/// The secret key of the S3 server.
pub(crate) fn s3_secret() -> String {
    variable("S3_SECRET_KEY")
}

/// Keys with which the S3 server lets nobody write.
pub(crate) fn read_only_keys() -> (String, String) {
    (variable("S3_READONLY_ACCESS_KEY"), variable("S3_READONLY_SECRET_KEY"))
}

/// Fails the test if a run printed a secret, right or wrong.
#[track_caller]
pub(crate) fn assert_no_secret(run: &Run) {
    let of_tests = ["S3_SECRET_KEY", "S3_READONLY_SECRET_KEY", "M2M_TEST_MARIADB_PASSWORD"];
    let secrets = of_tests.iter().filter_map(|name| std::env::var(name).ok());
    for secret in secrets.chain([WRONG.to_owned()]) {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(&secret), "a secret was printed");
        }
    }
}

/// A name that no other run of the tests has used on these servers.
pub(crate) fn unique(name: &str) -> String {
    // Tests begin at the same moment.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("{name}_{}_{now}_{call}", std::process::id())
}

impl Target {
    /// A command `m2m` that knows this server through its environment.
    pub(crate) fn m2m(&self, args: &[&str]) -> Command {
        let mut command = m2m(args);
        command
            .env("M2M_MILVUS", &self.milvus)
            .env("M2M_S3_ENDPOINT", &self.s3_endpoint)
            .env("M2M_S3_REGION", "us-east-1")
            .env("M2M_S3_ACCESS_KEY", s3_access())
            .env("M2M_S3_SECRET_KEY", s3_secret());
        if self.auth {
            command.env("M2M_MILVUS_USER", "root").env("M2M_MILVUS_PASSWORD", "Milvus");
        }
        command
    }
}

/// A variable that `tests/run.sh` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "`{name}` is not set: this test needs the servers that `tests/run.sh` starts; run that instead"
        )
    })
}
