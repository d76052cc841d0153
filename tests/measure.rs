// SPDX-License-Identifier: Apache-2.0
//! Bloom filters that real servers wrote, against the ids beside them.

use std::fs;
use std::path::Path;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;

use crate::support::fixtures::{self, INSTALLS};
use crate::truth::register;

/// The numbers that a query answers in its only row.
async fn numbers(install: &Path, sql: &str) -> Vec<i64> {
    let batches = register(install).await.sql(sql).await.unwrap().collect().await.unwrap();
    batches[0].columns().iter().map(|column| column.as_primitive::<Int64Type>().value(0)).collect()
}

const STATES: &str = "SELECT count(*) FILTER (WHERE state = 'ok'), count(*) FILTER (WHERE state = 'missing'),
    count(*) FILTER (WHERE missing_ids > 0 OR problem IS NOT NULL) FROM measure.bloom_filters";

#[tokio::test]
async fn every_live_id_is_in_the_bloom_filter_of_its_segment() {
    for name in INSTALLS {
        let install = fixtures::install(name);
        let live = numbers(&install, "SELECT count(*) FROM meta.segments").await[0];
        let with_filter =
            "SELECT count(*) FROM measure.directories WHERE state = 'live' AND has_bloom_filter";
        let with_filter = numbers(&install, with_filter).await[0];
        assert!(with_filter > 0, "{name}");
        assert_eq!(numbers(&install, STATES).await, [with_filter, live - with_filter, 0], "{name}");
    }
}

#[tokio::test]
async fn a_bloom_filter_of_another_segment_lacks_ids() {
    let [one, other] = ["1620000000417262000", "1620000003119972000"];
    for name in ["install-1.1.1", "install-1.0.0"] {
        let copy = fixtures::copy(name);
        let install = copy.path().join(name);
        let filter = |segment: &str| install.join("db/tables/float_l2").join(segment).join("bloom_filter");
        fs::copy(filter(one), filter(other)).unwrap();
        let of_other =
            format!("FROM measure.bloom_filters WHERE segment_id = '{other}' AND state = 'incomplete'");
        let missing = numbers(&install, &format!("SELECT missing_ids {of_other}")).await[0];
        assert!(missing > 180, "{name}: {missing} of 196");
        assert_eq!(numbers(&install, STATES).await[2], 1);
    }
}
