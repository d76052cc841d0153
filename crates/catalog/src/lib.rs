//! m2m-catalog
