//! m2m-sink
