// SPDX-License-Identifier: Apache-2.0
//! Plan nodes as bytes.
//!
//! A node of ours begins with four bytes that no message of Ballista begins with; all others are
//! handed on to Ballista's own codec. Unknown nodes are errors of either, never guesses.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::from_proto::parse_protobuf_file_scan_config;
use datafusion_proto::physical_plan::to_proto::serialize_file_scan_config;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{FileScanExecConf, PhysicalExprNode};
use m2m_datasource::measure::TallyExec;
use m2m_datasource::{ScanValues, SegmentSource};
use m2m_sink::{NpyWriteExec, NpyWriteOptions, StreamWriteExec, StreamWriteOptions};
use object_store::path::Path;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Result};
use crate::refused::RefusedExec;

/// What the bytes of a node of ours begin with: field 9 of a message as a 64-bit number, which
/// Ballista's messages do not have, and a version of this format.
const MAGIC: [u8; 4] = *b"Im2\x01";

/// A part of a store that an executor may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WritesBelow {
    base_url: Url,
    prefix: Path,
}

impl WritesBelow {
    /// Returns the part of a store below a prefix.
    #[must_use]
    pub fn new(base_url: Url, prefix: Path) -> Self {
        Self { base_url, prefix }
    }
}

/// Turns plan nodes into bytes and back.
#[derive(Debug, Default)]
pub struct PlanCodec {
    others: BallistaPhysicalExtensionCodec,
    /// Where plans that are decoded may write; who does not run them does not look.
    writes: Option<Writes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Writes {
    Nowhere,
    Below(WritesBelow),
}

/// A node of ours.
#[derive(Clone, PartialEq, Message)]
struct Node {
    /// What it is.
    #[prost(enumeration = "Kind", tag = "1")]
    kind: i32,
    /// Its values in JSON.
    #[prost(bytes = "vec", tag = "2")]
    values: Vec<u8>,
    /// Of a scan, the part that all scans of files have.
    #[prost(message, optional, tag = "3")]
    scan: Option<FileScanExecConf>,
    /// Of a scan, which rows pass.
    #[prost(message, optional, tag = "4")]
    predicate: Option<PhysicalExprNode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Unknown = 0,
    /// [`DataSourceExec`] of a [`SegmentSource`], with [`ScanValues`].
    SegmentScan = 1,
    /// [`NpyWriteExec`], with its options.
    NpyWrite = 2,
    /// [`StreamWriteExec`], with its options.
    StreamWrite = 3,
    /// [`TallyExec`], which has no values.
    Tally = 4,
}

impl PlanCodec {
    /// Returns the codec of an executor, which refuses plans that write elsewhere.
    #[must_use]
    pub fn of_executor(writes_below: Option<WritesBelow>) -> Self {
        let writes = Some(writes_below.map_or(Writes::Nowhere, Writes::Below));
        Self { others: BallistaPhysicalExtensionCodec::default(), writes }
    }

    /// Makes sure that a plan may write below a prefix of a store.
    fn check_writes(&self, base_url: &Url, prefix: &Path) -> Result<()> {
        let place = |url: &Url, prefix: &Path| match url.scheme() {
            "file" => format!("/{prefix}"),
            _ => format!("{}/{prefix}", url.as_str().trim_end_matches('/')),
        };
        let may = match &self.writes {
            None => return Ok(()),
            Some(Writes::Below(below)) => {
                let is_same =
                    below.base_url.as_str().trim_end_matches('/') == base_url.as_str().trim_end_matches('/');
                if is_same && prefix.prefix_matches(&below.prefix) {
                    return Ok(());
                }
                format!("it was started to write below `{}`", place(&below.base_url, &below.prefix))
            }
            Some(Writes::Nowhere) => "it was started without `--out`".into(),
        };
        Err(Error::Forbidden { wanted: place(base_url, prefix), may })
    }
}

/// The scan of segments that a node is, if it is one.
pub(crate) fn segment_scan(node: &dyn ExecutionPlan) -> Option<(&FileScanConfig, &SegmentSource)> {
    let scan = node.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
    Some((scan, scan.file_source().downcast_ref::<SegmentSource>()?))
}

impl Node {
    fn of_values(kind: Kind, values: &impl Serialize) -> DFResult<Self> {
        let values = serde_json::to_vec(values).map_err(external)?;
        Ok(Self { kind: kind.into(), values, scan: None, predicate: None })
    }

    fn of_plan(
        plan: &dyn ExecutionPlan,
        codec: &PlanCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DFResult<Option<Self>> {
        if let Some(write) = plan.downcast_ref::<NpyWriteExec>() {
            return Self::of_values(Kind::NpyWrite, write.options()).map(Some);
        }
        if let Some(write) = plan.downcast_ref::<StreamWriteExec>() {
            return Self::of_values(Kind::StreamWrite, write.options()).map(Some);
        }
        if plan.is::<TallyExec>() {
            return Self::of_values(Kind::Tally, &()).map(Some);
        }
        let Some((scan, source)) = segment_scan(plan) else { return Ok(None) };
        let values = source.values(scan);
        let mut conf = serialize_file_scan_config(scan, codec, converter)?;
        conf.object_store_url = values.store_url(&scan.object_store_url)?.to_string();
        let predicate = source.filter();
        let predicate =
            predicate.map(|predicate| converter.physical_expr_to_proto(&predicate, codec)).transpose()?;
        Ok(Some(Self { scan: Some(conf), predicate, ..Self::of_values(Kind::SegmentScan, &values)? }))
    }

    fn values<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.values).map_err(|error| Error::Node { reason: error.to_string() })
    }

    fn plan(
        &self,
        inputs: &[Arc<dyn ExecutionPlan>],
        codec: &PlanCodec,
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        match self.kind() {
            Kind::SegmentScan => self.segment_scan(codec, context, converter),
            Kind::NpyWrite => {
                let options: NpyWriteOptions = self.values()?;
                let allowed = codec.check_writes(&options.base_url, &options.prefix);
                allowed_or_refused(Arc::new(NpyWriteExec::try_new(only(inputs)?, options)?), allowed)
            }
            Kind::StreamWrite => {
                let options: StreamWriteOptions = self.values()?;
                let allowed = codec.check_writes(&options.base_url, &options.prefix);
                allowed_or_refused(Arc::new(StreamWriteExec::try_new(only(inputs)?, options)?), allowed)
            }
            Kind::Tally => Ok(Arc::new(TallyExec::new(only(inputs)?))),
            Kind::Unknown => Err(Error::Node { reason: format!("kind {} is not known", self.kind) }.into()),
        }
    }

    fn segment_scan(
        &self,
        codec: &PlanCodec,
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let missing = || Error::Node { reason: "a scan has no files".into() };
        let conf = self.scan.as_ref().ok_or_else(missing)?;
        let values: ScanValues = self.values()?;
        let context = PhysicalPlanDecodeContext::new(context, codec);
        let plain = values.source(None)?;
        let schema = plain.table_schema();
        let predicate = self
            .predicate
            .as_ref()
            .map(|predicate| converter.proto_to_physical_expr(predicate, schema.table_schema(), &context));
        let source = Arc::new(values.source(predicate.transpose()?)?);
        let scan = parse_protobuf_file_scan_config(conf, &context, converter, source)?;
        // The only one of our settings of a scan that the message has no place for.
        let scan = FileScanConfigBuilder::from(scan).with_preserve_order(true).build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

fn allowed_or_refused(node: Arc<dyn ExecutionPlan>, allowed: Result<()>) -> DFResult<Arc<dyn ExecutionPlan>> {
    Ok(match allowed {
        Ok(()) => node,
        Err(reason) => Arc::new(RefusedExec::new(node, reason)),
    })
}

fn only(inputs: &[Arc<dyn ExecutionPlan>]) -> Result<Arc<dyn ExecutionPlan>> {
    match inputs {
        [one] => Ok(Arc::clone(one)),
        _ => Err(Error::Node { reason: format!("a node that has one input came with {}", inputs.len()) }),
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl PhysicalExtensionCodec for PlanCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        match buf.strip_prefix(&MAGIC) {
            Some(node) => {
                let node = Node::decode(node).map_err(|error| Error::Node { reason: error.to_string() })?;
                node.plan(inputs, self, context, converter)
            }
            None => self.others.try_decode(buf, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DFResult<()> {
        match Node::of_plan(plan.as_ref(), self, converter)? {
            Some(node) => {
                buf.extend(MAGIC);
                node.encode(buf).map_err(external)
            }
            None => self.others.try_encode(plan, buf, converter),
        }
    }
}

#[cfg(test)]
mod tests;
