// SPDX-License-Identifier: Apache-2.0
//! One file for each command.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dump;
#[cfg(feature = "ballista")]
pub(crate) mod executor;
pub(crate) mod export;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod recover;
#[cfg(feature = "ballista")]
pub(crate) mod scheduler;
pub(crate) mod sql;
pub(crate) mod verify;
