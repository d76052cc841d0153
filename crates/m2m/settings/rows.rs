// SPDX-License-Identifier: Apache-2.0
//! Which rows are migrated, and what was chosen for them.

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use m2m_datasource::Source;
use m2m_migration::{
    Choices, CollectionSettings, Cosine, Duplicates, FieldSettings, IfExists, IndexChoice, InvalidVectors,
    NamedQuery, Partitions, Selection,
};
use m2m_sink::ImportFormat;

use super::Settings;
use crate::args;
use crate::config::{CollectionConfig, FieldConfig, keys};
use crate::error::{Error, Result};
use crate::query::{Script, check_condition, plan, run_before, split};

impl Settings {
    /// Which rows, with a session that knows everything that they are made of.
    pub(crate) async fn rows(
        &self,
        source: &Source,
        args: &args::Selection,
    ) -> Result<(Selection, SessionContext)> {
        let mut selection = self.names(&args.collections);
        selection.filter.clone_from(&args.filter);
        let mut queries = Queries { ctx: self.sql_session(source)?, before: Vec::new() };
        for (collection, filter) in filters(source, &selection) {
            queries.check_filter(&collection, filter).await?;
        }
        if let Some((name, script)) = args.query()? {
            let sql = queries.add(script).await?;
            selection.query = Some(NamedQuery { name: name.into(), sql });
        } else {
            for (name, settings) in &mut selection.of_collections {
                let is_asked = args.collections.is_empty() || args.collections.contains(name);
                if let Some(query) = settings.query.as_mut().filter(|_| is_asked) {
                    let named = Some(format!("m2m.collections.{name}.query"));
                    *query = queries.add(Script { name: named, text: query.clone() }).await?;
                }
            }
        }
        Ok((selection, queries.ctx))
    }

    /// Which collections, and what is expected of them.
    pub(crate) fn names(&self, names: &[String]) -> Selection {
        let config = self.config();
        let choices = self.choices();
        let of_collections = config.collections().into_iter().map(|(name, said)| {
            let settings = of_collection(said, &choices);
            (name, settings)
        });
        Selection {
            rename: config.text(&keys::CREATE_NAME).map(str::to_owned),
            dimension: config
                .integer(&keys::CREATE_DIM)
                .and_then(|dim| u32::try_from(dim).ok())
                .filter(|dim| *dim > 0),
            metric: config.text(&keys::CREATE_METRIC).map(str::to_owned),
            of_collections: of_collections.collect(),
            choices: choices.clone(),
            ..Selection::of(names)
        }
    }

    /// What is chosen for every collection that nothing else is said of.
    fn choices(&self) -> Choices {
        let text = |key| self.config().text(key);
        let said = CollectionConfig {
            format: text(&keys::FORMAT).map(str::to_owned),
            partitions: text(&keys::PARTITIONS).map(str::to_owned),
            partition_field: text(&keys::PARTITION_FIELD).map(str::to_owned),
            ip_to_cosine: text(&keys::IP_TO_COSINE).map(str::to_owned),
            index: text(&keys::INDEX).map(str::to_owned),
            duplicates: text(&keys::DUPLICATES).map(str::to_owned),
            invalid_vectors: text(&keys::INVALID_VECTORS).map(str::to_owned),
            id_field: text(&keys::ID_FIELD).map(str::to_owned),
            vector_field: text(&keys::VECTOR_FIELD).map(str::to_owned),
            ..CollectionConfig::default()
        };
        choices(&said, &Choices::default())
    }

    /// What becomes of the indexes of single collections, and of all others.
    pub(super) fn indexes(&self) -> (BTreeMap<String, IndexChoice>, IndexChoice) {
        let rest = self.choices().index;
        let single = self.config().collections().into_iter();
        let single = single.filter_map(|(name, said)| Some((name, index(said.index.as_deref()?))));
        (single.collect(), rest)
    }

    /// What is done when a collection is there already.
    pub(super) fn if_exists(&self) -> IfExists {
        match self.config().text(&keys::IF_EXISTS) {
            Some("append") => IfExists::Append,
            Some("skip") => IfExists::Skip,
            Some("replace") => IfExists::Replace,
            _ => IfExists::Fail,
        }
    }
}

/// The collections that are selected by a condition, each with its own.
fn filters<'a>(source: &Source, selection: &'a Selection) -> Vec<(String, &'a str)> {
    let all = || source.inventory().collections.iter().map(|collection| collection.name.clone());
    // One that does not exist is found out when it is selected.
    let known = |name: &String| Some(source.collection(name).ok()?.collection().name.clone());
    let selected: Vec<String> = match selection.collections.as_slice() {
        [] => all().collect(),
        names => names.iter().filter_map(known).collect(),
    };
    let own =
        |name: &String| selection.of_collections.get(name).and_then(|settings| settings.filter.as_ref());
    let with_filter = |name: String| {
        let filter = selection.filter.as_ref().or_else(|| own(&name))?;
        Some((name, filter.as_str()))
    };
    selected.into_iter().filter_map(with_filter).collect()
}

/// Queries that were taken apart, in a session that knows what they name.
struct Queries {
    ctx: SessionContext,
    before: Vec<Statement>,
}

impl Queries {
    /// Adds a query and returns its text alone.
    async fn add(&mut self, script: Script) -> Result<String> {
        self.try_add(script).await.map_err(as_usage)
    }

    /// Plans a condition, so that its mistakes are told with their places. What is
    /// no condition at all is told by the step that uses it.
    async fn check_filter(&self, collection: &str, filter: &str) -> Result<()> {
        check_condition(filter)?;
        let text = format!("SELECT * FROM \"{}\" WHERE {filter}", collection.replace('"', "\"\""));
        let script = Script::typed(&text);
        match split(&script, &self.ctx) {
            Ok(prepared) if prepared.before.is_empty() => {
                plan(&self.ctx, &script, prepared.query).await.map_err(as_usage)
            }
            _ => Ok(()),
        }
    }

    async fn try_add(&mut self, script: Script) -> Result<String> {
        let prepared = split(&script, &self.ctx)?;
        // Two queries may name one table by the same words.
        let new: Vec<_> =
            prepared.before.into_iter().filter(|statement| !self.before.contains(statement)).collect();
        run_before(&self.ctx, &new).await?;
        self.before.extend(new);
        let sql = prepared.query.to_string();
        plan(&self.ctx, &script, prepared.query).await?;
        Ok(sql)
    }
}

/// A mistake in what was given with the command, which has done nothing yet.
fn as_usage(error: Error) -> Error {
    match error {
        Error::Statement(fault) => Error::Rows(fault),
        other => other,
    }
}

fn of_collection(said: CollectionConfig, all: &Choices) -> CollectionSettings {
    let choices = choices(&said, all);
    let field = |said: FieldConfig| FieldSettings {
        name: said.name,
        field_type: said.field_type,
        max_length: said.max_length,
    };
    CollectionSettings {
        filter: said.filter,
        query: said.query,
        from: said.from,
        target_name: said.name,
        fields: said.fields.into_iter().map(|(column, said)| (column, field(said))).collect(),
        choices,
    }
}

/// What is said, and where nothing is, what holds for all.
fn choices(said: &CollectionConfig, all: &Choices) -> Choices {
    let name = |said: &Option<String>, all: &String| said.clone().unwrap_or_else(|| all.clone());
    Choices {
        format: match said.format.as_deref() {
            Some("parquet") => ImportFormat::Parquet,
            Some(_) => ImportFormat::Npy,
            None => all.format,
        },
        partitions: match said.partitions.as_deref() {
            Some("key") => Partitions::Key,
            Some(_) => Partitions::Keep,
            None => all.partitions,
        },
        partition_field: name(&said.partition_field, &all.partition_field),
        cosine: match said.ip_to_cosine.as_deref() {
            Some("ifNormalised") => Cosine::IfNormalised,
            Some("always") => Cosine::Always,
            Some(_) => Cosine::Never,
            None => all.cosine,
        },
        index: said.index.as_deref().map_or(all.index, index),
        duplicates: match said.duplicates.as_deref() {
            Some("first") => Duplicates::First,
            Some("last") => Duplicates::Last,
            Some("fail") => Duplicates::Fail,
            Some(_) => Duplicates::Keep,
            None => all.duplicates,
        },
        invalid_vectors: match said.invalid_vectors.as_deref() {
            Some("skip") => InvalidVectors::Skip,
            Some(_) => InvalidVectors::Fail,
            None => all.invalid_vectors,
        },
        id_field: name(&said.id_field, &all.id_field),
        vector_field: name(&said.vector_field, &all.vector_field),
    }
}

fn index(word: &str) -> IndexChoice {
    match word {
        "auto" => IndexChoice::Auto,
        "none" => IndexChoice::None,
        _ => IndexChoice::Keep,
    }
}
