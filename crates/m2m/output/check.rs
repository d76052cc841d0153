// SPDX-License-Identifier: Apache-2.0
//! A preflight for people: a line for each step, and below it what is wrong and what to do.

use m2m_migration::audit::Severity;
use m2m_migration::check::{State, Step};

use super::words::{counted, one_line};

/// One step.
pub(crate) fn step(step: &Step) -> String {
    let took = if step.state == State::Skipped { String::new() } else { format!("{:.1} s", step.seconds) };
    let mut text = format!("{:<8}  {:<17} {took:>7}  ", step.state.name(), step.step);
    text.push_str(&one_line(&step.facts.join("; ")));
    text.truncate(text.trim_end().len());
    text.push('\n');
    for problem in &step.problems {
        let word = if problem.severity == Severity::Note { "note: " } else { "" };
        text.push_str(&format!("{:10}{word}{}\n", "", one_line(&problem.message)));
        if let Some(remedy) = &problem.remedy {
            text.push_str(&format!("{:10}remedy: {}\n", "", one_line(remedy)));
        }
    }
    text
}

/// What it comes to.
pub(crate) fn verdict(steps: &[Step]) -> String {
    let of = |state| steps.iter().filter(|step| step.state == state).count() as u64;
    let words = match (of(State::Failed), of(State::Warned)) {
        (0, 0) => "nothing stands in the way".to_owned(),
        (0, _) => "nothing stands in the way, with warnings".to_owned(),
        (failed, _) => format!("{} failed", counted(failed, "step")),
    };
    match of(State::Skipped) {
        0 => format!("{words}\n"),
        skipped => format!("{words}; {} skipped\n", counted(skipped, "step")),
    }
}
