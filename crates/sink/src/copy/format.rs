// SPDX-License-Identifier: Apache-2.0

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{GetExt, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use object_store::{ObjectMeta, ObjectStore};

use super::column::CopyColumn;
use super::sink::NpySink;
use super::target::Target;
use super::unread::Unread;
use crate::{Error, OutputStorages};

const EXTENSION: &str = "npy";

/// Makes the format for each statement.
#[derive(Debug)]
pub(super) struct NpyFormatFactory;

/// NumPy arrays as a format to write.
#[derive(Debug)]
struct NpyFormat;

impl GetExt for NpyFormatFactory {
    fn get_ext(&self) -> String {
        EXTENSION.to_owned()
    }
}

impl FileFormatFactory for NpyFormatFactory {
    fn create(
        &self,
        _state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> DFResult<Arc<dyn FileFormat>> {
        // The engine puts a prefix before the names.
        let unknown = options.keys().map(|option| option.strip_prefix("format.").unwrap_or(option));
        match unknown.min() {
            None => Ok(Arc::new(NpyFormat)),
            Some(option) => {
                let reason = format!("there is no option `{option}`, nor any other");
                Err(Error::CopyUnsupported { reason }.into())
            }
        }
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(NpyFormat)
    }
}

/// What is said when a table is made over this format.
pub(super) fn not_readable() -> DataFusionError {
    let reason = "this format writes `.npy` files, `COPY … TO … STORED AS NPY`; it does not read them";
    DataFusionError::NotImplemented(reason.to_owned())
}

#[async_trait]
impl FileFormat for NpyFormat {
    fn get_ext(&self) -> String {
        EXTENSION.to_owned()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> DFResult<String> {
        match compression.is_compressed() {
            false => Ok(self.get_ext()),
            true => {
                let reason = "a `.npy` file is not compressed".to_owned();
                Err(Error::CopyUnsupported { reason }.into())
            }
        }
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        None
    }

    async fn infer_schema(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        _objects: &[ObjectMeta],
    ) -> DFResult<SchemaRef> {
        Err(not_readable())
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        _table_schema: SchemaRef,
        _object: &ObjectMeta,
    ) -> DFResult<Statistics> {
        Err(not_readable())
    }

    async fn create_physical_plan(
        &self,
        _state: &dyn Session,
        _config: FileScanConfig,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        Err(not_readable())
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        config: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        check(&input, &config)?;
        let target = Target::of_config(&config)?;
        let columns = CopyColumn::of_schema(&config.output_schema)?;
        target.check(&columns)?;
        // What is wrong with the place is said before a row is read.
        target.open(state.config().get_extension::<OutputStorages>().as_deref(), &columns)?;
        let rows = rows_at_most(input.as_ref());
        let sink = NpySink::new(target, config.output_schema, columns, rows);
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(Unread::new(table_schema))
    }
}

fn check(input: &Arc<dyn ExecutionPlan>, config: &FileSinkConfig) -> Result<(), Error> {
    let reason = if config.insert_op != InsertOp::Append {
        "rows cannot be replaced in place"
    } else if !config.table_partition_cols.is_empty() {
        "`PARTITIONED BY` is for tables; an array is one file"
    } else if config.output_schema.fields().is_empty() {
        "the query has no column"
    } else if input.properties().boundedness.is_unbounded() {
        "the query never ends"
    } else {
        return Ok(());
    };
    Err(Error::CopyUnsupported { reason: reason.to_owned() })
}

/// The rows that statistics expect, which filters only make fewer.
fn rows_at_most(input: &dyn ExecutionPlan) -> Option<u64> {
    let statistics = StatisticsContext::new().compute(input, &StatisticsArgs::new()).ok()?;
    let rows = statistics.num_rows.get_value()?;
    u64::try_from(*rows).ok()
}
