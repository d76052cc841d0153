// SPDX-License-Identifier: Apache-2.0
#![no_main]

#[path = "../bodies"]
mod bodies {
    #[allow(dead_code)]
    pub(crate) mod storage_location;
    #[allow(dead_code)]
    pub(crate) mod input;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::storage_location::run(data));
