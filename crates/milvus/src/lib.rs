//! m2m-milvus
