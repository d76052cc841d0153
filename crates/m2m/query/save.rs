// SPDX-License-Identifier: Apache-2.0
//! Results as data files: what `COPY` does, and none is left half-written.

use std::collections::HashMap;
use std::path::Path;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::datasource::file_format::format_as_file_type;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use url::Url;

use super::place::{InMaking, Target};
use super::runner::apart;
use crate::args::Format;
use crate::error::{Error, Result};

/// Writes the rows of a plan to a path or a URL and returns how many there were.
pub(super) async fn save(
    ctx: &SessionContext,
    rows: LogicalPlan,
    place: &str,
    format: Format,
) -> Result<usize> {
    // NumPy files and objects of a bucket get their names when they are whole.
    if format == Format::Npy || place.contains("://") {
        return copy(ctx, rows, place, format).await;
    }
    let failed = |source| Error::WriteRows { place: place.into(), source };
    let Target::File(path) = Target::of(Path::new(place)).map_err(failed)? else {
        let reason = format!("{format} needs a regular file, and this is a device or a pipe");
        return Err(Error::Setting { setting: format!("-o {place}"), reason });
    };
    let making = InMaking::begin(path, &format!(".{format}")).map_err(failed)?;
    // As a URL: the engine would take `*`, `?` and `[` in a path for a pattern.
    let url = Url::from_file_path(making.path());
    let url = url.map_err(|()| failed(std::io::ErrorKind::InvalidFilename.into()))?;
    let count = copy(ctx, rows, url.as_str(), format).await?;
    making.finish().map_err(failed)?;
    Ok(count)
}

async fn copy(ctx: &SessionContext, rows: LogicalPlan, place: &str, format: Format) -> Result<usize> {
    let name = match format {
        // The engine's JSON has one object a line.
        Format::Ndjson => "json".into(),
        other => other.to_string(),
    };
    let factory = ctx.state().get_file_format_factory(&name);
    let factory =
        factory.ok_or_else(|| DataFusionError::Internal(format!("the session cannot write {name}")))?;
    let plan = LogicalPlanBuilder::copy_to(
        rows,
        place.into(),
        format_as_file_type(factory),
        HashMap::new(),
        Vec::new(),
    )?;
    let answer = apart(ctx.execute_logical_plan(plan.build()?).await?).await?;
    let answer: Vec<RecordBatch> = answer.try_collect().await?;
    let counts = answer.iter().filter_map(|batch| batch.column(0).as_primitive_opt::<UInt64Type>());
    let count: u64 = counts.flat_map(|counts| counts.values().iter().copied()).sum();
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
