//! m2m-migration
