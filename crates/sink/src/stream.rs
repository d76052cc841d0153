// SPDX-License-Identifier: Apache-2.0

//! Import files of any query: how many rows there are is known last.

mod column;
mod encode;
mod finished;
mod group;
mod options;
mod parquet;
mod rows;
mod set;
#[cfg(test)]
mod tests;
mod text;
mod write_exec;
mod writer;

pub use self::options::{FieldKind, ImportField, ImportFormat, SetNaming, StreamWriteOptions};
pub use self::write_exec::StreamWriteExec;
