// SPDX-License-Identifier: Apache-2.0
#![doc = "The `m2m` command line: arguments, configuration, printers and exit codes."]
//!
//! `m2m` opens a Milvus 0.9–1.1 installation as SQL tables and migrates it to
//! Milvus 2.x. The work is done by the crates below this one; here stands what
//! a user types and sees.
//!
//! * Data goes to standard output, everything else to standard error.
//! * Exit codes are those of [`Exit`].
//! * A secret is never printed, in no error and at no verbosity.

mod args;
mod commands;
mod config;
mod error;
mod nearest;
mod output;
mod progress;
mod query;
mod settings;
mod shell;
mod signals;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command, Global};
use crate::error::{Error, Result};
use crate::settings::Settings;

pub use crate::error::Exit;

/// Time that aborted uploads have to be removed after a signal.
const GRACE: Duration = Duration::from_secs(1);
/// Time that the probe of a check has to be removed, which waits for the end of its import.
const PROBE_END: Duration = Duration::from_secs(10);

/// Runs the command line `args`, the program's name first, and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => {
            // Help and version go to standard output, mistakes to standard error.
            let printed = usage.print();
            let exit = if usage.use_stderr() { Exit::Usage } else { Exit::Done };
            return if printed.is_ok() { exit.into() } else { Exit::Failed.into() };
        }
    };
    log_to_stderr(&args.global);
    match run_to_end(args) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => Exit::Done.into(),
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            // When standard error is gone too, the exit code still tells.
            drop(write!(stderr, "{}", output::visible(&error.report())));
            error.exit().into()
        }
    }
}

fn run_to_end(args: Args) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Io { what: "start the runtime", source })?;
    let settings = Settings::new(&args)?;
    let is_shell = matches!(&args.command, Command::Sql(args) if commands::sql::is_shell(args));
    let signal = signals::listen(is_shell)?;
    let ended = runtime.block_on(async {
        let ended = tokio::select! {
            ended = dispatch(args.command, &settings) => ended,
            _ = signal => {
                // What was dropped is still taking its uploads back.
                tokio::time::sleep(GRACE).await;
                Err(Error::Interrupted)
            }
        };
        m2m_milvus::let_calls_end(GRACE).await;
        m2m_migration::check::let_probes_end(PROBE_END).await;
        #[cfg(feature = "ballista")]
        settings.leave_cluster().await;
        ended
    });
    // A worker in the middle of a long computation is not waited for.
    runtime.shutdown_background();
    ended
}

async fn dispatch(command: Command, settings: &Settings) -> Result<Exit> {
    settings.warn()?;
    #[cfg(feature = "ballista")]
    settings.join_cluster().await?;
    #[cfg(not(feature = "ballista"))]
    settings.refuse_cluster()?;
    match command {
        Command::Sql(args) => commands::sql::run(args, settings).await,
        Command::Audit(args) => commands::audit::run(args, settings).await,
        Command::Check(args) => commands::check::run(args, settings).await,
        Command::Dump(args) => commands::dump::run(args, settings).await,
        Command::Load(args) => commands::load::run(args, settings).await,
        Command::Verify(args) => commands::verify::run(args, settings).await,
        Command::Migrate(args) => commands::migrate::run(args, settings).await,
        Command::Plan(args) => commands::plan::run(args, settings).await,
        Command::Export(args) => commands::export::run(args, settings).await,
        Command::Recover(args) => commands::recover::run(args, settings).await,
        #[cfg(feature = "ballista")]
        Command::Scheduler(args) => commands::scheduler::run(args, settings).await,
        #[cfg(feature = "ballista")]
        Command::Executor(args) => commands::executor::run(args, settings).await,
        Command::Config(args) => commands::config::run(&args, settings),
        Command::Completions(args) => commands::completions::run(&args),
    }
}

/// Our crates warn unless they are told to be quiet; more is said when asked for.
fn log_to_stderr(args: &Global) {
    let of_ours = |level: &str| {
        let crates = [
            "m2m",
            "m2m_migration",
            "m2m_datasource",
            "m2m_distributed",
            "m2m_sink",
            "m2m_milvus",
            "m2m_storage",
            "m2m_catalog",
        ];
        let ours = crates.map(|name| format!("{name}={level}")).join(",");
        // What goes wrong between the parts of a cluster is told by their libraries alone.
        format!("{ours},ballista_core=warn,ballista_executor=warn,ballista_scheduler=warn")
    };
    let default = match args.verbose {
        0 if args.quiet => "off".into(),
        0 => of_ours("warn"),
        1 => of_ours("debug"),
        _ => "debug".into(),
    };
    let filter = EnvFilter::try_from_env("M2M_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let stderr = std::io::stderr;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would tell on standard error that standard error is gone.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr);
    // A second call in one process (tests of the library) keeps the first subscriber.
    drop(if args.verbose == 0 { log.without_time().with_target(false).try_init() } else { log.try_init() });
}
