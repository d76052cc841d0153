// SPDX-License-Identifier: Apache-2.0
//! One question, and its answer.

use std::error::Error;
use std::time::Instant;

use serde::Serialize;

use crate::audit::Severity;
use crate::target::said;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is wrong.
    Ok,
    /// Nothing stands in the way, but something should be known.
    Warned,
    /// A migration would fail, or lose something.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl State {
    /// The name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How serious it is.
    pub severity: Severity,
    /// What was found, in one line with its causes.
    pub message: String,
    /// What to do, where the message does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// One question that was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was looked at.
    pub step: &'static str,
    /// How it ended.
    pub state: State,
    /// How long it took.
    pub seconds: f64,
    /// What was found, or why it was not looked at.
    pub facts: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Step {
    /// A step that was not taken.
    #[must_use]
    pub fn skipped(step: &'static str, why: impl Into<String>) -> Self {
        Self { step, state: State::Skipped, seconds: 0.0, facts: vec![why.into()], problems: Vec::new() }
    }

    /// Whether a migration would fail.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.state == State::Failed
    }
}

/// A step that is being taken.
#[derive(Debug)]
pub struct Look {
    step: &'static str,
    since: Instant,
    facts: Vec<String>,
    problems: Vec<Problem>,
}

impl Look {
    /// Begins a step.
    #[must_use]
    pub fn at(step: &'static str) -> Self {
        Self { step, since: Instant::now(), facts: Vec::new(), problems: Vec::new() }
    }

    /// Something that was found.
    pub fn fact(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }

    /// Something that stands in the way.
    pub fn error(&mut self, error: &dyn Error) {
        self.problem(Severity::Error, said(error), None);
    }

    /// Something that is wrong.
    pub fn problem(&mut self, severity: Severity, message: impl Into<String>, remedy: Option<String>) {
        let problem = Problem { severity, message: message.into(), remedy };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Whether anything stands in the way so far.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether anything was found that should be known.
    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Ends the step.
    #[must_use]
    pub fn end(self) -> Step {
        let worst = self.problems.iter().map(|problem| problem.severity).min();
        let state = match worst {
            Some(Severity::Error) => State::Failed,
            Some(Severity::Warning) => State::Warned,
            Some(Severity::Note) | None => State::Ok,
        };
        let Self { step, since, facts, problems } = self;
        Step { step, state, seconds: since.elapsed().as_secs_f64(), facts, problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(found: &[Severity]) -> State {
        let mut look = Look::at("a");
        for severity in found {
            look.problem(*severity, "b", None);
        }
        look.end().state
    }

    #[test]
    fn the_worst_that_was_found_decides() {
        use Severity::{Error, Note, Warning};
        assert_eq!(ended(&[]), State::Ok);
        assert_eq!(ended(&[Note]), State::Ok);
        assert_eq!(ended(&[Note, Warning]), State::Warned);
        assert_eq!(ended(&[Warning, Error, Note]), State::Failed);
    }

    #[test]
    fn a_problem_is_told_once_with_its_causes() {
        let mut look = Look::at("a");
        let cause = std::io::Error::other("too many links");
        for _ in 0..2 {
            look.error(&m2m_storage::Error::FolderNotReadable {
                folder: "/x".into(),
                source: std::io::Error::other(cause.to_string()),
            });
        }
        let step = look.end();
        assert_eq!(step.problems.len(), 1);
        assert!(step.problems[0].message.ends_with("may be read: too many links"), "{step:?}");
    }
}
