// SPDX-License-Identifier: Apache-2.0
//! `m2m recover`

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use m2m_catalog::{Metric, meta_json};
use m2m_datasource::recover::{Choices, Findings, Question, Report};
use m2m_migration::{META_FILE, refuse_dump};
use m2m_storage::Storage;

use crate::args::{Recover, metric_of_name};
use crate::error::{Error, Exit, Result};
use crate::output::note;
use crate::settings::{Access, Settings};

/// How often a question is put before the command gives up.
const TRIES: usize = 3;

/// Makes metadata from files alone, and writes it into the output folder.
pub(crate) async fn run(args: Recover, settings: &Settings) -> Result<Exit> {
    let mut choices = args.choices()?;
    let roots = settings.tables().await?;
    let target = settings.target(Access::Write).await?;
    refuse_dump(&target).await?;
    refuse_tables(&roots, &target)?;
    let path = target.child(META_FILE);
    let place = target.display(&path);
    if !args.overwrite && target.exists(&path).await? {
        let reason = format!("`{place}` is there already: `--overwrite` replaces it");
        return Err(Error::Setting { setting: "--out".into(), reason });
    }
    let findings = Findings::read(roots).await?;
    let questions = findings.questions(&choices)?;
    if !questions.is_empty() {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(unanswered(&questions));
        }
        choices = ask_user(questions, choices).await?;
    }
    let recovered = findings.recover(&settings.session()?, &choices).await?;
    let text = meta_json::write_with_notes(&recovered.inventory, recovered.report.lines())?;
    target.put_atomic(&path, text.into()).await?;
    let printed = write!(io::stdout().lock(), "{}", recovered.report);
    printed.map_err(|source| Error::Io { what: "write to standard output", source })?;
    if !settings.is_quiet() {
        let count = recovered.inventory.collections.len();
        note(&format!("wrote the metadata of {count} collections to {place}"))?;
    }
    for reason in reasons(&recovered.report) {
        note(reason)?;
    }
    Ok(exit(&recovered.report))
}

/// Why what was made cannot be relied on without another look.
fn reasons(report: &Report) -> impl Iterator<Item = &'static str> {
    let incomplete = "not complete: rows that no other segment has are left out; the report says which, and what brings them back or leaves them out on purpose";
    let doubtful = "in doubt: segments count that may be left over of merges; the report warns of them, and says what leaves them out or keeps them on purpose";
    [(report.is_incomplete, incomplete), (report.is_doubtful, doubtful)]
        .into_iter()
        .filter_map(|(is_so, reason)| is_so.then_some(reason))
}

fn exit(report: &Report) -> Exit {
    if reasons(report).next().is_some() { Exit::Different } else { Exit::Done }
}

/// A file of ours among those of the old server could be taken for one of its own.
fn refuse_tables(roots: &[Storage], target: &Storage) -> Result<()> {
    let location = target.display(target.prefix());
    let real = |path: &str| {
        let ancestors = Path::new(path).ancestors();
        let known = ancestors.filter_map(|folder| folder.canonicalize().ok()).next();
        known.unwrap_or_else(|| path.into())
    };
    for root in roots.iter().map(|root| root.display(root.prefix())) {
        let is_inside = match target.is_local() {
            true => real(&location).starts_with(real(&root)),
            false => Path::new(&location).starts_with(&root),
        };
        if is_inside {
            return Err(Error::Migration(m2m_migration::Error::InSource { location }));
        }
    }
    Ok(())
}

/// Says what has to be told, as it has to be typed.
fn unanswered(questions: &[Question]) -> Error {
    let mut reason =
        String::from("the files do not say whether these have float or binary vectors: add a metric of each");
    for question in questions {
        let (float, binary) = (Metric::L2.name(), Metric::Hamming.name());
        let first = if question.looks_binary == Some(true) { [binary, float] } else { [float, binary] };
        let [first, second] = first;
        let name = &question.collection;
        reason.push_str(&format!("\n  --metric {name}={first}    or {second}, …: {}", question.text()));
    }
    Error::Setting { setting: "--metric".into(), reason }
}

/// Asks at the terminal, on a thread that may wait.
async fn ask_user(questions: Vec<Question>, mut choices: Choices) -> Result<Choices> {
    let asked = tokio::task::spawn_blocking(move || {
        for question in &questions {
            let metric = ask(question, &mut io::stdin().lock(), &mut io::stderr().lock())?;
            choices.metrics.insert(question.collection.clone(), metric);
        }
        Ok(choices)
    });
    asked.await.map_err(|source| Error::Io { what: "ask", source: source.into() })?
}

fn ask(question: &Question, input: &mut impl BufRead, output: &mut impl Write) -> Result<Metric> {
    let failed = |source| Error::Io { what: "ask", source };
    writeln!(output, "{}: {}", question.collection, question.text()).map_err(failed)?;
    for _ in 0..TRIES {
        write!(output, "metric (L2 or IP; HAMMING, JACCARD, TANIMOTO, SUBSTRUCTURE or SUPERSTRUCTURE): ")
            .and_then(|()| output.flush())
            .map_err(failed)?;
        let mut answer = String::new();
        if input.read_line(&mut answer).map_err(failed)? == 0 {
            break;
        }
        if let Some(metric) = metric_of_name(&answer) {
            return Ok(metric);
        }
    }
    Err(unanswered(std::slice::from_ref(question)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question {
            collection: "pictures".into(),
            row_bytes: 64,
            float_dimension: 16,
            binary_dimension: 512,
            looks_binary: Some(true),
        }
    }

    fn asked(answers: &str) -> (Result<Metric>, String) {
        let mut output = Vec::new();
        let metric = ask(&question(), &mut answers.as_bytes(), &mut output);
        (metric, String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_question_is_put_until_it_is_answered() {
        let (metric, said) = asked("what?\n jaccard \n");
        assert_eq!(metric.unwrap(), Metric::Jaccard);
        assert!(said.starts_with("pictures: 64 bytes a row: 16 floats, or 512 bits"), "{said}");
        assert_eq!(said.matches("metric (").count(), 2);
    }

    #[test]
    fn without_an_answer_it_is_said_what_to_type() {
        for answers in ["", "a\nb\nc\nL2\n"] {
            let error = asked(answers).0.unwrap_err();
            assert!(error.to_string().contains("--metric pictures=HAMMING"), "{error}");
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn what_is_left_out_or_in_doubt_is_not_done() {
        for (is_incomplete, is_doubtful, words) in [
            (false, false, &[][..]),
            (true, false, &["not complete"]),
            (false, true, &["in doubt"]),
            (true, true, &["not complete", "in doubt"]),
        ] {
            let report = Report { is_incomplete, is_doubtful, ..Report::default() };
            let said: Vec<_> = reasons(&report).filter_map(|reason| reason.split(':').next()).collect();
            assert_eq!(said, words);
            assert_eq!(exit(&report), if words.is_empty() { Exit::Done } else { Exit::Different });
        }
    }

    #[test]
    fn nothing_is_written_among_the_segments() {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("tables");
        std::fs::create_dir(&tables).unwrap();
        let root = Storage::local(&tables).unwrap();
        for inside in ["tables", "tables/new/one"] {
            let target = Storage::local(&folder.path().join(inside)).unwrap();
            assert!(refuse_tables(std::slice::from_ref(&root), &target).is_err(), "{inside}");
        }
        for outside in ["", "tables2", "new"] {
            let target = Storage::local(&folder.path().join(outside)).unwrap();
            assert!(refuse_tables(std::slice::from_ref(&root), &target).is_ok(), "{outside}");
        }
    }
}
