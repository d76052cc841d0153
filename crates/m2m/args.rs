// SPDX-License-Identifier: Apache-2.0
//! What can be typed. The comments are the help.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::config::FILE_SIZE_MIB;

/// Open a Milvus 1.x installation as SQL tables, and migrate it to Milvus 2.x
#[derive(Debug, Parser)]
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
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Global {
    /// Configuration file; without it `migration.yaml`, then `configs/migration.yaml`, when there is one
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print no progress, notes or summary on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How to show progress on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Log what is done on standard error; twice for everything (`M2M_LOG` takes a filter)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Threads that read and write at once; without it one for each core
    #[arg(long, global = true, env = "M2M_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// Memory for sorting, grouping and joining, before they spill to disk
    #[arg(long, global = true, env = "M2M_MEMORY", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) memory: Option<u32>,
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) milvus: Milvus,
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
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Source")]
pub(crate) struct Source {
    /// Root of a 1.x installation (holds `db/meta.sqlite` and `db/tables`), or a folder with `meta.json` and `tables`
    #[arg(long, global = true, env = "M2M_INSTALL", value_name = "DIR")]
    pub(crate) install: Option<PathBuf>,
    /// Its `tables` folder, together with --meta; again for each secondary path
    #[arg(long, global = true, value_name = "DIR", requires = "meta", conflicts_with = "install")]
    pub(crate) tables: Vec<PathBuf>,
    /// Its metadata: a `meta.sqlite` or a `meta.json`
    #[arg(long, global = true, value_name = "FILE", requires = "tables", conflicts_with = "install")]
    pub(crate) meta: Option<PathBuf>,
    /// Its write-ahead log; without it `wal` in the root of the installation
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) wal: Option<PathBuf>,
}

/// Where import files go.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Import files")]
pub(crate) struct Target {
    /// Folder or `s3://bucket/prefix` for the import files; for `load` the bucket must be Milvus' own
    #[arg(short, long, global = true, env = "M2M_OUT", value_name = "DIR|URL")]
    pub(crate) out: Option<String>,
    /// Endpoint of the S3 server, with or without scheme; without it AWS' own
    #[arg(long, global = true, env = "M2M_S3_ENDPOINT", value_name = "HOST:PORT")]
    pub(crate) s3_endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, global = true, env = "M2M_S3_REGION", value_name = "REGION")]
    pub(crate) s3_region: Option<String>,
    /// Access key; without it the environment's and the machine's credentials
    #[arg(long, global = true, env = "M2M_S3_ACCESS_KEY", value_name = "KEY")]
    pub(crate) s3_access_key: Option<String>,
    /// Secret key (better given as `M2M_S3_SECRET_KEY`)
    #[arg(long, global = true, env = "M2M_S3_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) s3_secret_key: Option<String>,
}

/// Where Milvus 2.x is.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Milvus 2.x")]
pub(crate) struct Milvus {
    /// Address of Milvus 2.x: `host:port` or `http(s)://host:port`
    #[arg(long, global = true, env = "M2M_MILVUS", value_name = "URI")]
    pub(crate) milvus: Option<String>,
    /// User, when authentication is on
    #[arg(long, global = true, env = "M2M_MILVUS_USER", value_name = "USER", requires = "milvus_password")]
    pub(crate) milvus_user: Option<String>,
    /// Password (better given as `M2M_MILVUS_PASSWORD`)
    #[arg(long, global = true, env = "M2M_MILVUS_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub(crate) milvus_password: Option<String>,
    /// API token instead of user and password (better given as `M2M_MILVUS_TOKEN`)
    #[arg(
        long,
        global = true,
        env = "M2M_MILVUS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "milvus_user"
    )]
    pub(crate) milvus_token: Option<String>,
    /// Database; created when missing
    #[arg(long, global = true, env = "M2M_MILVUS_DATABASE", value_name = "NAME")]
    pub(crate) milvus_database: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
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
}

/// Arguments of `m2m sql`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sql {
    /// One or more statements, separated by semicolons; `-` reads standard input
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub(crate) sql: Option<String>,
    /// File with statements; again for more files
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// How to print rows
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// The most rows a table shows; 0 for all. The other formats always print every row
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub(crate) max_rows: usize,
}

/// How to print rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading; vectors are shortened
    #[default]
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON array
    Json,
    /// One JSON object a line
    Ndjson,
}

/// Which collections.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Selection {
    /// Only these collections, separated by commas
    #[arg(long = "col", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) collections: Vec<String>,
}

/// How to dump.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct DumpOptions {
    /// About how large an import file becomes
    #[arg(long, value_name = "MIB", value_parser = file_size)]
    pub(crate) file_size: Option<u32>,
    /// Leave behind what stands only in the write-ahead log
    #[arg(long)]
    pub(crate) allow_unflushed: bool,
    /// Replace a complete dump in the output folder
    #[arg(long)]
    pub(crate) overwrite: bool,
}

fn file_size(text: &str) -> Result<u32, String> {
    let (least, most) = (FILE_SIZE_MIB.start(), FILE_SIZE_MIB.end());
    match text.parse() {
        Ok(mib) if FILE_SIZE_MIB.contains(&mib) => Ok(mib),
        _ => Err(format!("expected {least} to {most} MiB")),
    }
}

/// How to load.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LoadOptions {
    /// Import jobs in flight
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Shards of the new collections; 0 leaves it to the server
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=64))]
    pub(crate) shards: Option<u8>,
}

/// How to verify.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct VerifyOptions {
    /// About how many rows of each collection to compare bit for bit
    #[arg(long, default_value_t = m2m_migration::DEFAULT_SAMPLE_ROWS, value_name = "N")]
    pub(crate) sample: usize,
}

/// Arguments of `m2m dump`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) options: DumpOptions,
}

/// Arguments of `m2m load`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) options: LoadOptions,
}

/// Arguments of `m2m verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) options: VerifyOptions,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `m2m migrate`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) dump: DumpOptions,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
    #[command(flatten)]
    pub(crate) verify: VerifyOptions,
}
