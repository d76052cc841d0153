// SPDX-License-Identifier: Apache-2.0
//! The rows of the tables of schema `milvus2x`.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_milvus::{Client, Result};

use crate::tables::{Cell, NUMBER, Row, TEXT, TRUTH};

/// Questions to the server in flight.
const AT_ONCE: usize = 8;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Collections,
    Fields,
    Indexes,
    Partitions,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Collections, Self::Fields, Self::Indexes, Self::Partitions];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Collections => "collections",
            Self::Fields => "fields",
            Self::Indexes => "indexes",
            Self::Partitions => "partitions",
        }
    }

    pub(super) fn columns(self) -> &'static [(&'static str, DataType)] {
        match self {
            Self::Collections => &[
                ("collection", TEXT),
                ("description", TEXT),
                ("shards", NUMBER),
                ("loaded_percent", NUMBER),
                ("stored_rows", NUMBER),
                ("live_rows", NUMBER),
            ],
            Self::Fields => &[
                ("collection", TEXT),
                ("field", TEXT),
                ("type", TEXT),
                ("dimension", NUMBER),
                ("max_length", NUMBER),
                ("is_primary", TRUTH),
                ("auto_id", TRUTH),
            ],
            Self::Indexes => &[
                ("collection", TEXT),
                ("field", TEXT),
                ("index_name", TEXT),
                ("index_type", TEXT),
                ("metric", TEXT),
                ("params", TEXT),
                ("state", TEXT),
                ("indexed_rows", NUMBER),
                ("total_rows", NUMBER),
            ],
            Self::Partitions => {
                &[("collection", TEXT), ("partition", TEXT), ("stored_rows", NUMBER), ("live_rows", NUMBER)]
            }
        }
    }
}

/// Asks the server for the rows of a table, columns that are not asked for left out.
pub(super) async fn read(kind: Kind, client: &Client, is_asked: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    let asked = Asked {
        loaded: is_asked("loaded_percent") || is_asked("live_rows"),
        stored_rows: is_asked("stored_rows"),
        live_rows: is_asked("live_rows"),
    };
    let loaded = match asked.loaded {
        true => client.loaded_collections().await?,
        false => BTreeMap::new(),
    };
    let (asked, loaded) = (&asked, &loaded);
    let of_collection = |name: String| async move {
        match kind {
            Kind::Collections => of_collection(client, &name, asked, loaded).await,
            Kind::Fields => of_fields(client, &name).await,
            Kind::Indexes => of_indexes(client, &name).await,
            Kind::Partitions => of_partitions(client, &name, asked, loaded).await,
        }
    };
    let names = client.list_collections().await?;
    let rows: Vec<Vec<Row>> = stream::iter(names).map(of_collection).buffered(AT_ONCE).try_collect().await?;
    Ok(rows.concat())
}

/// What costs a question of its own.
struct Asked {
    loaded: bool,
    stored_rows: bool,
    live_rows: bool,
}

async fn of_collection(
    client: &Client,
    name: &str,
    asked: &Asked,
    loaded: &BTreeMap<String, i64>,
) -> Result<Vec<Row>> {
    let Some(info) = client.describe_collection(name).await? else { return Ok(Vec::new()) };
    Ok(vec![vec![
        Cell::Text(Some(info.name)),
        Cell::Text(Some(info.description)),
        Cell::Number(Some(i64::from(info.shards))),
        Cell::Number(loaded.get(name).copied()),
        stored_rows(client, name, None, asked).await?,
        live_rows(client, name, None, asked, loaded).await?,
    ]])
}

async fn of_fields(client: &Client, name: &str) -> Result<Vec<Row>> {
    let Some(info) = client.describe_collection(name).await? else { return Ok(Vec::new()) };
    let row = |field: m2m_milvus::FieldInfo| {
        let (dimension, max_length) = (field.dimension(), field.max_length());
        vec![
            Cell::Text(Some(name.to_owned())),
            Cell::Text(Some(field.name)),
            Cell::Text(Some(field.type_name)),
            Cell::Number(dimension.map(i64::from)),
            Cell::Number(max_length.map(i64::from)),
            Cell::Truth(field.is_primary),
            Cell::Truth(field.auto_id),
        ]
    };
    Ok(info.fields.into_iter().map(row).collect())
}

async fn of_indexes(client: &Client, name: &str) -> Result<Vec<Row>> {
    let row = |index: m2m_milvus::IndexOverview| {
        let param = |key: &str| Cell::Text(index.params.get(key).cloned());
        vec![
            Cell::Text(Some(name.to_owned())),
            Cell::Text(Some(index.field.clone())),
            Cell::Text(Some(index.name.clone())),
            param("index_type"),
            param("metric_type"),
            param("params"),
            Cell::Text(Some(index.state.clone())),
            Cell::Number(Some(index.indexed_rows)),
            Cell::Number(Some(index.total_rows)),
        ]
    };
    Ok(client.indexes(name).await?.into_iter().map(row).collect())
}

async fn of_partitions(
    client: &Client,
    name: &str,
    asked: &Asked,
    loaded: &BTreeMap<String, i64>,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for partition in client.list_partitions(name).await? {
        rows.push(vec![
            Cell::Text(Some(name.to_owned())),
            Cell::Text(Some(partition.clone())),
            stored_rows(client, name, Some(&partition), asked).await?,
            live_rows(client, name, Some(&partition), asked, loaded).await?,
        ]);
    }
    Ok(rows)
}

async fn stored_rows(client: &Client, name: &str, partition: Option<&str>, asked: &Asked) -> Result<Cell> {
    Ok(Cell::Number(match asked.stored_rows {
        true => Some(client.stored_rows(name, partition).await?),
        false => None,
    }))
}

/// Only what is in memory can be counted.
async fn live_rows(
    client: &Client,
    name: &str,
    partition: Option<&str>,
    asked: &Asked,
    loaded: &BTreeMap<String, i64>,
) -> Result<Cell> {
    let can_count = client.version().at_least(2, 3);
    if !asked.live_rows || !can_count || loaded.get(name).is_none_or(|percent| *percent < 100) {
        return Ok(Cell::Number(None));
    }
    Ok(Cell::Number(i64::try_from(client.count(name, partition).await?).ok()))
}
