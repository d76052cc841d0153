//! m2m-segment
