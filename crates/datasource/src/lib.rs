//! m2m-datasource
