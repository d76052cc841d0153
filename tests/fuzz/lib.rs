// SPDX-License-Identifier: Apache-2.0
//! The functions that libFuzzer calls, one for each target. The test suite calls the same.

mod bodies {
    #[cfg(feature = "engine")]
    pub(crate) mod arrays;
    pub(crate) mod bloom_filter;
    pub(crate) mod database;
    pub(crate) mod deleted_docs;
    pub(crate) mod input;
    pub(crate) mod inventory;
    pub(crate) mod log;
    #[cfg(feature = "engine")]
    pub(crate) mod manifest;
    pub(crate) mod meta_file;
    pub(crate) mod meta_json;
    pub(crate) mod meta_rows;
    pub(crate) mod milvus_address;
    pub(crate) mod mysql_address;
    pub(crate) mod names;
    #[cfg(feature = "engine")]
    pub(crate) mod npy;
    #[cfg(feature = "engine")]
    pub(crate) mod npz;
    pub(crate) mod segment;
    pub(crate) mod storage_location;
    pub(crate) mod vectors;
    pub(crate) mod wal;
}

macro_rules! targets {
    ($($(#[$when:meta])* $name:ident)*) => {
        $($(#[$when])* #[doc = concat!("The target `", stringify!($name), "`.")]
        pub fn $name(data: &[u8]) {
            bodies::$name::run(data);
        })*
    };
}

targets! {
    bloom_filter deleted_docs log meta_file meta_json meta_rows milvus_address mysql_address names segment
    storage_location vectors wal
    #[cfg(feature = "engine")] manifest
    #[cfg(feature = "engine")] npy
    #[cfg(feature = "engine")] npz
}
