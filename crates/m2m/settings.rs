// SPDX-License-Identifier: Apache-2.0
//! What was typed and what the configuration says, brought together: a flag
//! comes before its environment variable, that before the file.

use std::path::PathBuf;

use datafusion::prelude::SessionContext;
use m2m_catalog::{Install, MetaSource, Metadata, tables_folder};
use m2m_datasource::{SessionOptions, Source, session};
use m2m_migration::{DumpSettings, LoadSettings};
use m2m_milvus::{Client, ConnectOptions, Credentials};
use m2m_storage::{BucketOptions, Storage};

use crate::args::{DumpOptions, Global, LoadOptions};
use crate::config::{Config, Hidden};
use crate::error::{Error, Result};
use crate::progress::Reporter;

const MIB: u64 = 1 << 20;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    args: Global,
    config: Config,
}

impl Settings {
    /// Reads the configuration.
    pub(crate) fn new(args: &Global) -> Result<Self> {
        Ok(Self { args: args.clone(), config: Config::find(args.config.as_deref())? })
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
        Ok(Source::open(&self.install()?).await?)
    }

    /// A session over the installation.
    pub(crate) fn session(&self, source: &Source) -> Result<SessionContext> {
        let mut options = SessionOptions { workers: self.workers(), ..SessionOptions::default() };
        if let Some(mib) = self.args.memory {
            options.memory_bytes = usize::try_from(u64::from(mib) * MIB).unwrap_or(usize::MAX);
        }
        let ctx = session(options)?;
        source.register(&ctx)?;
        Ok(ctx)
    }

    fn workers(&self) -> usize {
        let given = self.args.workers.or(self.config.dumper.worker.limit);
        given.map_or_else(|| DumpSettings::default().workers, |workers| usize::from(workers).max(1))
    }

    fn install(&self) -> Result<Install> {
        let source = &self.args.source;
        let install = match (&source.install, &source.meta) {
            (Some(root), _) => Install::locate(root)?,
            (None, Some(meta)) => install_of(&source.tables, meta)?,
            (None, None) => {
                let (tables, meta) = self.install_of_config()?;
                install_of(&[tables], &meta)?
            }
        };
        match &source.wal {
            Some(_) if matches!(install.metadata.source, MetaSource::MetaJson { .. }) => {
                Err(Error::Setting {
                    setting: "--wal".into(),
                    reason: "a `meta.json` has no positions to compare the log with; name the `meta.sqlite`"
                        .into(),
                })
            }
            Some(wal) => Ok(Install { metadata: install.metadata.with_wal(wal.clone())?, ..install }),
            None => Ok(install),
        }
    }

    fn install_of_config(&self) -> Result<(PathBuf, PathBuf)> {
        let tables = self.config.source.local.tables_dir.clone().ok_or(Error::Missing {
            what: "the 1.x installation",
            remedy: "name its root with `--install`, or `source.local.tablesDir` and `meta` in the configuration",
        })?;
        let meta = &self.config.meta;
        let file = match meta.mode.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("sqlite") => meta.sqlite_file.clone(),
            Some("local") => meta.local_file.clone(),
            _ => meta.sqlite_file.clone().or_else(|| meta.local_file.clone()),
        };
        let file = file.ok_or(Error::Missing {
            what: "the metadata of the 1.x installation",
            remedy: "set `meta.sqliteFile` or `meta.localFile` as `meta.mode` says, or use `--install`",
        })?;
        Ok((tables, file))
    }

    /// Opens the place of the import files, and looks whether it can be used.
    pub(crate) async fn target(&self) -> Result<Storage> {
        let storage = match &self.args.target.out {
            Some(out) => Storage::open(out, &self.s3_options())?,
            None => self.target_of_config()?,
        };
        if !storage.is_local() || self.config.target.remote.check_bucket {
            storage.check_bucket().await?;
        }
        Ok(storage)
    }

    fn target_of_config(&self) -> Result<Storage> {
        let target = &self.config.target;
        let missing = Error::Missing {
            what: "the place of the import files",
            remedy: "name a folder or `s3://bucket/prefix` with `--out`, or set `target` in the configuration",
        };
        match target.mode.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("remote") => {
                let remote = &target.remote;
                let bucket = remote
                    .bucket
                    .as_deref()
                    .ok_or(Error::Missing { what: "the bucket", remedy: "set `target.remote.bucket`" })?;
                let prefix = remote.output_dir.as_deref().unwrap_or_default();
                Ok(Storage::bucket(bucket, prefix.strip_prefix('/').unwrap_or(prefix), &self.s3_options())?)
            }
            _ => match &target.local.output_dir {
                Some(folder) => Ok(Storage::open(folder, &self.s3_options())?),
                None => Err(missing),
            },
        }
    }

    fn s3_options(&self) -> BucketOptions {
        let (args, remote) = (&self.args.target, &self.config.target.remote);
        // With IAM the machine's role is asked; keys in the file are not for it.
        let key = |hidden: &Option<Hidden>| {
            hidden.as_ref().filter(|_| !remote.use_iam).map(|hidden| hidden.expose().to_owned())
        };
        BucketOptions {
            endpoint: args.s3_endpoint.clone().or_else(|| remote.endpoint.clone()),
            region: args.s3_region.clone().or_else(|| remote.region.clone()),
            access_key: args.s3_access_key.clone().or_else(|| key(&remote.ak)),
            secret_key: args.s3_secret_key.clone().or_else(|| key(&remote.sk)).map(m2m_storage::Secret::from),
            use_ssl: remote.use_ssl,
            ..BucketOptions::default()
        }
    }

    /// Connects to Milvus 2.x.
    pub(crate) async fn milvus(&self) -> Result<Client> {
        let (args, config) = (&self.args.milvus, &self.config.target.milvus2x);
        let uri = args.milvus.clone().or_else(|| config.endpoint.clone()).ok_or(Error::Missing {
            what: "the address of Milvus 2.x",
            remedy: "name it with `--milvus`, or set `target.milvus2x.endpoint` in the configuration",
        })?;
        let database = args.milvus_database.clone().or_else(|| config.database.clone());
        let options = ConnectOptions {
            uri,
            credentials: self.credentials()?,
            database: database.filter(|name| !name.is_empty()),
            ..ConnectOptions::default()
        };
        Ok(Client::connect(&options).await?)
    }

    fn credentials(&self) -> Result<Credentials> {
        let (args, config) = (&self.args.milvus, &self.config.target.milvus2x);
        let hidden = |hidden: &Option<Hidden>| hidden.as_ref().map(|hidden| hidden.expose().to_owned());
        if let Some(token) = args.milvus_token.clone() {
            return Ok(Credentials::Token(m2m_milvus::Secret::new(token)));
        }
        let user =
            args.milvus_user.clone().or_else(|| config.username.clone()).filter(|user| !user.is_empty());
        let password = args.milvus_password.clone().or_else(|| hidden(&config.password));
        match (user, password, hidden(&config.token)) {
            (Some(user), Some(password), _) => {
                Ok(Credentials::UserPassword { user, password: m2m_milvus::Secret::new(password) })
            }
            (Some(_), None, _) => Err(Error::Missing {
                what: "the password of the Milvus user",
                remedy: "set `M2M_MILVUS_PASSWORD`, or `target.milvus2x.password` in the configuration",
            }),
            (None, _, Some(token)) => Ok(Credentials::Token(m2m_milvus::Secret::new(token))),
            (None, _, None) => Ok(Credentials::None),
        }
    }

    /// How to dump.
    pub(crate) fn dump(&self, options: &DumpOptions) -> DumpSettings {
        let default = DumpSettings::default();
        let own = &self.config.m2m;
        let file_bytes = options.file_size.or(own.file_size).map(|mib| u64::from(mib) * MIB);
        DumpSettings {
            workers: self.workers(),
            file_bytes: file_bytes.unwrap_or(default.file_bytes),
            id_field: own.id_field.clone().unwrap_or(default.id_field),
            vector_field: own.vector_field.clone().unwrap_or(default.vector_field),
            allow_unflushed: options.allow_unflushed,
            overwrite: options.overwrite,
            part_bytes: default.part_bytes,
        }
    }

    /// How to load.
    pub(crate) fn load(&self, options: &LoadOptions) -> LoadSettings {
        let default = LoadSettings::default();
        let jobs = options.jobs.or(self.config.loader.worker.limit);
        let shards = options.shards.or(self.config.m2m.shards);
        LoadSettings {
            jobs: jobs.map_or(default.jobs, |jobs| usize::from(jobs).max(1)),
            shards: shards.map_or(default.shards, i32::from),
            ..default
        }
    }
}

fn install_of(tables: &[PathBuf], meta: &std::path::Path) -> Result<Install> {
    let tables = tables.iter().map(|folder| tables_folder(folder)).collect::<Result<_, _>>()?;
    Ok(Install { tables, metadata: Metadata { source: MetaSource::file(meta)?, wal: None } })
}
