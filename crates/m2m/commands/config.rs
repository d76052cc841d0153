// SPDX-License-Identifier: Apache-2.0
//! `m2m config`

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::args::{Config, ConfigCommand};
use crate::config::page;
use crate::error::{Error, Exit, Result};
use crate::output::note;
use crate::settings::Settings;

/// Shows, begins or checks a configuration.
pub(crate) fn run(args: &Config, settings: &Settings) -> Result<Exit> {
    match &args.command {
        ConfigCommand::Show { all, json } => show(settings, *all, *json)?,
        ConfigCommand::Init { file } if file.as_os_str() == "-" => print(&page::template())?,
        ConfigCommand::Init { file } => init(file, settings)?,
        ConfigCommand::Check => check(settings)?,
        ConfigCommand::Reference => print(&page::reference())?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, all: bool, json: bool) -> Result<()> {
    let lines = page::shown(settings.config(), all);
    if json {
        return print(&(serde_json::to_string_pretty(&lines)? + "\n"));
    }
    let width = |text: fn(&page::Shown) -> &str| {
        lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (width(|line| &line.key), width(|line| &line.value).min(60));
    let line = |line: &page::Shown| format!("{:keys$}  {:values$}  {}\n", line.key, line.value, line.origin);
    print(&lines.iter().map(line).collect::<String>())
}

fn init(path: &Path, settings: &Settings) -> Result<()> {
    let failed = |source| Error::WriteConfig { path: path.into(), source };
    // It will hold secrets.
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(page::template().as_bytes()).map_err(failed)?;
    if settings.is_quiet() {
        return Ok(());
    }
    note(&format!("wrote `{}`; set what is yours, then run `m2m config check`", path.display()))
}

fn check(settings: &Settings) -> Result<()> {
    let found = settings.check()?;
    let file = settings.config().file().map_or_else(|| "no file".into(), |path| path.display().to_string());
    let lines: String = found.iter().map(|line| format!("{line}\n")).collect();
    print(&format!("configuration: {file}, no mistakes\n{lines}"))
}

fn print(text: &str) -> Result<()> {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|source| Error::Io { what: "write to standard output", source })
}
