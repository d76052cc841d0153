//! m2m-storage
