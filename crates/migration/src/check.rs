// SPDX-License-Identifier: Apache-2.0
//! Whether a migration can begin, answered in seconds and before anything is moved.
//!
//! | part | its steps |
//! |---|---|
//! | [`SourceCheck`] | the metadata, the headers of all segments, the write-ahead log, the old server |
//! | [`check_files`] | the place of the import files: writing, reading, listing, removing; its room; what lies there |
//! | [`check_server`] | Milvus 2.x: the database, and each selected collection |
//! | [`probe()`] | one row, all the way: written, imported, counted, and removed again |
//!
//! Each [`Step`] answers one question. One that fails ends none of the others
//! that do not depend on it, and says what to do.
//!
//! What a probe makes is removed however it ends, also when it is dropped
//! half-way, as long as the runtime goes on. Nothing else is written.

mod files;
mod probe;
mod room;
mod scratch;
mod server;
mod source;
mod step;

pub use files::check_files;
pub use probe::probe;
pub use scratch::let_probes_end;
pub use server::check_server;
pub use source::SourceCheck;
pub use step::{Look, Problem, State, Step};
