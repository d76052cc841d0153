// SPDX-License-Identifier: Apache-2.0
//! Plans of m2m on an Apache DataFusion Ballista cluster.
//!
//! A plan is made by the process that was asked, and run by others: a scheduler cuts it into
//! stages where rows must change partitions, and executors run a stage's partitions as tasks.
//!
//! ```text
//! m2m dump --cluster URL ──plan──▶ m2m scheduler ──tasks──▶ m2m executor (any number)
//!          ◀──written files────────────────────────────────        │
//!                                    tables folder ◀──reads─────────┤
//!                                    import files  ◀──writes────────┘
//! ```
//!
//! * [`Cluster`] is the scheduler as a client sees it, and an
//!   [`Engine`](m2m_datasource::Engine) for sessions: whatever reads segments or files is sent,
//!   what reads nothing (metadata, `SELECT 1`) is run here, and so is what writes to files of this
//!   process. Small tables that only this process can read (metadata, databases, what was
//!   measured) travel with the plan.
//! * [`PlanCodec`] turns our plan nodes into bytes and back. They are values: no credentials are
//!   among them. Executors find object stores by their own configuration, and write only below the
//!   place that it names.
//! * A task that fails because its executor is gone is run again elsewhere. Files are written where
//!   they are named after the rows that are in them, and appear when they are complete: a task that
//!   is run twice leaves one and the same file. Rows of a query that come in any order are written
//!   by the client. What was written is told by the run that came to its end.
//! * Results are handed over when a job has ended. A dump is therefore one job for each file set:
//!   its progress and its journal are as exact as without a cluster.
//!
//! Scheduler and executors know neither passwords nor encryption of their own: everyone who
//! reaches their ports can have plans run. They belong into a network that is trusted.

mod client;
mod cluster;
mod codec;
mod error;
mod executor;
mod job;
mod local;
mod matched;
mod node;
mod order;
mod place;
mod refused;
mod scheduler;
mod session;
mod stages;
mod stores;
mod subquery;
mod told;
mod watched;

pub use cluster::Cluster;
pub use codec::{PlanCodec, WritesBelow};
pub use error::{Error, Result};
pub use executor::{ExecutorOptions, run_executor};
pub use node::ClusterExec;
pub use scheduler::{SchedulerOptions, run_scheduler};
pub use told::Told;
