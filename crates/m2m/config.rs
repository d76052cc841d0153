// SPDX-License-Identifier: Apache-2.0
//! `migration.yaml`, as the guide of milvus-migration shows it, plus one block
//! of our own, `m2m`, which that tool ignores.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// Sizes that an import file can be asked to have, in MiB. Milvus refuses files
/// of more than 16 GiB, and a file may become somewhat larger than asked for.
pub(crate) const FILE_SIZE_MIB: RangeInclusive<u32> = 1..=12_288;
/// Where a configuration is looked for when none is named.
const LOOKUP: [&str; 2] = ["migration.yaml", "configs/migration.yaml"];

/// A configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Config {
    pub(crate) dumper: Dumper,
    pub(crate) loader: Loader,
    pub(crate) meta: Meta,
    pub(crate) source: Source,
    pub(crate) target: Target,
    pub(crate) m2m: Own,
}

/// `dumper`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Dumper {
    pub(crate) worker: DumpWorker,
}

/// `dumper.worker`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct DumpWorker {
    pub(crate) work_mode: Option<String>,
    pub(crate) limit: Option<u16>,
    pub(crate) reader: Buffer,
    pub(crate) writer: Buffer,
}

/// `dumper.worker.reader` and `.writer`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Buffer {
    /// KiB. A hint: blocks and upload parts have sizes of their own.
    #[serde(rename = "bufferSize")]
    pub(crate) _buffer_size: Option<u64>,
}

/// `loader`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Loader {
    pub(crate) worker: LoadWorker,
}

/// `loader.worker`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct LoadWorker {
    pub(crate) limit: Option<u16>,
}

/// `meta`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) mode: Option<String>,
    pub(crate) local_file: Option<PathBuf>,
    pub(crate) sqlite_file: Option<PathBuf>,
}

/// `source`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Source {
    pub(crate) mode: Option<String>,
    pub(crate) local: SourceLocal,
}

/// `source.local`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct SourceLocal {
    pub(crate) tables_dir: Option<PathBuf>,
}

/// `target`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Target {
    pub(crate) mode: Option<String>,
    pub(crate) local: TargetLocal,
    pub(crate) remote: TargetRemote,
    pub(crate) milvus2x: Milvus2x,
}

/// `target.local`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct TargetLocal {
    pub(crate) output_dir: Option<String>,
}

/// `target.remote`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct TargetRemote {
    pub(crate) output_dir: Option<String>,
    pub(crate) cloud: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) ak: Option<Hidden>,
    pub(crate) sk: Option<Hidden>,
    #[serde(rename = "useSSL")]
    pub(crate) use_ssl: Option<bool>,
    #[serde(rename = "useIAM")]
    pub(crate) use_iam: bool,
    pub(crate) check_bucket: bool,
}

/// `target.milvus2x`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Milvus2x {
    pub(crate) endpoint: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Hidden>,
    pub(crate) token: Option<Hidden>,
    pub(crate) database: Option<String>,
}

/// `m2m`: settings of our own
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Own {
    /// MiB of one import file.
    pub(crate) file_size: Option<u32>,
    /// Name of the primary key in Milvus 2.x.
    pub(crate) id_field: Option<String>,
    /// Name of the vector field in Milvus 2.x.
    pub(crate) vector_field: Option<String>,
    /// Shards of new collections.
    pub(crate) shards: Option<u8>,
}

/// A value that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(String);

impl Hidden {
    /// The value itself, for the one call that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Config {
    /// Reads the named file, or the first that the lookup finds, or nothing.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self> {
        match named {
            Some(path) => Self::read(path),
            None => match LOOKUP.iter().map(Path::new).find(|path| path.is_file()) {
                Some(path) => Self::read(path),
                None => Ok(Self::default()),
            },
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::ReadConfig { path: path.into(), source })?;
        let config = serde_yaml::from_str(&text);
        let config: Self = config.map_err(|source| Error::Config { path: path.into(), source })?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what this version cannot do, instead of doing something else.
    fn check(&self) -> Result<()> {
        let worker = &self.dumper.worker;
        one_of("dumper.worker.workMode", worker.work_mode.as_deref(), &["milvus1x"])?;
        one_of("meta.mode", self.meta.mode.as_deref(), &["sqlite", "local"])?;
        one_of("source.mode", self.source.mode.as_deref(), &["local"])?;
        one_of("target.mode", self.target.mode.as_deref(), &["local", "remote"])?;
        one_of("target.remote.cloud", self.target.remote.cloud.as_deref(), &["aws", "s3", "minio"])?;
        match self.m2m.file_size {
            Some(mib) if !FILE_SIZE_MIB.contains(&mib) => Err(Error::Setting {
                setting: "m2m.fileSize".into(),
                reason: format!(
                    "expected {} to {} MiB, found {mib}",
                    FILE_SIZE_MIB.start(),
                    FILE_SIZE_MIB.end()
                ),
            }),
            _ => Ok(()),
        }
    }
}

fn one_of(setting: &str, value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if !known.iter().any(|known| known.eq_ignore_ascii_case(value)) => {
            let known = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            Err(Error::Setting {
                setting: setting.into(),
                reason: format!("`{value}` is not supported; known: {known}"),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the guide, every key of it.
    const GUIDE: &str = "
dumper:
  worker:
    workMode: milvus1x
    limit: 2
    reader:
      bufferSize: 1024
    writer:
      bufferSize: 1024
loader:
  worker:
    limit: 16
meta:
  mode: local
  localFile: /outputDir/meta.json
source:
  mode: local
  local:
    tablesDir: /db/tables/
target:
  mode: remote
  remote:
    outputDir: migration/test
    ak: key
    sk: hush
    cloud: aws
    region: us-west-2
    endpoint: 127.0.0.1:9000
    bucket: a-bucket
    useIAM: false
    useSSL: false
    checkBucket: true
  milvus2x:
    endpoint: 127.0.0.1:19530
    username: root
    password: hush
";

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_guides_example_is_read() {
        let config = parse(GUIDE).unwrap();
        assert_eq!(config.loader.worker.limit, Some(16));
        assert_eq!(config.target.remote.sk.as_ref().map(Hidden::expose), Some("hush"));
        assert!(config.target.remote.check_bucket);
    }

    #[test]
    fn a_secret_is_not_in_the_debug_text() {
        let text = format!("{:?}", parse(GUIDE).unwrap());
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let error = parse("loader:\n  worker:\n    limits: 3\n").unwrap_err();
        assert!(error.contains("limits") && error.contains("limit") && error.contains("line 3"), "{error}");
    }

    #[test]
    fn what_is_not_supported_is_refused_and_not_ignored() {
        for (text, word) in [
            ("dumper: {worker: {workMode: faiss}}", "faiss"),
            ("meta: {mode: mysql}", "mysql"),
            ("source: {mode: remote}", "remote"),
            ("target: {remote: {cloud: azure}}", "azure"),
            ("m2m: {fileSize: 0}", "fileSize"),
            ("m2m: {fileSize: 16384}", "16384"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
