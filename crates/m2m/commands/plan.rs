// SPDX-License-Identifier: Apache-2.0
//! `m2m plan`

use crate::args::Plan;
use crate::error::{Error, Exit, Result};

/// Refuses: there is no plan to show yet.
pub(crate) fn run(_: &Plan) -> Result<Exit> {
    let reason = "a plan cannot be shown by this version".into();
    Err(Error::Setting { setting: "plan".into(), reason })
}
