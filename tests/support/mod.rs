// SPDX-License-Identifier: Apache-2.0
//! What the tests share.

pub(crate) mod command;
pub(crate) mod fixtures;
#[path = "../../benches/support/install.rs"]
pub(crate) mod install;
pub(crate) mod services;
