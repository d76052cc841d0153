// SPDX-License-Identifier: Apache-2.0
//! What can be typed. The comments are the help. What may hold a secret has no
//! `Debug`. A command's own options stand before those that it shares, under
//! whose heading the help would show them otherwise.

mod audit;
mod check;
mod cluster;
mod recover;
mod verify;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::config::keys::{self, Key};
use crate::error::{Error, Result};
use crate::query::Script;
pub(crate) use audit::{Audit, AuditFormat, Denied};
pub(crate) use check::Check;
pub(crate) use cluster::ClusterOption;
#[cfg(feature = "ballista")]
pub(crate) use cluster::{Executor, Scheduler};
pub(crate) use recover::{Recover, metric_of_name};
pub(crate) use verify::{Verify, VerifyOptions};

/// Open a Milvus 1.x installation as SQL tables, and migrate it to Milvus 2.x
#[derive(Parser)]
#[command(
    name = "m2m",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What applies to every command.
#[derive(Clone, Default, ClapArgs)]
pub(crate) struct Global {
    /// Configuration file; without it `migration.yaml`, then `configs/migration.yaml`, when there is one
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set a key of the configuration, such as `target.remote.region=eu-west-1`; again for more
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print no progress, notes or summary on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How to show progress on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Log what is done on standard error; twice for everything (`M2M_LOG` takes a filter)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Threads that read and write at once; without it one for each core [env: M2M_WORKERS]
    #[arg(long, global = true, value_name = "N")]
    workers: Option<String>,
    /// Memory for sorting and grouping, which spill to disk beyond it, and for joining, which fails [env: M2M_MEMORY]
    #[arg(long, global = true, value_name = "MIB")]
    memory: Option<String>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    milvus: Milvus,
}

impl Global {
    /// Where rows go, as it was typed: what else is configured is about import files.
    pub(crate) fn typed_output(&self) -> Option<&str> {
        self.target.out.as_deref()
    }

    /// The keys that flags stand for, with what was given.
    pub(crate) fn keys(&self) -> Vec<(&'static Key, Vec<String>)> {
        let (source, target, milvus) = (&self.source, &self.target, &self.milvus);
        let single = [
            (&keys::WORKERS, &self.workers),
            (&keys::MEMORY, &self.memory),
            (&keys::INSTALL, &source.install),
            (&keys::META, &source.meta),
            (&keys::WAL, &source.wal),
            (&keys::OUT, &target.out),
            (&keys::TARGET_ENDPOINT, &target.s3_endpoint),
            (&keys::TARGET_REGION, &target.s3_region),
            (&keys::TARGET_AK, &target.s3_access_key),
            (&keys::TARGET_SK, &target.s3_secret_key),
            (&keys::TARGET_CA, &target.s3_ca),
            (&keys::MILVUS, &milvus.milvus),
            (&keys::MILVUS_USER, &milvus.milvus_user),
            (&keys::MILVUS_PASSWORD, &milvus.milvus_password),
            (&keys::MILVUS_TOKEN, &milvus.milvus_token),
            (&keys::MILVUS_DATABASE, &milvus.milvus_database),
            (&keys::MILVUS_CA, &milvus.milvus_ca),
            (&keys::MILVUS_CERT, &milvus.milvus_cert),
            (&keys::MILVUS_KEY, &milvus.milvus_key),
        ];
        let mut all = given(single);
        if !source.tables.is_empty() {
            all.push((&keys::TABLES, source.tables.clone()));
        }
        all
    }
}

/// How to show progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar when standard error is a terminal, else plain lines
    #[default]
    Auto,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}

/// Where the 1.x installation is.
#[derive(Clone, Default, ClapArgs)]
#[command(next_help_heading = "Source")]
struct Source {
    /// Root of a 1.x installation (holds `db/meta.sqlite` and `db/tables`), or a folder with `meta.json` and `tables` [env: M2M_INSTALL]
    #[arg(long, global = true, value_name = "DIR")]
    install: Option<String>,
    /// Its `tables` folder, or `s3://bucket/prefix`, together with --meta; again for each secondary path [env: M2M_TABLES]
    #[arg(long, global = true, value_name = "DIR|URL", conflicts_with = "install")]
    tables: Vec<String>,
    /// Its metadata: a `meta.sqlite`, a `meta.json` or a MySQL address [env: M2M_META]
    #[arg(long, global = true, value_name = "FILE|DSN", conflicts_with = "install")]
    meta: Option<String>,
    /// Its write-ahead log; without it `wal` in the root of the installation [env: M2M_WAL]
    #[arg(long, global = true, value_name = "DIR")]
    wal: Option<String>,
}

/// Where import files go.
#[derive(Clone, Default, ClapArgs)]
#[command(next_help_heading = "Import files")]
struct Target {
    /// Folder or `s3://bucket/prefix` for the import files; for `load` the bucket must be Milvus' own [env: M2M_OUT]. For `sql` the file that takes the rows
    #[arg(short, long, global = true, value_name = "DIR|URL")]
    out: Option<String>,
    /// Endpoint of the storage server, with or without scheme; without it the cloud's own [env: M2M_S3_ENDPOINT]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    s3_endpoint: Option<String>,
    /// Region of the bucket [env: M2M_S3_REGION]
    #[arg(long, global = true, value_name = "REGION")]
    s3_region: Option<String>,
    /// Access key; without it the environment's and the machine's credentials [env: M2M_S3_ACCESS_KEY]
    #[arg(long, global = true, value_name = "KEY")]
    s3_access_key: Option<String>,
    /// Secret key; better given in the environment [env: M2M_S3_SECRET_KEY]
    #[arg(long, global = true, value_name = "KEY")]
    s3_secret_key: Option<String>,
    /// PEM file with the certificates that vouch for the storage server [env: M2M_S3_CA]
    #[arg(long, global = true, value_name = "FILE")]
    s3_ca: Option<String>,
}

/// Where Milvus 2.x is.
#[derive(Clone, Default, ClapArgs)]
#[command(next_help_heading = "Milvus 2.x")]
struct Milvus {
    /// Address of Milvus 2.x: `host:port` or `http(s)://host:port` [env: M2M_MILVUS]
    #[arg(long, global = true, value_name = "URI")]
    milvus: Option<String>,
    /// User, when authentication is on [env: M2M_MILVUS_USER]
    #[arg(long, global = true, value_name = "USER")]
    milvus_user: Option<String>,
    /// Password; better given in the environment [env: M2M_MILVUS_PASSWORD]
    #[arg(long, global = true, value_name = "PASSWORD")]
    milvus_password: Option<String>,
    /// API token instead of user and password; better given in the environment [env: M2M_MILVUS_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "milvus_user")]
    milvus_token: Option<String>,
    /// Database; created when missing [env: M2M_MILVUS_DATABASE]
    #[arg(long, global = true, value_name = "NAME")]
    milvus_database: Option<String>,
    /// PEM file with the certificates of those who sign that of Milvus; the connection is encrypted then [env: M2M_MILVUS_CA]
    #[arg(long, global = true, value_name = "FILE")]
    milvus_ca: Option<String>,
    /// PEM file with the certificate that is shown to Milvus, together with --milvus-key [env: M2M_MILVUS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    milvus_cert: Option<String>,
    /// PEM file with the private key of that certificate [env: M2M_MILVUS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    milvus_key: Option<String>,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Ask a 1.x installation with SQL
    Sql(Sql),
    /// Write import files
    Dump(Dump),
    /// Have Milvus 2.x import a dump, and make it queryable
    Load(Load),
    /// Compare a 1.x installation with Milvus 2.x
    Verify(Verify),
    /// Dump, load and verify
    #[command(alias = "start")]
    Migrate(Migrate),
    /// Show what migrate would do; nothing is written
    Plan(Plan),
    /// Say what stands in the way of a migration, before anything is written
    Audit(Audit),
    /// Say within seconds whether a migration can begin: source, bucket, Milvus, and one row all the way
    Check(Check),
    /// Write the metadata of a 1.x installation as `meta.json`
    Export(Export),
    /// Make a `meta.json` from the segments alone, when the metadata is lost
    Recover(Recover),
    /// Hand out the work of other commands to executors
    #[cfg(feature = "ballista")]
    Scheduler(Scheduler),
    /// Do the work that a scheduler hands out: read the installation, write import files
    #[cfg(feature = "ballista")]
    Executor(Executor),
    /// Show, begin or check a configuration
    Config(Config),
    /// Print a script that has a shell complete commands and options
    Completions(Completions),
}

impl Command {
    /// The keys that the command's own flags stand for, with what was given.
    pub(crate) fn keys(&self) -> Vec<(&'static Key, Vec<String>)> {
        match self {
            Self::Dump(dump) => [dump.options.keys(), dump.cluster.keys()].concat(),
            Self::Load(load) => load.options.keys(),
            Self::Migrate(migrate) => {
                [migrate.dump.keys(), migrate.load.keys(), migrate.cluster.keys()].concat()
            }
            Self::Check(check) => [check.dump.keys(), check.load.keys()].concat(),
            Self::Plan(plan) => [plan.dump.keys(), plan.load.keys()].concat(),
            Self::Sql(sql) => sql.cluster.keys(),
            Self::Audit(audit) => audit.cluster.keys(),
            #[cfg(feature = "ballista")]
            Self::Scheduler(_) | Self::Executor(_) => Vec::new(),
            Self::Verify(_) | Self::Export(_) | Self::Recover(_) | Self::Config(_) | Self::Completions(_) => {
                Vec::new()
            }
        }
    }

    /// Whether its plans may run on a cluster.
    pub(crate) fn uses_cluster(&self) -> bool {
        matches!(self, Self::Dump(_) | Self::Migrate(_) | Self::Sql(_) | Self::Audit(_))
    }
}

/// The words of a key, in any case.
fn words(words: &'static [&'static str]) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

fn given<const N: usize>(flags: [(&'static Key, &Option<String>); N]) -> Vec<(&'static Key, Vec<String>)> {
    flags.into_iter().filter_map(|(key, value)| Some((key, vec![value.clone()?]))).collect()
}

/// Arguments of `m2m export`.
#[derive(ClapArgs)]
pub(crate) struct Export {
    /// The server's `meta.sqlite`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) sqlite: Option<String>,
    /// The server's MySQL database, as `user:password@tcp(host:port)/database` or `mysql://…` (better given as `M2M_META`)
    #[arg(short, long, value_name = "DSN", conflicts_with = "sqlite")]
    pub(crate) mysql: Option<String>,
}

/// Arguments of `m2m completions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `m2m config`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// The commands of `m2m config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the values that count, each with where it comes from; secrets are hidden
    Show {
        /// Defaults too
        #[arg(long)]
        all: bool,
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
    /// Write a configuration with every key in a comment
    Init {
        /// The file, which must not exist; `-` prints it
        #[arg(default_value = "migration.yaml", value_name = "FILE")]
        file: PathBuf,
    },
    /// Find mistakes without touching anything
    Check,
    /// Print the reference of all keys as Markdown
    Reference,
}

/// Arguments of `m2m sql`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sql {
    /// One or more statements, separated by semicolons; `-` reads standard input. Without any, and with a terminal, a shell
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub(crate) sql: Option<String>,
    /// File with statements; again for more files
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// How to print rows; without it a table, or what the ending of `-o FILE` says
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The most rows a table shows; 0 for all. The other formats always print every row
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub(crate) max_rows: usize,
    /// Tell on standard error how long each statement took
    #[arg(long)]
    pub(crate) timing: bool,
    /// Statements and commands that the shell runs first; without it `~/.m2mrc`, when there is one [env: M2M_RC]
    #[arg(long, value_name = "FILE")]
    pub(crate) rc: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterOption,
}

/// How to print rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading; vectors are shortened
    #[default]
    Table,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// One JSON array
    Json,
    /// One JSON object a line
    #[value(alias = "jsonl")]
    Ndjson,
    /// A table for Markdown; vectors are shortened
    Markdown,
    /// One column a line, vectors in full
    Vertical,
    /// Parquet, with `-o FILE`
    Parquet,
    /// Arrow IPC, with `-o FILE`
    Arrow,
    /// NumPy: one column with `-o FILE.npy`, a file for each with `-o DIR/`
    Npy,
}

/// Which collections of a dump.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Rows")]
pub(crate) struct Names {
    /// Only these collections, separated by commas
    #[arg(long = "col", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) collections: Vec<String>,
}

/// Which rows of an installation.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Rows")]
pub(crate) struct Selection {
    /// Only these collections, separated by commas
    #[arg(long = "col", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) collections: Vec<String>,
    /// Only rows for which this SQL condition is true
    #[arg(long = "where", value_name = "EXPR", value_parser = something, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// The rows of this query, as one collection; `@FILE` reads it from a file. Statements before the last, such as CREATE EXTERNAL TABLE, are run first
    #[arg(long, value_name = "SQL", value_parser = something, requires = "name", conflicts_with_all = ["collections", "filter"])]
    query: Option<String>,
    /// The name of that collection
    #[arg(long = "as", value_name = "NAME", value_parser = something, requires = "query", conflicts_with_all = ["collections", "filter"])]
    name: Option<String>,
}

impl Selection {
    /// The name and the statements of the query, when one was given.
    pub(crate) fn query(&self) -> Result<Option<(&str, Script)>> {
        let (Some(query), Some(name)) = (&self.query, &self.name) else { return Ok(None) };
        let Some(path) = query.strip_prefix('@') else { return Ok(Some((name, Script::typed(query)))) };
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| Error::Read { path: path.into(), source })?;
        if text.trim().is_empty() {
            let reason = format!("expected a query in `{path}`, found nothing");
            return Err(Error::Setting { setting: "--query".into(), reason });
        }
        Ok(Some((name, Script { name: Some(path.into()), text })))
    }
}

/// Refuses an empty text: it is a variable of the shell that is not set, most
/// likely, and would select everything.
fn something(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("expected a value, found nothing") } else { Ok(text.to_owned()) }
}

/// How to dump.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Dump")]
pub(crate) struct DumpOptions {
    /// About how large an import file becomes [env: M2M_FILE_SIZE]
    #[arg(long, value_name = "MIB")]
    file_size: Option<String>,
    /// How import files are written: a NumPy file for each field, or a Parquet file for all of them [env: M2M_FORMAT]
    #[arg(long, value_name = "FORMAT", value_parser = words(keys::FORMATS), ignore_case = true)]
    to_format: Option<String>,
    /// What the manifest says of the bytes of each file: a CRC-32C, or a SHA-256 too [env: M2M_CHECKSUM]
    #[arg(long, value_name = "SUM", value_parser = words(keys::CHECKSUM_WORDS), ignore_case = true)]
    checksum: Option<String>,
    /// Leave behind what stands only in the write-ahead log
    #[arg(long)]
    pub(crate) allow_unflushed: bool,
    /// Replace a complete dump in the output folder, and what another one left there unfinished
    #[arg(long)]
    pub(crate) overwrite: bool,
}

impl DumpOptions {
    fn keys(&self) -> Vec<(&'static Key, Vec<String>)> {
        given([
            (&keys::FILE_SIZE, &self.file_size),
            (&keys::FORMAT, &self.to_format),
            (&keys::CHECKSUM, &self.checksum),
        ])
    }
}

/// How to load.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadOptions {
    /// Import jobs in flight [env: M2M_LOADER_WORKER_LIMIT]
    #[arg(long, value_name = "N")]
    jobs: Option<String>,
    /// Shards of the new collections; 0 leaves it to the server [env: M2M_TARGET_CREATE_COLLECTION_SHARDS_NUM]
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// What is done when Milvus has a collection of the name [env: M2M_IF_EXISTS]
    #[arg(long, value_name = "WHAT", value_parser = words(keys::IF_EXISTS_WORDS), ignore_case = true)]
    if_exists: Option<String>,
    /// Read every import file again, and compare its checksums, before it is imported
    #[arg(long)]
    pub(crate) verify_files: bool,
}

impl LoadOptions {
    fn keys(&self) -> Vec<(&'static Key, Vec<String>)> {
        given([
            (&keys::LOAD_LIMIT, &self.jobs),
            (&keys::CREATE_SHARDS, &self.shards),
            (&keys::IF_EXISTS, &self.if_exists),
        ])
    }
}

/// Arguments of `m2m dump`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dump {
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) options: DumpOptions,
    #[command(flatten)]
    cluster: ClusterOption,
}

/// Arguments of `m2m load`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Load {
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) selection: Names,
    #[command(flatten)]
    pub(crate) options: LoadOptions,
}

/// Arguments of `m2m migrate`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Migrate {
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) dump: DumpOptions,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
    #[command(flatten)]
    pub(crate) verify: VerifyOptions,
    #[command(flatten)]
    cluster: ClusterOption,
}

/// Arguments of `m2m plan`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// How to print the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: PlanFormat,
    /// Show the query plans too
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) dump: DumpOptions,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
}

/// How to print a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For reading
    #[default]
    Text,
    /// One JSON object
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_help_of_each_flag_names_its_variable() {
        let command = Args::command();
        let commands = std::iter::once(&command).chain(command.get_subcommands());
        let args: Vec<&clap::Arg> = commands.flat_map(clap::Command::get_arguments).collect();
        for key in keys::KEYS {
            let Some(flag) = key.flag else { continue };
            let arg = args.iter().find(|arg| arg.get_long() == flag.strip_prefix("--"));
            let help = arg.and_then(|arg| arg.get_help()).map(ToString::to_string).unwrap_or_default();
            let variable = key.variable.map_or_else(|| key.environment(), str::to_owned);
            assert!(help.contains(&format!("[env: {variable}]")), "{flag}: {help}");
        }
    }

    fn parsed(args: &[&str]) -> Result<Args, String> {
        let all = ["m2m"].iter().chain(args);
        Args::try_parse_from(all).map_err(|error| error.to_string())
    }

    fn selection(args: &[&str]) -> Selection {
        match parsed(args).unwrap().command {
            Command::Plan(plan) => plan.selection,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_query_is_one_collection_that_has_a_name() {
        let found = selection(&["plan", "--query", " SELECT 1 ", "--as", "one"]);
        let (name, script) = found.query().unwrap().unwrap();
        assert_eq!((name, script.name, script.text.as_str()), ("one", None, "SELECT 1"));
        let found = selection(&["plan", "--col", "a,b", "--where", "id > 3"]);
        assert!(found.query().unwrap().is_none());
        assert_eq!(
            (found.collections, found.filter.as_deref()),
            (vec!["a".into(), "b".into()], Some("id > 3"))
        );
        for (refused, message) in [
            (&["--query", "SELECT 1"][..], "--as"),
            (&["--as", "one"], "--query"),
            (&["--as", "one", "--col", "a"], "--col"),
            (&["--as", "one", "--where", "a"], "--where"),
            (&["--query", "SELECT 1", "--as", "one", "--col", "a"], "--col"),
            (&["--query", "SELECT 1", "--as", "one", "--where", "a"], "--where"),
            (&["--where", " "], "found nothing"),
            (&["--query", "", "--as", "one"], "--query"),
            (&["--query", "SELECT 1", "--as", ""], "--as"),
        ] {
            for command in ["plan", "dump", "verify", "migrate"] {
                let error = parsed(&[&[command], refused].concat()).err().unwrap();
                assert!(error.contains(message), "{command} {refused:?}: {error}");
            }
        }
        for flag in ["--where=a", "--query=SELECT 1", "--as=a"] {
            assert!(parsed(&["load", flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_query_is_read_from_the_file_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        let given = format!("@{}", path.display());
        let found = selection(&["plan", "--query", &given, "--as", "one"]);
        assert!(matches!(found.query(), Err(Error::Read { .. })));
        std::fs::write(&path, " \n").unwrap();
        let error = found.query().unwrap_err().to_string();
        assert!(error.contains("--query") && error.contains("a.sql"), "{error}");
        std::fs::write(&path, "CREATE VIEW a AS SELECT 1;\nSELECT 2;\n").unwrap();
        let (name, script) = found.query().unwrap().unwrap();
        assert_eq!((name, script.name.as_deref()), ("one", path.to_str()));
        assert_eq!(script.text, "CREATE VIEW a AS SELECT 1;\nSELECT 2;\n");
    }

    #[test]
    fn words_are_known_in_any_case_and_others_are_refused() {
        for (flag, word) in [("--to-format", "Parquet"), ("--if-exists", "APPEND")] {
            let args = parsed(&["migrate", flag, word]).unwrap();
            let keys = args.command.keys();
            let (key, values) = keys.iter().find(|(key, _)| key.flag == Some(flag)).unwrap();
            assert_eq!((values.as_slice(), key.flag), (&[word.to_owned()][..], Some(flag)));
            for refused in ["", "drop"] {
                assert!(parsed(&["migrate", flag, refused]).err().unwrap().contains(flag));
            }
        }
    }
}
