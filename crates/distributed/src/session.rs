// SPDX-License-Identifier: Apache-2.0
//! How sessions are set where plans are made, cut and run.

use std::sync::Arc;

use ballista_core::config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::prelude::SessionConfig;
use m2m_datasource::{SessionOptions, functions, session};

use crate::error::Result;

/// Bytes of a message: a plan has a few hundred bytes for each segment that it reads.
pub(crate) const MESSAGE_BYTES: u32 = 512 << 20;

/// The settings of a session whose plans are cut into stages.
pub(crate) fn for_plans(config: SessionConfig) -> SessionConfig {
    // A task is one partition: what writes for minutes is spread over all executors.
    let config = config.upgrade_for_ballista().set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, 1);
    // Subqueries are answered before their statement is sent; as joins they cannot stand everywhere.
    config.set_bool("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", true)
}

/// The settings of a session, as another process takes them.
pub(crate) fn default_config() -> SessionConfig {
    SessionConfig::new_with_ballista()
}

/// Returns a state with the functions that plans may have.
pub(crate) fn state(config: SessionConfig) -> Result<SessionState> {
    let known = session(SessionOptions::default())?.state();
    let mut state = SessionStateBuilder::new_from_existing(known).with_config(config).build();
    for function in functions::of_plans() {
        state.register_udf(function)?;
    }
    Ok(state)
}

/// The functions that plans may have.
pub(crate) fn functions() -> Result<Arc<BallistaFunctionRegistry>> {
    Ok(Arc::new(BallistaFunctionRegistry::from(&state(default_config())?)))
}
