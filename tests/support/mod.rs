// SPDX-License-Identifier: Apache-2.0
//! What the tests share.

pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod fixtures;
pub(crate) mod hex;
#[path = "../../benches/support/install.rs"]
pub(crate) mod install;
pub(crate) mod kill;
#[path = "../../benches/support/large.rs"]
pub(crate) mod large;
pub(crate) mod place;
pub(crate) mod proxy;
mod segment;
pub(crate) mod services;
pub(crate) mod used;
