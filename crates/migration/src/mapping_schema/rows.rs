// SPDX-License-Identifier: Apache-2.0
//! The rows of the tables of schema `mapping`.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use m2m_catalog::Collection;
use m2m_milvus::mapping;

use super::outlook::{self, Outlook};
use super::{Facts, Server};
use crate::error::Result;
use crate::plan::partition_names;
use crate::report::{dump_seconds, load_seconds};
use crate::settings::{Cosine, Duplicates, InvalidVectors, Partitions};
use crate::tables::{Cell, NUMBER, REAL, Row, TEXT, TRUTH};
use crate::target::{Limit, said};

/// What can always be done.
const REMEDY: &str = "choose otherwise under `m2m.collections`, or leave it out: `--col` names the others";

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Collections,
    Partitions,
    Problems,
    Server,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Collections, Self::Partitions, Self::Problems, Self::Server];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Collections => "collections",
            Self::Partitions => "partitions",
            Self::Problems => "problems",
            Self::Server => "server",
        }
    }

    pub(super) fn columns(self) -> &'static [(&'static str, DataType)] {
        match self {
            Self::Collections => &[
                ("collection", TEXT),
                ("target_name", TEXT),
                ("dimension", NUMBER),
                ("metric", TEXT),
                ("target_metric", TEXT),
                ("metric_note", TEXT),
                ("engine", TEXT),
                ("index_params", TEXT),
                ("target_index", TEXT),
                ("target_params", TEXT),
                ("index_note", TEXT),
                ("partitions", NUMBER),
                ("live_rows", NUMBER),
                ("live_bytes", NUMBER),
                ("import_files", NUMBER),
                ("import_jobs", NUMBER),
                ("dump_seconds", REAL),
                ("load_seconds", REAL),
                ("unreadable_segments", NUMBER),
                ("duplicates", TEXT),
                ("invalid_vectors", TEXT),
                ("ip_to_cosine", TEXT),
                ("filter", TEXT),
            ],
            Self::Partitions => &[
                ("collection", TEXT),
                ("partition_tag", TEXT),
                ("target_name", TEXT),
                ("is_renamed", TRUTH),
                ("collides", TRUTH),
            ],
            Self::Problems => &[("collection", TEXT), ("problem", TEXT), ("remedy", TEXT)],
            Self::Server => &[("milvus", TEXT), ("is_assumed", TRUTH)],
        }
    }
}

/// The rows of a table.
pub(super) async fn of(kind: Kind, facts: &Facts) -> Result<Vec<Row>> {
    Ok(match kind {
        Kind::Collections => facts.outlooks(None).await?.iter().map(of_collection).collect(),
        Kind::Partitions => {
            let collections = &facts.source.inventory().collections;
            collections.iter().flat_map(|collection| of_partitions(facts, collection)).collect()
        }
        Kind::Problems => of_problems(&facts.outlooks(None).await?),
        Kind::Server => {
            let is_assumed = matches!(facts.server, Server::Assumed(_));
            vec![vec![text(facts.version().await?.to_string()), Cell::Truth(is_assumed)]]
        }
    })
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(Some(text.into()))
}

fn number(number: impl TryInto<i64>) -> Cell {
    // Counts of this size do not occur.
    Cell::Number(Some(number.try_into().unwrap_or(i64::MAX)))
}

fn of_collection(outlook: &Outlook<'_>) -> Row {
    let collection = outlook.collection;
    let planned = outlook.planned.as_ref().ok();
    let mapping = planned.map(|planned| &planned.mapping);
    let index = mapping.and_then(|mapping| mapping.index.value.as_ref());
    let metric = mapping.filter(|mapping| mapping.has_metric).map(|mapping| mapping.metric.value.clone());
    let (files, jobs) = (planned.map(|planned| planned.files), planned.map(|planned| planned.jobs));
    vec![
        text(&collection.name),
        text(&outlook.target_name),
        number(collection.dimension()),
        text(collection.metric.name()),
        Cell::Text(metric),
        Cell::Text(mapping.and_then(|mapping| mapping.metric.note.clone())),
        text(collection.engine.name()),
        text(&collection.index_params),
        Cell::Text(index.map(|index| index.index_type.clone())),
        Cell::Text(index.map(|index| index.params_json())),
        Cell::Text(mapping.and_then(|mapping| mapping.index.note.clone())),
        number(collection.partitions.len()),
        number(outlook.live_rows),
        number(outlook.live_rows.saturating_mul(stored_bytes(collection))),
        files.map_or(Cell::Number(None), number),
        jobs.map_or(Cell::Number(None), number),
        Cell::Real(planned.map(|planned| dump_seconds(planned.bytes))),
        Cell::Real(planned.map(|planned| load_seconds(planned.bytes, planned.jobs))),
        number(outlook.unreadable),
        text(of_duplicates(outlook.choices.duplicates)),
        text(of_invalid_vectors(outlook.choices.invalid_vectors)),
        text(of_cosine(outlook.choices.cosine)),
        Cell::Text(outlook.filter.clone()),
    ]
}

/// The words of the configuration.
fn of_duplicates(choice: Duplicates) -> &'static str {
    match choice {
        Duplicates::Keep => "keep",
        Duplicates::First => "first",
        Duplicates::Last => "last",
        Duplicates::Fail => "fail",
    }
}

fn of_invalid_vectors(choice: InvalidVectors) -> &'static str {
    match choice {
        InvalidVectors::Fail => "fail",
        InvalidVectors::Skip => "skip",
    }
}

fn of_cosine(choice: Cosine) -> &'static str {
    match choice {
        Cosine::Never => "never",
        Cosine::IfNormalised => "ifNormalised",
        Cosine::Always => "always",
    }
}

/// Bytes of a stored row: its id and its vector.
fn stored_bytes(collection: &Collection) -> u64 {
    size_of::<i64>() as u64 + collection.layout.row_bytes() as u64
}

fn of_partitions(facts: &Facts, collection: &Collection) -> Vec<Row> {
    let tags: Vec<&str> = collection.partitions.iter().map(|partition| partition.tag.as_str()).collect();
    let row = |tag: &str, name: Option<String>, collides| {
        let is_renamed = name.as_ref().is_some_and(|name| name != tag);
        let name = Cell::Text(name);
        vec![text(&collection.name), text(tag), name, Cell::Truth(is_renamed), Cell::Truth(collides)]
    };
    if outlook::settings(&facts.selection, &collection.name).choices.partitions == Partitions::Key {
        return tags.into_iter().map(|tag| row(tag, None, false)).collect();
    }
    let named = tags.iter().zip(partition_names(collection)).zip(mapping::colliding_tags(&tags));
    named.map(|((tag, name), collides)| row(tag, Some(name), collides)).collect()
}

/// Every reason why the server cannot have a collection.
fn of_problems(outlooks: &[Outlook<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut by_target: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outlook in outlooks {
        by_target.entry(&outlook.target_name).or_default().push(&outlook.collection.name);
    }
    for outlook in outlooks {
        let row =
            |problem: String, remedy: &str| vec![text(&outlook.collection.name), text(problem), text(remedy)];
        match &outlook.planned {
            Ok(planned) => {
                rows.extend(planned.mapping.limits.iter().map(|Limit { problem, remedy }| {
                    row(problem.clone(), remedy.as_deref().unwrap_or(REMEDY))
                }));
            }
            Err(error) => rows.push(row(said(error), REMEDY)),
        }
        let same = by_target.get(outlook.target_name.as_str()).into_iter().flatten();
        rows.extend(same.filter(|other| **other != outlook.collection.name).map(|other| {
            let problem = format!("`{other}` would be called `{}` too", outlook.target_name);
            row(problem, "give one of them another name with `m2m.collections.NAME.name`")
        }));
    }
    rows
}
