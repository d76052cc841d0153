// SPDX-License-Identifier: Apache-2.0
//! Generated from the files in `proto/`.

#[expect(unreachable_pub, reason = "the generator makes everything public")]
#[expect(clippy::enum_variant_names, reason = "the names are the interface")]
pub(crate) mod common {
    tonic::include_proto!("milvus.proto.common");
}

#[expect(unreachable_pub, reason = "the generator makes everything public")]
#[expect(clippy::enum_variant_names, reason = "the names are the interface")]
pub(crate) mod schema {
    tonic::include_proto!("milvus.proto.schema");
}

#[expect(unreachable_pub, reason = "the generator makes everything public")]
#[expect(unused_qualifications, reason = "the generator names everything in full")]
pub(crate) mod milvus {
    tonic::include_proto!("milvus.proto.milvus");
}
