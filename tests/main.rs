// SPDX-License-Identifier: Apache-2.0
//! The integration tests of m2m, one binary for all of them: whatever links
//! DataFusion is large and slow to link.

mod cli;
mod config;
mod damage;
mod deletes;
mod dropin;
mod faults;
mod house;
mod milvus;
mod numpy;
mod slt;
mod support;
mod truth;
