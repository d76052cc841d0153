// SPDX-License-Identifier: Apache-2.0
//! Whether Milvus 2.x can have the collections.

use std::collections::BTreeMap;

use m2m_milvus::Client;
use m2m_storage::Storage;

use super::room::counted;
use super::source::SourceCheck;
use super::step::{Look, Step};
use crate::audit::Severity;
use crate::dump::Earlier;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::load::begun;
use crate::mapping_schema::Outlook;
use crate::select::Selected;
use crate::settings::{IfExists, LoadSettings};
use crate::target::{TargetState, inspect};

/// Looks at the database, and at what would become of the selected collections of a
/// source, where there is one. A collection that an earlier run began is known by the
/// ledger in the place of the import files. Nothing is changed.
pub async fn check_server(
    client: &Client,
    source: Option<&SourceCheck>,
    target: Option<&Storage>,
    loading: &LoadSettings,
) -> [Step; 2] {
    const NAME: &str = "collections";
    let mut look = Look::at("database");
    let has_database = database(client, &mut look).await;
    let database = look.end();
    let collections = match (source, has_database) {
        (Some(source), Some(has_database)) if source.has_collections() => {
            let mut look = Look::at(NAME);
            let asked = async {
                let (ledger, dump) = match target {
                    // A dump that cannot be read is told by the step that looks at it.
                    Some(target) => (
                        Some(Ledger::open(target).await?),
                        Earlier::id(target, source.dumping.overwrite).await.unwrap_or_default(),
                    ),
                    None => (None, None),
                };
                let server = Server { client, ledger, dump, has_database, loading };
                collections(&server, source, &mut look).await
            };
            if let Err(error) = asked.await {
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

/// What is asked, and what is known of it.
struct Server<'a> {
    client: &'a Client,
    ledger: Option<Ledger>,
    /// The id of the dump that a migration would go on with.
    dump: Option<String>,
    has_database: bool,
    loading: &'a LoadSettings,
}

async fn collections(server: &Server<'_>, source: &SourceCheck, look: &mut Look) -> Result<()> {
    let selected = source.selected()?;
    let outlooks = source.facts.outlooks(Some(server.client.version())).await?;
    let mut actions: BTreeMap<&'static str, usize> = BTreeMap::new();
    for one in &selected {
        let outlook = outlooks.iter().find(|outlook| outlook.collection.name == one.name);
        let outlook = outlook.filter(|_| one.table.is_some());
        let action = match outlook {
            Some(outlook) => server.of_collection(outlook, look).await?,
            None => server.of_query(one, look).await?,
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

impl Server<'_> {
    async fn of_collection(&self, outlook: &Outlook<'_>, look: &mut Look) -> Result<&'static str> {
        let name = &outlook.collection.name;
        let planned = match &outlook.planned {
            Ok(planned) => planned,
            Err(error) => {
                look.error(error);
                return Ok(NOTHING);
            }
        };
        let mapping = &planned.mapping;
        for limit in &mapping.limits {
            look.problem(Severity::Error, format!("`{name}`: {}", limit.problem), limit.remedy.clone());
        }
        for note in mapping.notes() {
            look.problem(Severity::Note, format!("`{name}`: {note}"), None);
        }
        if !mapping.limits.is_empty() {
            return Ok(NOTHING);
        }
        if !self.has_database {
            return Ok("to be created");
        }
        if let Some(ledger) = &self.ledger
            && let Some(begun) =
                begun(self.client, ledger, &planned.wanted, self.loading.if_exists, self.dump.as_ref())
                    .await?
        {
            return Ok(match begun.is_ended {
                true => "loaded by an earlier run, after which the same command has nothing to do",
                false => "begun by an earlier run, which the same command goes on with",
            });
        }
        state(inspect(self.client, &planned.wanted, mapping, self.loading.if_exists).await, look)
    }

    /// What the rows of a query become is known when they are read.
    async fn of_query(&self, selected: &Selected, look: &mut Look) -> Result<&'static str> {
        let name = &selected.target_name;
        look.problem(Severity::Note, format!("`{}` is a query, which is not run here", selected.name), None);
        let is_there = self.has_database && self.client.describe_collection(name).await?.is_some();
        let state_of_it = match (is_there, self.loading.if_exists) {
            (false, _) => Ok(TargetState::Absent),
            (true, IfExists::Fail) => Err(Error::CollectionExists { collection: name.clone() }),
            (true, IfExists::Skip) => Ok(TargetState::Skip),
            (true, IfExists::Replace) => Ok(TargetState::Replace),
            (true, IfExists::Append) => return Ok("to take more rows"),
        };
        state(state_of_it, look)
    }
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
