// SPDX-License-Identifier: Apache-2.0
//! Whether rows can be appended to a collection: its fields have the names of
//! the files, and the rows are not there already.

use m2m_milvus::Client;
use m2m_storage::Storage;

use super::ids;
use super::prepare::CollectionLoad;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::memory::{self, Memory, memory_of};
use crate::settings::LoadSettings;
use crate::target::{Appended, TargetState, Wanted, count, count_each, refuse_repeated};

/// Makes sure that files are named after the fields that they are for: the
/// server knows them by their names alone.
pub(super) fn check_field_names(wanted: &Wanted, appended: &Appended) -> Result<()> {
    let names = wanted.fields.iter().zip(&appended.field_names);
    let differences = names.filter(|(field, name)| field.name != **name).map(|(field, name)| {
        let setting = if field.is_primary { "m2m.idField" } else { "m2m.vectorField" };
        format!("`{}` is `{name}` there (`{setting}: {name}`)", field.name)
    });
    let differences = Vec::from_iter(differences);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::FieldNames { collection: wanted.name.clone(), differences: differences.join(", ") })
}

/// Makes sure that rows that are to be appended are not there already, and
/// counts those that are.
pub(super) async fn prepare(
    client: &Client,
    target: &Storage,
    load: &mut CollectionLoad,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let CollectionLoad { entry, wanted, state: TargetState::Append(appended), ids, taken_up, .. } = load
    else {
        return Ok(());
    };
    *ids = ids::sample(target, entry, wanted).await?;
    if taken_up.is_some() {
        // Some of the rows are there, by the earlier run, and the others were found not to be.
        return Ok(());
    }
    if !appended.is_loaded && memory_of(client, &wanted.name).await? == Memory::Loading {
        memory::wait(client, &wanted.name).await?;
        appended.is_loaded = true;
        recount(client, wanted, appended).await?;
    }
    if appended.is_loaded {
        return refuse_repeated(client, wanted, appended, ids).await;
    }
    // Rows that the server still holds in memory would come to light later,
    // and look like appended ones.
    client.flush(&wanted.name).await?;
    recount(client, wanted, appended).await?;
    if appended.rows == 0 || ids.is_empty() {
        return Ok(());
    }
    if appended.index.is_none() {
        return Err(Error::CannotAsk { collection: wanted.name.clone(), rows: appended.rows });
    }
    let released = if settings.load_after { "" } else { ", and released again" };
    let text = format!("is not in Milvus' memory: it is loaded to be asked for the rows{released}");
    observer.on_event(&Event::Note { subject: entry.name.clone(), text });
    ask(client, wanted, appended, ids, settings.load_after).await?;
    recount(client, wanted, appended).await
}

/// Loads a collection to ask it for ids. It stays in memory only if that is
/// wanted and it has none of them.
async fn ask(
    client: &Client,
    wanted: &Wanted,
    appended: &mut Appended,
    ids: &[i64],
    stays: bool,
) -> Result<()> {
    appended.is_loaded = true;
    let asked = match memory::load(client, &wanted.name).await {
        Ok(()) => refuse_repeated(client, wanted, appended, ids).await,
        Err(error) => Err(error),
    };
    if asked.is_err() || !stays {
        appended.is_loaded = false;
        // Why rows cannot be appended says more than why the memory stays taken.
        let released = client.release(&wanted.name).await;
        asked?;
        released?;
    }
    Ok(())
}

async fn recount(client: &Client, wanted: &Wanted, appended: &mut Appended) -> Result<()> {
    let known: Vec<String> = appended.partition_rows.keys().cloned().collect();
    let known = known.iter().map(String::as_str);
    appended.rows = count(client, &wanted.name, None, appended.is_loaded).await?;
    appended.partition_rows = count_each(client, &wanted.name, known, appended.is_loaded).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use m2m_milvus::{Field, FieldType, VectorType};

    use super::*;

    fn checked(names: [&str; 3]) -> Result<()> {
        let fields = vec![
            Field::primary("id"),
            Field::new("vector", VectorType::Float(2)),
            Field::new("year", FieldType::Int16),
        ];
        let wanted = Wanted {
            name: "films".into(),
            source: "films".into(),
            fields,
            metric: "L2".into(),
            cosine: false,
            engine: "FLAT".into(),
            index_params: "{}".into(),
            partitions: Vec::new(),
            rows: None,
            is_parquet: false,
            file_bytes: 0,
            set_bytes: 0,
        };
        let appended = Appended {
            field_names: names.map(String::from).into(),
            rows: 0,
            partition_rows: BTreeMap::new(),
            is_loaded: true,
            index: None,
            index_rows: 0,
        };
        check_field_names(&wanted, &appended)
    }

    #[test]
    fn files_have_the_names_of_the_fields_or_the_settings_are_told() {
        checked(["id", "vector", "year"]).unwrap();
        let error = checked(["pk", "embedding", "year"]).unwrap_err().to_string();
        assert!(
            error.contains("`id` is `pk` there (`m2m.idField: pk`), `vector` is `embedding` there"),
            "{error}"
        );
        assert!(error.contains("m2m.vectorField: embedding") && !error.contains("year"), "{error}");
        assert!(!checked(["id", "v", "year"]).unwrap_err().to_string().contains("m2m.idField"));
    }
}
