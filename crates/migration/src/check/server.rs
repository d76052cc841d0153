// SPDX-License-Identifier: Apache-2.0
//! Whether Milvus 2.x can have the collections.

use std::collections::BTreeMap;

use m2m_milvus::Client;

use super::room::counted;
use super::source::SourceCheck;
use super::step::{Look, Step};
use crate::audit::Severity;
use crate::error::{Error, Result};
use crate::mapping_schema::Outlook;
use crate::select::Selected;
use crate::settings::{IfExists, LoadSettings};
use crate::target::{TargetState, inspect};

/// Looks at the database, and at what would become of the selected collections of a
/// source, where there is one. Nothing is changed.
pub async fn check_server(
    client: &Client,
    source: Option<&SourceCheck>,
    loading: &LoadSettings,
) -> [Step; 2] {
    const NAME: &str = "collections";
    let mut look = Look::at("database");
    let has_database = database(client, &mut look).await;
    let database = look.end();
    let collections = match (source, has_database) {
        (Some(source), Some(has_database)) if source.has_collections() => {
            let mut look = Look::at(NAME);
            if let Err(error) = collections(client, source, has_database, loading, &mut look).await {
                look.error(&error);
            }
            look.end()
        }
        (_, None) => Step::skipped(NAME, "the database cannot be read"),
        (_, Some(_)) => Step::skipped(NAME, "the installation has none that can be looked at"),
    };
    [database, collections]
}

/// Whether the database is there; none when that cannot be told.
async fn database(client: &Client, look: &mut Look) -> Option<bool> {
    let found = async {
        let is_there = client.has_database().await?;
        let collections = if is_there { client.list_collections().await?.len() } else { 0 };
        Ok::<_, m2m_milvus::Error>((is_there, collections))
    };
    match found.await {
        Ok((true, collections)) => {
            look.fact(format!("it has {}", counted(collections as u64, "collection")));
            Some(true)
        }
        Ok((false, _)) => {
            look.fact("it is not there yet, and is created");
            Some(false)
        }
        Err(error) => {
            look.error(&error);
            None
        }
    }
}

async fn collections(
    client: &Client,
    source: &SourceCheck,
    has_database: bool,
    loading: &LoadSettings,
    look: &mut Look,
) -> Result<()> {
    let selected = source.selected()?;
    let outlooks = source.facts.outlooks(Some(client.version())).await?;
    let mut actions: BTreeMap<&'static str, usize> = BTreeMap::new();
    for one in &selected {
        let outlook = outlooks.iter().find(|outlook| outlook.collection.name == one.name);
        let outlook = outlook.filter(|_| one.table.is_some());
        let action = match outlook {
            Some(outlook) => of_collection(client, outlook, has_database, loading, look).await?,
            None => of_query(client, one, has_database, loading.if_exists, look).await?,
        };
        *actions.entry(action).or_default() += 1;
    }
    actions.remove(NOTHING);
    for (action, count) in actions {
        look.fact(format!("{} {action}", counted(count as u64, "collection")));
    }
    Ok(())
}

/// What is said of a collection that something is wrong with.
const NOTHING: &str = "";

async fn of_collection(
    client: &Client,
    outlook: &Outlook<'_>,
    has_database: bool,
    loading: &LoadSettings,
    look: &mut Look,
) -> Result<&'static str> {
    let name = &outlook.collection.name;
    let planned = match &outlook.planned {
        Ok(planned) => planned,
        Err(error) => {
            look.error(error);
            return Ok(NOTHING);
        }
    };
    for limit in &planned.mapping.limits {
        look.problem(Severity::Error, format!("`{name}`: {}", limit.problem), limit.remedy.clone());
    }
    for note in planned.mapping.notes() {
        look.problem(Severity::Note, format!("`{name}`: {note}"), None);
    }
    if !planned.mapping.limits.is_empty() {
        return Ok(NOTHING);
    }
    if !has_database {
        return Ok("to be created");
    }
    state(inspect(client, &planned.wanted, &planned.mapping, loading.if_exists).await, look)
}

/// What the rows of a query become is known when they are read.
async fn of_query(
    client: &Client,
    selected: &Selected,
    has_database: bool,
    if_exists: IfExists,
    look: &mut Look,
) -> Result<&'static str> {
    let name = &selected.target_name;
    look.problem(Severity::Note, format!("`{}` is a query, which is not run here", selected.name), None);
    let is_there = has_database && client.describe_collection(name).await?.is_some();
    let state_of_it = match (is_there, if_exists) {
        (false, _) => Ok(TargetState::Absent),
        (true, IfExists::Fail) => Err(Error::CollectionExists { collection: name.clone() }),
        (true, IfExists::Skip) => Ok(TargetState::Skip),
        (true, IfExists::Replace) => Ok(TargetState::Replace),
        (true, IfExists::Append) => return Ok("to take more rows"),
    };
    state(state_of_it, look)
}

fn state(state: Result<TargetState>, look: &mut Look) -> Result<&'static str> {
    Ok(match state {
        Ok(TargetState::Absent) => "to be created",
        Ok(TargetState::Skip) => "there already, and left alone",
        Ok(TargetState::Replace) => "there already, and to be replaced with all that they hold",
        Ok(TargetState::Append(_)) => "to take more rows",
        Err(error @ (Error::CollectionExists { .. } | Error::TargetDiffers { .. })) => {
            look.error(&error);
            NOTHING
        }
        Err(error) => return Err(error),
    })
}
