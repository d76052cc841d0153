// SPDX-License-Identifier: Apache-2.0

//! Statements that write files, whole or not at all.
//!
//! The engine's own writers end the files that they began when a query fails, and
//! what is cut off then reads as complete. So every sink writes to a [`Stage`](stage::Stage):
//!
//! ```text
//!  rule    puts a sink of ours around the sink of each plan
//!  sink    runs that sink with a context whose stores are ours, then decides
//!  store   sends parts as ever, and has the stage hold what would make a file visible
//!  stage   the files of one statement ─► all are made visible, or all are taken back
//! ```

mod file;
mod rule;
mod sink;
mod stage;
mod store;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;

use datafusion::execution::{SessionState, SessionStateBuilder};

use self::rule::WholeFiles;

/// Has all statements of a session leave whole files or none.
pub(crate) fn register(state: &mut SessionState) {
    if state.physical_optimizers().iter().any(|rule| rule.name() == rule::NAME) {
        return;
    }
    let (session_id, config) = (state.session_id().to_owned(), state.config().clone());
    *state = SessionStateBuilder::new_from_existing(state.clone())
        .with_session_id(session_id)
        .with_physical_optimizer_rule(Arc::new(WholeFiles))
        .build();
    // The builder turned off what it found done.
    *state.config_mut() = config;
}
