// SPDX-License-Identifier: Apache-2.0
//! Progress on standard error: a bar, plain lines, JSON lines, or nothing.

use std::io::{IsTerminal, Write};

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use m2m_migration::{Event, Observer, Phase};

use crate::args::Progress;
use crate::output::one_line;

/// Shows the events of a migration.
#[derive(Debug)]
pub(crate) struct Reporter {
    how: How,
}

#[derive(Debug)]
enum How {
    Bars(Bars),
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
            Progress::Auto if std::io::stderr().is_terminal() => How::Bars(Bars::default()),
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
                    line(&one_line(&text));
                }
            }
            How::Bars(bars) => bars.show(event),
        }
    }
}

/// Progress must never end a migration: a closed standard error is no failure.
fn line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// A bar for each phase, because dump and load run at once.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    of_phases: [(Phase, ProgressBar); 4],
}

impl Default for Bars {
    fn default() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let of_phases = [Phase::Audit, Phase::Dump, Phase::Load, Phase::Verify];
        Self { all, of_phases: of_phases.map(|phase| (phase, ProgressBar::hidden())) }
    }
}

impl Bars {
    fn show(&self, event: &Event) {
        match event {
            Event::Started { phase, rows, bytes } => {
                let Some(bar) = self.bar(*phase) else { return };
                self.all.remove(bar);
                let bar = self.all.add(bar.clone());
                bar.reset();
                bar.set_length(if *bytes > 0 { *bytes } else { *rows });
                bar.set_style(style(*bytes > 0));
                bar.set_prefix(verb(*phase));
                bar.set_message("");
            }
            Event::Progress { phase, rows, bytes } => {
                if let Some(bar) = self.bar(*phase) {
                    bar.set_position(if *bytes > 0 { *bytes } else { *rows });
                }
            }
            Event::Finished { phase } => self.bar(*phase).into_iter().for_each(ProgressBar::finish),
            Event::Indexing { collection, indexed, total } => {
                let (indexed, total) = (HumanCount(*indexed), HumanCount(*total));
                self.say(&format!("index of {collection}: {indexed} of {total}"));
            }
            Event::Queryable { collection } => self.say(&format!("{collection} is queryable")),
            Event::Note { .. } => {
                if let Some(text) = text(event) {
                    self.all.suspend(|| line(&one_line(&text)));
                }
            }
            _ => {}
        }
    }

    fn bar(&self, phase: Phase) -> Option<&ProgressBar> {
        self.of_phases.iter().find(|(known, _)| *known == phase).map(|(_, bar)| bar)
    }

    /// What is said of a collection is said of its load.
    fn say(&self, message: &str) {
        if let Some(bar) = self.bar(Phase::Load) {
            bar.set_message(one_line(message));
        }
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
