// SPDX-License-Identifier: Apache-2.0
//! What a run works with: the values of the configuration brought into the
//! shape that each step wants.

mod bucket;
#[cfg(feature = "ballista")]
mod cluster;
mod meta;
mod rows;
mod source;
mod stores;
mod tables;
mod target;

use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "ballista")]
use std::sync::OnceLock;
use std::time::Duration;

use datafusion::prelude::SessionContext;
use m2m_datasource::{SessionOptions, Source, session, session_with};
use m2m_migration::audit::{register_audit, shipped_checks};
use m2m_migration::{DumpSettings, LoadSettings, MappingServer, register_mapping, register_milvus2x};
use m2m_milvus::{Client, ConnectOptions, Credentials, RetryPolicy, TlsOptions};
use m2m_sink::{Checksum, OpenStorage, OutputStorages};
use m2m_storage::Storage;

use crate::args::{Args, Command, DumpOptions, Global};
use crate::config::{Config, Typed, has_password, keys};
use crate::error::{Error, Result};
use crate::output::note;
use crate::progress::Reporter;
pub(crate) use source::Named;
use source::Unread;
use stores::ConfiguredStores;
pub(crate) use target::Access;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// What one part of an upload can be: S3 wants 5 MiB, and memory has to hold some.
const PART_BYTES: std::ops::RangeInclusive<u64> = 5 * MIB..=64 * MIB;

/// The settings of one run.
pub(crate) struct Settings {
    args: Global,
    config: Config,
    /// Whether an address with a password was typed that stands for no key.
    has_typed_password: bool,
    uses_cluster: bool,
    #[cfg(feature = "ballista")]
    cluster: OnceLock<m2m_distributed::Cluster>,
}

impl Settings {
    /// Reads the configuration.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let typed =
            Typed { set: &args.global.set, flags: [args.global.keys(), args.command.keys()].concat() };
        let config = Config::load(args.global.config.as_deref(), variables()?, &typed)?;
        let typed = match &args.command {
            Command::Export(export) => export.mysql.as_deref(),
            _ => None,
        };
        Ok(Self {
            args: args.global.clone(),
            config,
            has_typed_password: typed.is_some_and(has_password),
            uses_cluster: args.command.uses_cluster(),
            #[cfg(feature = "ballista")]
            cluster: OnceLock::new(),
        })
    }

    /// The values that count.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Tells what is accepted and means nothing, and which secrets others can read.
    pub(crate) fn warn(&self) -> Result<()> {
        if self.is_quiet() {
            return Ok(());
        }
        let typed = self.has_typed_password.then(|| {
            "every process of this machine can read the password in `--mysql`: give the address in the environment, as `M2M_META`, or in the configuration file".to_owned()
        });
        let warnings = self.config.warnings().into_iter().chain(typed);
        warnings.into_iter().try_for_each(|one| note(&format!("warning: {one}")))
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
        source::open(&self.config, Unread::Refused).await
    }

    /// Opens the 1.x installation to look at it, whatever its metadata is.
    pub(crate) async fn source_to_examine(&self) -> Result<Source> {
        source::open(&self.config, Unread::Reported).await
    }

    /// The metadata that is to be exported: what was named, or the source's.
    pub(crate) async fn metadata(&self, named: Option<Named<'_>>) -> Result<m2m_catalog::Metadata> {
        source::metadata(&self.config, named).await
    }

    /// The `tables` folders, whether or not there is metadata.
    pub(crate) async fn tables(&self) -> Result<Vec<Storage>> {
        source::tables(&self.config).await
    }

    /// A session for statements of our own.
    pub(crate) fn session(&self) -> Result<SessionContext> {
        Ok(session(self.session_options())?)
    }

    fn session_options(&self) -> SessionOptions {
        let mut options = SessionOptions { workers: self.workers(), ..SessionOptions::default() };
        if let Some(mib) = self.config.integer(&keys::MEMORY) {
            options.memory_bytes = usize::try_from(mib * MIB).unwrap_or(usize::MAX);
        }
        options
    }

    /// A session for statements of a user: it can also read and write files of
    /// data, here and in buckets.
    pub(crate) fn sql_session(&self, source: &Source) -> Result<SessionContext> {
        let stores = Arc::new(ConfiguredStores::new(&self.config));
        let outputs = OutputStorages::new(Arc::clone(&stores) as Arc<dyn OpenStorage>);
        let ctx = session_with(self.session_options(), stores)?;
        ctx.state_ref().write().config_mut().set_extension(Arc::new(outputs));
        m2m_numpy::register(&ctx);
        m2m_database::register(&ctx);
        m2m_sink::register_formats(&ctx)?;
        source.register(&ctx)?;
        let mut server = MappingServer::Assumed;
        if self.config.has(&keys::MILVUS) {
            register_milvus2x(&ctx, self.connect_options()?)?;
            server = MappingServer::Configured(Box::new(self.connect_options()?));
        }
        register_mapping(&ctx, source, server, &self.names(&[]), &self.dump_of_all())?;
        register_audit(&ctx, &shipped_checks()?)?;
        Ok(self.on_cluster(ctx))
    }

    /// Refuses a cluster, which only another build can use.
    #[cfg(not(feature = "ballista"))]
    pub(crate) fn refuse_cluster(&self) -> Result<()> {
        match self.config.text(&keys::CLUSTER).filter(|_| self.uses_cluster) {
            Some(_) => Err(Error::Setting {
                setting: keys::CLUSTER.path.into(),
                reason: "this m2m cannot use a cluster: build one with `cargo build --release --features ballista`".into(),
            }),
            None => Ok(()),
        }
    }

    #[cfg(not(feature = "ballista"))]
    #[expect(clippy::unused_self, reason = "with the feature the settings say where")]
    fn on_cluster(&self, ctx: SessionContext) -> SessionContext {
        ctx
    }

    /// Where `-o` says that rows go.
    pub(crate) fn typed_output(&self) -> Option<&str> {
        self.args.typed_output()
    }

    fn workers(&self) -> usize {
        let number = |key| self.config.integer(key).and_then(|number| usize::try_from(number).ok());
        let workers = number(&keys::WORKERS).unwrap_or_else(|| DumpSettings::default().workers);
        number(&keys::DUMP_LIMIT).map_or(workers, |limit| workers.min(limit))
    }

    /// Opens the place of the import files, and looks whether it can be used.
    pub(crate) async fn target(&self, access: Access) -> Result<Storage> {
        target::open(&self.config, access).await
    }

    /// Finds what is wrong or missing without touching anything, and says what there is.
    pub(crate) fn check(&self) -> Result<Vec<String>> {
        let mut found = vec![source::describe(&self.config)?];
        found.extend(target::describe(&self.config)?);
        if self.config.has(&keys::MILVUS) {
            found.push(format!("Milvus 2.x: {}", self.milvus_address()?));
        }
        Ok(found)
    }

    /// Whether a Milvus 2.x is named.
    pub(crate) fn has_milvus(&self) -> bool {
        self.config.has(&keys::MILVUS)
    }

    /// Whether anything is said of where import files go.
    pub(crate) fn has_target(&self) -> bool {
        target::is_described(&self.config)
    }

    /// Connects to the default database of Milvus 2.x.
    pub(crate) async fn milvus_without_database(&self) -> Result<Client> {
        let options = ConnectOptions { database: None, ..self.connect_options()? };
        Ok(Client::connect(&options).await?)
    }

    /// The address of Milvus 2.x, as messages show it.
    pub(crate) fn milvus_address(&self) -> Result<String> {
        Ok(self.connect_options()?.address()?)
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
        let retry = RetryPolicy {
            total: config.integer(&keys::RETRY).map_or(default.retry.total, Duration::from_secs),
            ..default.retry
        };
        Ok(ConnectOptions {
            uri: uri.into(),
            credentials: self.credentials()?,
            database: config.text(&keys::MILVUS_DATABASE).map(str::to_owned),
            max_decode_bytes: bytes(&keys::MILVUS_RECV).unwrap_or(default.max_decode_bytes),
            max_encode_bytes: bytes(&keys::MILVUS_SEND).unwrap_or(default.max_encode_bytes),
            tls: self.tls(),
            retry,
            ..default
        })
    }

    fn tls(&self) -> TlsOptions {
        let file = |key| self.config.text(key).map(PathBuf::from);
        TlsOptions {
            ca_file: file(&keys::MILVUS_CA),
            cert_file: file(&keys::MILVUS_CERT),
            key_file: file(&keys::MILVUS_KEY),
            server_name: self.config.text(&keys::MILVUS_SERVER_NAME).map(str::to_owned),
        }
    }

    fn credentials(&self) -> Result<Credentials> {
        let config = &self.config;
        let secret =
            |key| config.secret(key).map(|secret| m2m_milvus::Secret::new(secret.expose().to_owned()));
        let of_user = config.rank(&[&keys::MILVUS_USER, &keys::MILVUS_PASSWORD]);
        match secret(&keys::MILVUS_TOKEN) {
            Some(token) if config.rank(&[&keys::MILVUS_TOKEN]) >= of_user => {
                return Ok(Credentials::Token(token));
            }
            _ => {}
        }
        match (config.text(&keys::MILVUS_USER), secret(&keys::MILVUS_PASSWORD)) {
            (Some(user), Some(password)) => Ok(Credentials::UserPassword { user: user.into(), password }),
            (Some(_), None) => Err(Error::Missing {
                what: "the password of the Milvus user",
                remedy: "set `M2M_MILVUS_PASSWORD`, or `target.milvus2x.password` in the configuration",
            }),
            (None, Some(_)) => Err(Error::Missing {
                what: "the Milvus user whose password it is",
                remedy: "set `--milvus-user`, or `target.milvus2x.username` in the configuration",
            }),
            (None, None) => Ok(Credentials::None),
        }
    }

    /// How to dump.
    pub(crate) fn dump(&self, options: &DumpOptions) -> DumpSettings {
        let DumpOptions { allow_unflushed, overwrite, .. } = *options;
        DumpSettings { allow_unflushed, overwrite, ..self.dump_of_all() }
    }

    fn dump_of_all(&self) -> DumpSettings {
        let (config, default) = (&self.config, DumpSettings::default());
        let part = config.integer(&keys::WRITE_BUFFER).map(|kib| clamp(kib * KIB, &PART_BYTES));
        DumpSettings {
            workers: self.workers(),
            file_bytes: config.integer(&keys::FILE_SIZE).map_or(default.file_bytes, |mib| mib * MIB),
            checksum: match config.text(&keys::CHECKSUM) {
                Some("sha256") => Checksum::Sha256,
                _ => Checksum::Crc32c,
            },
            part_bytes: part.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default.part_bytes),
            ..default
        }
    }

    /// How to load from `target`.
    ///
    /// A folder can be loaded from only where the server sees it; that is told
    /// before anything is written.
    pub(crate) fn load(&self, target: &Storage) -> Result<LoadSettings> {
        Ok(LoadSettings { server_path: target::server_path(&self.config, target)?, ..self.load_anywhere() })
    }

    /// How to load, wherever the import files will be.
    pub(crate) fn load_anywhere(&self) -> LoadSettings {
        let (config, default) = (&self.config, LoadSettings::default());
        let jobs = config.integer(&keys::LOAD_LIMIT);
        let shards = config.integer(&keys::CREATE_SHARDS);
        let (indexes, index) = self.indexes();
        LoadSettings {
            jobs: jobs.and_then(|jobs| usize::try_from(jobs).ok()).unwrap_or(default.jobs),
            shards: shards.and_then(|shards| i32::try_from(shards).ok()).unwrap_or(default.shards),
            if_exists: self.if_exists(),
            import_stall: config
                .integer(&keys::IMPORT_STALL)
                .map_or(default.import_stall, Duration::from_secs),
            load_after: config.flag(&keys::LOAD_AFTER).unwrap_or(default.load_after),
            indexes,
            index,
            ..default
        }
    }
}

/// The environment. Of what is no UTF-8, only a variable of ours matters.
fn variables() -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with("M2M_") => {
                return Err(Error::Setting {
                    setting: name,
                    reason: "expected UTF-8, found other bytes".into(),
                });
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

fn clamp(value: u64, range: &std::ops::RangeInclusive<u64>) -> u64 {
    value.clamp(*range.start(), *range.end())
}
