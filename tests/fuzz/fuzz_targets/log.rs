// SPDX-License-Identifier: Apache-2.0
#![no_main]

#[path = "../bodies"]
mod bodies {
    #[allow(dead_code)]
    pub(crate) mod log;
    #[allow(dead_code)]
    pub(crate) mod database;
    #[allow(dead_code)]
    pub(crate) mod input;
    #[allow(dead_code)]
    pub(crate) mod inventory;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::log::run(data));
