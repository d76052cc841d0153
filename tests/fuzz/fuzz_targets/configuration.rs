// SPDX-License-Identifier: Apache-2.0
//! The text of a `migration.yaml`. The program links DataFusion, so what reads its
//! configuration is compiled here by itself.
#![no_main]

#[expect(dead_code, reason = "the program uses the rest of it")]
#[path = "../../../crates/m2m/nearest.rs"]
mod nearest;

#[expect(dead_code, reason = "the program uses the rest of it")]
#[path = "../../../crates/m2m/config"]
mod config {
    pub(crate) mod file;
    pub(crate) mod keys;
    mod names;
    mod value;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match config::file::read(text) {
        Ok(settings) => {
            for (slot, value) in settings {
                assert!(!format!("{slot} {value:?}").is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
