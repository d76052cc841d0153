// SPDX-License-Identifier: Apache-2.0

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::physical_plan::displayable;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

use super::*;
use crate::testing::{Then, input, rows};

/// A session with a table `t` of two files and one partition.
async fn session() -> (tempfile::TempDir, SessionContext) {
    let folder = tempfile::tempdir().unwrap();
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    for name in ["a", "b"] {
        let path = folder.path().join(format!("{name}.parquet"));
        let numbers = ctx.sql("SELECT value AS n FROM generate_series(1, 9)").await.unwrap();
        numbers.write_parquet(path.to_str().unwrap(), DataFrameWriteOptions::new(), None).await.unwrap();
    }
    let place = folder.path().to_str().unwrap();
    ctx.register_parquet("t", place, ParquetReadOptions::default()).await.unwrap();
    (folder, ctx)
}

async fn plan(ctx: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

#[tokio::test]
async fn filters_and_projections_of_a_scan_keep_its_order() {
    let (_folder, ctx) = session().await;
    for sql in [
        "SELECT * FROM t",
        "SELECT n FROM t WHERE n % 2 = 0",
        "SELECT n + 1 AS m, abs(n) AS a FROM t WHERE n > 3 AND n <> 5",
        "SELECT m * 2 FROM (SELECT n + 1 AS m FROM t WHERE n > 1) WHERE m < 7",
    ] {
        let plan = plan(&ctx, sql).await;
        assert!(keeps_source_order(&plan), "{}", displayable(plan.as_ref()).indent(false));
    }
}

#[tokio::test]
async fn everything_else_does_not() {
    let (_folder, ctx) = session().await;
    for sql in [
        "SELECT n FROM t ORDER BY n % 3",
        "SELECT DISTINCT n FROM t",
        "SELECT max(n) FROM t GROUP BY n % 3",
        "SELECT a.n FROM t a JOIN t b ON a.n = b.n",
        "SELECT n FROM t WHERE n IN (SELECT n FROM t WHERE n > 3)",
        "SELECT n FROM t WHERE n > (SELECT avg(n) FROM t)",
        "SELECT n FROM t UNION ALL SELECT n FROM t",
        "SELECT n, row_number() OVER () FROM t",
        "SELECT * FROM (VALUES (1), (2))",
        "SELECT n FROM t WHERE random() < 0.5",
        "SELECT n, uuid() FROM t",
        "SELECT n + random() FROM t WHERE n > 2",
    ] {
        let plan = plan(&ctx, sql).await;
        assert!(!keeps_source_order(&plan), "{}", displayable(plan.as_ref()).indent(false));
    }
    assert!(!keeps_source_order(&input(vec![vec![rows("7", 0..3)]], Then::End)));
}

#[tokio::test]
async fn files_that_another_partition_may_read_have_no_order() {
    let (_folder, ctx) = session().await;
    let scan = plan(&ctx, "SELECT * FROM t").await;
    let source = scan.downcast_ref::<DataSourceExec>().unwrap().data_source();
    let config: &FileScanConfig = source.downcast_ref().unwrap();
    let files = config.file_groups.iter().flat_map(|group| group.files().to_vec());
    let groups: Vec<_> = files.map(|file| FileGroup::new(vec![file])).collect();
    assert_eq!(groups.len(), 2);
    for is_in_place in [false, true] {
        let config = FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups.clone())
            // The files say that they are sorted, which they then have to stay.
            .with_output_ordering(vec![])
            .with_preserve_order(is_in_place)
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        assert_eq!(keeps_source_order(&scan), is_in_place);
    }
}
