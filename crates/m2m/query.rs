// SPDX-License-Identifier: Apache-2.0
//! Statements and their results: what `m2m sql` and its shell have in common.
//!
//! [`Runner`] takes scripts, `fault` says what is wrong with one, `output` is
//! where rows go, `rows` writes them as text and `save` as data files; `prepare`
//! takes apart what a migration is told to query.

mod fault;
mod files;
mod guard;
mod interactive;
mod output;
mod place;
mod prepare;
mod rows;
mod runner;
mod save;

pub(crate) use fault::Fault;
pub(crate) use output::Output;
pub(crate) use place::{check_place, write_whole};
pub(crate) use prepare::{check_condition, plan, run as run_before, split};
pub(crate) use runner::{Runner, Script};
