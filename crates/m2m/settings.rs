// SPDX-License-Identifier: Apache-2.0
//! What a run works with: the values of the configuration brought into the
//! shape that each step wants.

mod source;
mod target;

use std::io::Write;

use datafusion::prelude::SessionContext;
use m2m_datasource::{SessionOptions, Source, session};
use m2m_migration::{DumpSettings, LoadSettings, Selection};
use m2m_milvus::{Client, ConnectOptions, Credentials};
use m2m_storage::Storage;

use crate::args::{DumpOptions, Global, LoadOptions};
use crate::config::{Config, Typed, keys};
use crate::error::{Error, Result};
use crate::progress::Reporter;
pub(crate) use source::Named;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// What one part of an upload can be: S3 wants 5 MiB, and memory has to hold some.
const PART_BYTES: std::ops::RangeInclusive<u64> = 5 * MIB..=64 * MIB;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    args: Global,
    config: Config,
}

impl Settings {
    /// Reads the configuration.
    pub(crate) fn new(args: &Global) -> Result<Self> {
        let typed = Typed { set: &args.set, flags: args.keys() };
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let config = Config::load(args.config.as_deref(), std::env::vars_os().filter_map(text), &typed)?;
        Ok(Self { args: args.clone(), config })
    }

    /// The values that count.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Tells what is accepted and means nothing.
    pub(crate) fn warn(&self) -> Result<()> {
        let mut stderr = std::io::stderr().lock();
        for warning in self.config.warnings().iter().filter(|_| !self.is_quiet()) {
            writeln!(stderr, "warning: {warning}")
                .map_err(|source| Error::Io { what: "write a warning", source })?;
        }
        Ok(())
    }

    /// Whether standard error stays empty unless something fails.
    pub(crate) fn is_quiet(&self) -> bool {
        self.args.quiet
    }

    /// What shows the progress.
    pub(crate) fn reporter(&self) -> Reporter {
        Reporter::new(self.args.progress, self.args.quiet)
    }

    /// Opens the 1.x installation.
    pub(crate) async fn source(&self) -> Result<Source> {
        source::open(&self.config).await
    }

    /// The metadata that is to be exported: what was named, or the source's.
    pub(crate) async fn metadata(&self, named: Option<Named<'_>>) -> Result<m2m_catalog::Metadata> {
        source::metadata(&self.config, named).await
    }

    /// A session over the installation.
    pub(crate) fn session(&self, source: &Source) -> Result<SessionContext> {
        let mut options = SessionOptions { workers: self.workers(), ..SessionOptions::default() };
        if let Some(mib) = self.config.integer(&keys::MEMORY) {
            options.memory_bytes = usize::try_from(mib * MIB).unwrap_or(usize::MAX);
        }
        let ctx = session(options)?;
        source.register(&ctx)?;
        Ok(ctx)
    }

    fn workers(&self) -> usize {
        let number = |key| self.config.integer(key).and_then(|number| usize::try_from(number).ok());
        let workers = number(&keys::WORKERS).unwrap_or_else(|| DumpSettings::default().workers);
        number(&keys::DUMP_LIMIT).map_or(workers, |limit| workers.min(limit))
    }

    /// Opens the place of the import files, and looks whether it can be used.
    pub(crate) async fn target(&self) -> Result<Storage> {
        target::open(&self.config).await
    }

    /// Finds what is wrong or missing without touching anything, and says what there is.
    pub(crate) fn check(&self) -> Result<Vec<String>> {
        let mut found = vec![source::describe(&self.config)?];
        found.extend(target::describe(&self.config)?);
        if self.config.has(&keys::MILVUS) {
            let options = self.connect_options()?;
            found.push(format!("Milvus 2.x: {}", options.uri));
        }
        Ok(found)
    }

    /// Connects to Milvus 2.x.
    pub(crate) async fn milvus(&self) -> Result<Client> {
        Ok(Client::connect(&self.connect_options()?).await?)
    }

    fn connect_options(&self) -> Result<ConnectOptions> {
        let config = &self.config;
        let uri = config.text(&keys::MILVUS).ok_or(Error::Missing {
            what: "the address of Milvus 2.x",
            remedy: "name it with `--milvus`, or set `target.milvus2x.endpoint` in the configuration",
        })?;
        let bytes = |key| {
            config.integer(key).filter(|&bytes| bytes > 0).and_then(|bytes| usize::try_from(bytes).ok())
        };
        let default = ConnectOptions::default();
        Ok(ConnectOptions {
            uri: uri.into(),
            credentials: self.credentials()?,
            database: config.text(&keys::MILVUS_DATABASE).map(str::to_owned),
            max_decode_bytes: bytes(&keys::MILVUS_RECV).unwrap_or(default.max_decode_bytes),
            max_encode_bytes: bytes(&keys::MILVUS_SEND).unwrap_or(default.max_encode_bytes),
            ..default
        })
    }

    fn credentials(&self) -> Result<Credentials> {
        let secret =
            |key| self.config.secret(key).map(|secret| m2m_milvus::Secret::new(secret.expose().to_owned()));
        if let Some(token) = secret(&keys::MILVUS_TOKEN) {
            return Ok(Credentials::Token(token));
        }
        match (self.config.text(&keys::MILVUS_USER), secret(&keys::MILVUS_PASSWORD)) {
            (Some(user), Some(password)) => Ok(Credentials::UserPassword { user: user.into(), password }),
            (Some(_), None) => Err(Error::Missing {
                what: "the password of the Milvus user",
                remedy: "set `M2M_MILVUS_PASSWORD`, or `target.milvus2x.password` in the configuration",
            }),
            (None, _) => Ok(Credentials::None),
        }
    }

    /// Which collections, and what is expected of them.
    pub(crate) fn selection(&self, names: &[String]) -> Selection {
        Selection {
            rename: self.config.text(&keys::CREATE_NAME).map(str::to_owned),
            dimension: self.config.integer(&keys::CREATE_DIM).and_then(|dim| u32::try_from(dim).ok()),
            metric: self.config.text(&keys::CREATE_METRIC).map(str::to_owned),
            ..Selection::of(names)
        }
    }

    /// How to dump.
    pub(crate) fn dump(&self, options: &DumpOptions) -> DumpSettings {
        let (config, default) = (&self.config, DumpSettings::default());
        let file_mib = options.file_size.map(u64::from).or_else(|| config.integer(&keys::FILE_SIZE));
        let part = config.integer(&keys::WRITE_BUFFER).map(|kib| clamp(kib * KIB, &PART_BYTES));
        let text = |key, default: String| config.text(key).map_or(default, str::to_owned);
        DumpSettings {
            workers: self.workers(),
            file_bytes: file_mib.map_or(default.file_bytes, |mib| mib * MIB),
            part_bytes: part.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default.part_bytes),
            id_field: text(&keys::ID_FIELD, default.id_field),
            vector_field: text(&keys::VECTOR_FIELD, default.vector_field),
            allow_unflushed: options.allow_unflushed,
            overwrite: options.overwrite,
        }
    }

    /// How to load from `target`.
    ///
    /// A folder can be loaded from only where the server sees it; that is told
    /// before anything is written.
    pub(crate) fn load(&self, options: &LoadOptions, target: &Storage) -> Result<LoadSettings> {
        let (config, default) = (&self.config, LoadSettings::default());
        let jobs = options.jobs.map(u64::from).or_else(|| config.integer(&keys::LOAD_LIMIT));
        let shards = options.shards.map(u64::from).or_else(|| config.integer(&keys::CREATE_SHARDS));
        Ok(LoadSettings {
            jobs: jobs.and_then(|jobs| usize::try_from(jobs).ok()).unwrap_or(default.jobs),
            shards: shards.and_then(|shards| i32::try_from(shards).ok()).unwrap_or(default.shards),
            server_path: target::server_path(config, target)?,
            ..default
        })
    }
}

fn clamp(value: u64, range: &std::ops::RangeInclusive<u64>) -> u64 {
    value.clamp(*range.start(), *range.end())
}
