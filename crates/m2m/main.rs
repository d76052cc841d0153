// SPDX-License-Identifier: Apache-2.0
//! The `m2m` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    m2m::run(std::env::args_os())
}
