// SPDX-License-Identifier: Apache-2.0
//! Compiles the protocol files without `protoc`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    // Asked while it runs: a build that was kept may have been compiled elsewhere.
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", folder.display());
    let descriptors = protox::compile(["milvus.proto"], [&folder])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
