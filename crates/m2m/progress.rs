// SPDX-License-Identifier: Apache-2.0
//! Progress on standard error: a bar, plain lines, JSON lines, or nothing.

use std::io::{IsTerminal, Write};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use m2m_migration::{Event, Observer, Phase};

use crate::args::Progress;

/// Shows the events of a migration.
#[derive(Debug)]
pub(crate) struct Reporter {
    how: How,
}

#[derive(Debug)]
enum How {
    Bar(ProgressBar),
    Lines,
    Json,
    Nothing,
}

impl Reporter {
    /// A reporter for standard error.
    pub(crate) fn new(progress: Progress, quiet: bool) -> Self {
        let how = match progress {
            _ if quiet => How::Nothing,
            Progress::None => How::Nothing,
            Progress::Json => How::Json,
            Progress::Auto if std::io::stderr().is_terminal() => How::Bar(ProgressBar::hidden()),
            Progress::Auto => How::Lines,
        };
        Self { how }
    }
}

impl Observer for Reporter {
    fn on_event(&self, event: &Event) {
        match &self.how {
            How::Nothing => {}
            How::Json => line(&json(event)),
            How::Lines => {
                if let Some(text) = text(event) {
                    line(&text);
                }
            }
            How::Bar(bar) => show(bar, event),
        }
    }
}

/// Progress must never end a migration: a closed standard error is no failure.
fn line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

fn show(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Started { phase, rows, bytes } => {
            let total = if *bytes > 0 { *bytes } else { *rows };
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.reset();
            bar.set_length(total);
            bar.set_style(style(*bytes > 0));
            bar.set_prefix(verb(*phase));
            bar.set_message("");
        }
        Event::Progress { rows, bytes, .. } => bar.set_position(if *bytes > 0 { *bytes } else { *rows }),
        Event::Finished { .. } => bar.finish(),
        Event::Indexing { collection, indexed, total } => {
            bar.set_message(format!(
                "index of {collection}: {} of {}",
                HumanCount(*indexed),
                HumanCount(*total)
            ));
        }
        Event::Queryable { collection } => bar.set_message(format!("{collection} is queryable")),
        Event::Note { .. } => {
            if let Some(text) = text(event) {
                bar.suspend(|| line(&text));
            }
        }
        _ => {}
    }
}

fn style(bytes: bool) -> ProgressStyle {
    let template = if bytes {
        "{prefix:<8} {bar:28} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}"
    } else {
        "{prefix:<8} {bar:28} {human_pos}/{human_len} rows {eta} {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn verb(phase: Phase) -> &'static str {
    match phase {
        Phase::Audit => "audit",
        Phase::Dump => "dump",
        Phase::Load => "load",
        Phase::Verify => "verify",
    }
}

/// The line for an event, for those that are worth one.
fn text(event: &Event) -> Option<String> {
    match event {
        Event::Started { phase, rows, bytes: 0 } => {
            Some(format!("{}: {} rows", verb(*phase), HumanCount(*rows)))
        }
        Event::Started { phase, rows, bytes } => {
            Some(format!("{}: {} rows, {}", verb(*phase), HumanCount(*rows), HumanBytes(*bytes)))
        }
        Event::Finished { phase } => Some(format!("{}: done", verb(*phase))),
        Event::JobFinished { set, task, rows } => {
            Some(format!("load: {set}: {} rows (job {task})", HumanCount(*rows)))
        }
        Event::Queryable { collection } => Some(format!("load: {collection} is queryable")),
        Event::Note { subject, text } => Some(format!("note: {subject}: {text}")),
        _ => None,
    }
}

fn json(event: &Event) -> String {
    let value = match event {
        Event::Started { phase, rows, bytes } => {
            serde_json::json!({"event": "started", "phase": verb(*phase), "rows": rows, "bytes": bytes})
        }
        Event::Progress { phase, rows, bytes } => {
            serde_json::json!({"event": "progress", "phase": verb(*phase), "rows": rows, "bytes": bytes})
        }
        Event::Finished { phase } => serde_json::json!({"event": "finished", "phase": verb(*phase)}),
        Event::JobStarted { set, task } => {
            serde_json::json!({"event": "job_started", "set": set, "task": task})
        }
        Event::JobFinished { set, task, rows } => {
            serde_json::json!({"event": "job_finished", "set": set, "task": task, "rows": rows})
        }
        Event::Indexing { collection, indexed, total } => {
            serde_json::json!({"event": "indexing", "collection": collection, "indexed": indexed, "total": total})
        }
        Event::Queryable { collection } => {
            serde_json::json!({"event": "queryable", "collection": collection})
        }
        Event::Note { subject, text } => {
            serde_json::json!({"event": "note", "subject": subject, "text": text})
        }
        other => serde_json::json!({"event": "other", "text": format!("{other:?}")}),
    };
    value.to_string()
}
