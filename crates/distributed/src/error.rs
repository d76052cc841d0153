// SPDX-License-Identifier: Apache-2.0
//! What can go wrong on a cluster.

use datafusion::error::DataFusionError;

use crate::told::Told;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a plan was not run, or a part of a cluster does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of a scheduler is none.
    #[error("expected the address of a scheduler as `host:port` or `http://host:port`, found `{found}`")]
    Address {
        /// What was given.
        found: String,
    },
    /// An address to listen at is none.
    #[error("expected an address to listen at as `IP:PORT`, found `{found}`")]
    Listen {
        /// What was given.
        found: String,
    },
    /// The scheduler cannot be reached.
    #[error("cannot reach the scheduler at {url}; is `m2m scheduler` running there?")]
    Unreachable {
        /// The scheduler.
        url: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// Nobody is there to run tasks.
    #[error("the scheduler at {url} has no executors: start some with `m2m executor`")]
    NoExecutors {
        /// The scheduler.
        url: String,
    },
    /// The scheduler was asked something and did not answer, or refused.
    #[error("the scheduler at {url} did not {what}: {message}")]
    Call {
        /// The scheduler.
        url: String,
        /// What it was asked to do.
        what: &'static str,
        /// What it said.
        message: String,
    },
    /// The plan cannot be read by the scheduler.
    #[error("the scheduler at {url} cannot run the plan: {message}")]
    Refused {
        /// The scheduler.
        url: String,
        /// What it said.
        message: String,
    },
    /// A job failed.
    #[error("job {job} failed on the cluster")]
    Failed {
        /// The job's id on the scheduler.
        job: String,
        /// Why.
        source: Told,
    },
    /// The scheduler does not know a job that it took.
    #[error(
        "the scheduler at {url} knows nothing of job {job} any more: was it started again? Give the same command again"
    )]
    Forgotten {
        /// The job's id on the scheduler.
        job: String,
        /// The scheduler.
        url: String,
    },
    /// A job was cancelled, by another one than this process.
    #[error("job {job} was cancelled on the cluster")]
    Cancelled {
        /// The job's id on the scheduler.
        job: String,
    },
    /// The rows of a job that ended cannot be had.
    #[error("cannot fetch the rows of job {job} from executor {executor}")]
    Fetch {
        /// The job's id on the scheduler.
        job: String,
        /// The executor that has them.
        executor: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table that only this process can read is too large to travel.
    #[error(
        "`{what}` has more than {most} MiB and can be read by this process alone: write its rows to Parquet files that the executors reach, and read those"
    )]
    TooLarge {
        /// The plan node.
        what: String,
        /// What may travel.
        most: usize,
    },
    /// Bytes that should be a plan node are none.
    #[error(
        "cannot read a node of a plan: {reason}; do client, scheduler and executors have the same version?"
    )]
    Node {
        /// What was found.
        reason: String,
    },
    /// A plan reads segments that this executor does not know.
    #[error(
        "this executor reads other segments: start it with the same `--tables` (or `--install`) as the command, in the same words"
    )]
    OtherSegments,
    /// A plan writes other files than ours.
    #[error("this executor writes import files, and no others")]
    OtherFiles,
    /// A plan asks for writing where this executor must not.
    #[error("this executor does not write to `{wanted}`: {may}")]
    Forbidden {
        /// Where the plan wants to write.
        wanted: String,
        /// Where it may.
        may: String,
    },
    /// A part of the cluster cannot run.
    #[error("the {part} ended: {message}")]
    Ended {
        /// `scheduler` or `executor`.
        part: &'static str,
        /// Why.
        message: String,
    },
    /// A folder for what tasks hand over cannot be made.
    #[error("cannot make a folder for the rows that tasks hand over")]
    WorkFolder(#[source] std::io::Error),
    /// Plans that came from a client cannot be run by a session.
    #[error(transparent)]
    Session(#[from] m2m_datasource::Error),
    /// The query engine.
    #[error(transparent)]
    Engine(#[from] DataFusionError),
}

impl Error {
    /// Whether the rows were there, and an executor that had them is gone.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Fetch { .. })
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        match error {
            Error::Engine(error) => error,
            error => Self::External(Box::new(error)),
        }
    }
}
