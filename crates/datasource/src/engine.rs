// SPDX-License-Identifier: Apache-2.0
//! Where the plans of a session run.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result as DFResult;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Name of the optimizer rule that has plans run elsewhere.
const RULE: &str = "place";

/// Runs plans elsewhere than in this process.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Returns a plan that gives the rows of `plan` and has as much of it run elsewhere as
    /// can be: what writes to this process's files, and what reads nothing, stays here.
    ///
    /// # Errors
    ///
    /// When the plan has parts that cannot be run elsewhere, nor here beside the others.
    fn place(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>>;
}

/// Where the plans of a session run: an extension of the session.
#[derive(Clone, Debug)]
pub struct RemoteEngine(Arc<dyn Engine>);

impl RemoteEngine {
    /// Returns where the plans of a session run, when that is not this process.
    #[must_use]
    pub fn of(config: &SessionConfig) -> Option<Arc<Self>> {
        config.get_extension::<Self>()
    }

    /// Has a plan run there that no statement has made. See [`Engine::place`].
    ///
    /// # Errors
    ///
    /// Those of [`Engine::place`].
    pub fn place(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.0.place(plan)
    }

    /// Returns a session whose statements run there.
    pub(crate) fn session(self: &Arc<Self>, ctx: &SessionContext) -> SessionContext {
        let mut state = ctx.state();
        state.config_mut().set_extension(Arc::clone(self));
        // The last rule: what is sent away is what would have run here.
        let placing = Arc::new(Place(Arc::clone(self)));
        let builder = SessionStateBuilder::new_from_existing(state).with_physical_optimizer_rule(placing);
        SessionContext::new_with_state(builder.build())
    }
}

/// Returns a session whose statements run on an engine.
#[must_use]
pub fn running_on(ctx: &SessionContext, engine: Arc<dyn Engine>) -> SessionContext {
    Arc::new(RemoteEngine(engine)).session(ctx)
}

/// Returns a session that plans as this one does, and leaves it to who asked where plans run.
#[must_use]
pub fn planning_here(state: SessionState) -> SessionState {
    let rules = state.physical_optimizers().iter().filter(|rule| rule.name() != RULE).cloned().collect();
    SessionStateBuilder::new_from_existing(state).with_physical_optimizer_rules(rules).build()
}

#[derive(Debug)]
struct Place(Arc<RemoteEngine>);

impl PhysicalOptimizerRule for Place {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.0.place(plan)
    }

    fn name(&self) -> &str {
        RULE
    }

    fn schema_check(&self) -> bool {
        true
    }
}
