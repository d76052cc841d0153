// SPDX-License-Identifier: Apache-2.0
//! What a dump will write, decided before anything is written.

mod notes;
mod partition;
mod shape;

use datafusion::logical_expr::ident;
use datafusion::prelude::{SessionContext, lit};
use m2m_catalog::Collection;
use m2m_datasource::{CollectionTable, ID, Source};
use m2m_milvus::mapping;
use m2m_sink::ImportFormat;

use crate::error::{Error, Result};
use crate::event::Observer;
use crate::fields::{Derived, PlannedField, derive};
use crate::left_out::{self, LeftOut};
use crate::measure::{Measurement, measure};
use crate::norms::{NormReport, norms};
use crate::rows::{Rows, UNQUERYABLE};
use crate::select::{Selected, select};
use crate::settings::{Choices, Cosine, DumpSettings, Duplicates, Partitions, Selection};
use crate::target::Wanted;
pub use partition::PartitionPlan;
pub(crate) use partition::{Work, of_whole, partition_names, pieces};
pub(crate) use shape::Shape;

/// What will be dumped.
pub struct DumpPlan {
    /// The collections, by name.
    pub collections: Vec<CollectionPlan>,
    /// What the user should know of the installation as a whole.
    pub notes: Vec<String>,
}

/// What will be dumped under one name.
pub struct CollectionPlan {
    /// The collection's name, or the one given to a query.
    pub name: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// The condition that its rows meet, when there is one.
    pub filter: Option<String>,
    /// The query whose rows these are, when they are not those of a collection.
    pub query: Option<String>,
    /// What was chosen for it.
    pub choices: Choices,
    /// The fields in Milvus 2.x, the primary key first.
    pub fields: Vec<PlannedField>,
    /// Its partitions, `_default` first; one without a name when a partition key decides.
    pub partitions: Vec<PartitionPlan>,
    /// What is left out on purpose.
    pub left_out: LeftOut,
    /// The lengths of its vectors, where the metric depends on them.
    pub norms: Option<NormReport>,
    /// Whether `IP` becomes `COSINE`.
    pub cosine: bool,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
    pub(crate) rows: Rows,
    pub(crate) derived: Derived,
}

impl DumpPlan {
    /// Plans the dump of what is selected.
    ///
    /// Segments' headers are read; vectors only where invalid ones are to be
    /// left out, or lengths decide over a metric.
    ///
    /// # Errors
    ///
    /// When something that is named does not exist or is not what is expected of
    /// it, when a condition or a query is wrong or its rows do not fit, when a
    /// segment's files are missing or contradict each other, or when rows stand
    /// only in the write-ahead log.
    pub async fn new(
        source: &Source,
        ctx: &SessionContext,
        selection: &Selection,
        settings: &DumpSettings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let selected = select(source, selection)?;
        let mut collections = Vec::with_capacity(selected.len());
        for one in selected {
            // Boxed: the states of a plan in the making are large.
            let rows = Box::pin(left_out::open(ctx, source, &one, observer)).await?;
            collections.push(Box::pin(CollectionPlan::new(one, rows, settings)).await?);
        }
        let plan = Self { collections, notes: notes::of_install(source) };
        if !settings.allow_unflushed {
            plan.check_flushed(source)?;
        }
        Ok(plan)
    }

    /// Makes sure that no rows of what is planned stand only in the write-ahead log.
    ///
    /// # Errors
    ///
    /// When some do.
    pub fn check_flushed(&self, source: &Source) -> Result<()> {
        notes::refuse_unflushed(source, &self.collections)
    }

    /// Counts the rows that are not known yet, without reading a vector that no
    /// condition names.
    ///
    /// # Errors
    ///
    /// When the source cannot be read.
    pub async fn count(&mut self) -> Result<()> {
        for collection in &mut self.collections {
            collection.count().await?;
        }
        Ok(())
    }

    /// Notes rows with ids that Milvus 2.x counts but does not find; all ids are read.
    ///
    /// # Errors
    ///
    /// When the source cannot be read.
    pub async fn note_ids(&mut self) -> Result<()> {
        for collection in &mut self.collections {
            collection.note_unqueryable().await?;
        }
        Ok(())
    }

    /// Rows of all collections; those that are not known yet as many as they can be.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.collections.iter().map(CollectionPlan::rows).sum()
    }

    /// Bytes of all fields that will be written, without headers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|plan| plan.rows() * plan.row_bytes()).sum()
    }
}

impl CollectionPlan {
    async fn new(selected: Selected, opened: (Rows, LeftOut), settings: &DumpSettings) -> Result<Self> {
        let (rows, left_out) = opened;
        let name = &selected.name;
        let choices = selected.settings.choices.clone();
        let segments = rows.base.segments().await?;
        rows.base.check_vectors().await?;
        let derived = derive(name, rows.frame.schema().as_arrow(), &selected.settings)?;
        notes::check_vector_kind(name, &derived, rows.base.collection())?;
        if selected.settings.query.is_some() && choices.duplicates != Duplicates::Keep {
            left_out::refuse_repeated(name, &rows).await?;
        }
        let mut plan = Self {
            name: name.clone(),
            target_name: selected.target_name,
            filter: selected.settings.filter.filter(|_| selected.settings.query.is_none()),
            query: selected.settings.query,
            fields: derived.fields.clone(),
            partitions: Vec::new(),
            left_out,
            norms: None,
            cosine: false,
            notes: Vec::new(),
            choices,
            rows,
            derived,
        };
        let measured = plan.measure_fields().await?;
        plan.partitions = partition::of(&plan, &segments, measured.as_ref(), settings)?;
        plan.decide_metric().await?;
        plan.notes = notes::of(&plan, &segments);
        Ok(plan)
    }

    /// Measures what the types of fields depend on, where they do.
    async fn measure_fields(&mut self) -> Result<Option<Measurement>> {
        if self.fields.len() == 2 && self.query.is_none() {
            return Ok(None);
        }
        let is_vector = |field: &PlannedField| field.field.field_type.vector().is_some();
        let columns: Vec<&PlannedField> = self.fields.iter().filter(|field| !is_vector(field)).collect();
        let measured = measure(&self.rows.frame, self.routes(), &columns).await?;
        let is_parquet = self.choices.format == ImportFormat::Parquet;
        let columns = self.fields.iter_mut().filter(|field| !is_vector(field));
        for (field, values) in columns.zip(&measured.columns) {
            field.measure(&self.name, *values, is_parquet)?;
        }
        Ok(Some(measured))
    }

    /// Whether tags decide over partitions.
    pub(crate) fn routes(&self) -> bool {
        self.derived.has_tags && self.choices.partitions == Partitions::Keep
    }

    async fn decide_metric(&mut self) -> Result<()> {
        let is_ip = self.collection().metric.name() == "IP";
        if self.choices.cosine == Cosine::Never || !is_ip {
            return Ok(());
        }
        let report = norms(&self.rows).await?;
        if self.choices.cosine == Cosine::IfNormalised && !report.is_normalised() {
            return Err(Error::NotNormalised { name: self.name.clone(), report: report.sentence() });
        }
        (self.norms, self.cosine) = (Some(report), true);
        Ok(())
    }

    async fn count(&mut self) -> Result<()> {
        if self.partitions.iter().all(|partition| partition.rows.is_some()) {
            return Ok(());
        }
        let measured = measure(&self.rows.frame, self.routes(), &[]).await?;
        let routes = self.routes();
        for partition in &mut self.partitions {
            let tag = routes.then(|| partition.tag.clone());
            partition.rows = Some(measured.rows.get(&tag).copied().unwrap_or(0));
        }
        Ok(())
    }

    /// Notes how many rows have an id that Milvus 2.x counts but does not find.
    async fn note_unqueryable(&mut self) -> Result<()> {
        let ends = ident(ID).in_list(UNQUERYABLE.map(lit).to_vec(), false);
        let rows = measure(&self.rows.frame.clone().filter(ends)?, false, &[]).await?;
        let rows: u64 = rows.rows.values().sum();
        if rows > 0 {
            self.notes.push(format!(
                "{rows} rows have the largest or the smallest 64-bit id: Milvus counts and searches them, but a query by id does not find them"
            ));
        }
        Ok(())
    }

    /// The collection whose metric and index the rows have, as its metadata describes it.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        self.table().collection()
    }

    pub(crate) fn table(&self) -> &CollectionTable {
        &self.rows.base
    }

    /// Rows of all partitions; those that are not known yet as many as they can be.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.partitions.iter().map(PartitionPlan::rows_at_most).sum()
    }

    /// What is known of it without its rows.
    pub(crate) fn shape(&self) -> Shape<'_> {
        Shape {
            name: &self.name,
            target_name: &self.target_name,
            collection: self.collection(),
            choices: &self.choices,
            fields: &self.fields,
            cosine: self.cosine,
        }
    }

    /// Bytes of a row in import files, about.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        self.shape().row_bytes()
    }

    /// What it should be in Milvus 2.x.
    #[must_use]
    pub fn wanted(&self, settings: &DumpSettings) -> Wanted {
        self.shape().wanted(&self.partitions, settings)
    }

    /// Rows of an import file set, when it is cut by rows.
    pub(crate) fn rows_of_a_set(&self, settings: &DumpSettings) -> u64 {
        self.shape().rows_of_a_set(settings)
    }

    /// Names its fields as an existing collection names them, in their order.
    ///
    /// # Errors
    ///
    /// When a name cannot be one of a field.
    pub fn rename_fields(&mut self, names: &[String]) -> Result<()> {
        for (planned, name) in self.fields.iter_mut().zip(names) {
            mapping::check_field_name(name)?;
            planned.field.name.clone_from(name);
        }
        Ok(())
    }
}
