// SPDX-License-Identifier: Apache-2.0
//! What was done, at the end of a command, on standard error.

use std::io::{self, Write};

use super::words::{counted, visible};
use indicatif::{HumanBytes, HumanCount};
use m2m_migration::{
    CollectionVerification, LoadReport, LoadedCollection, LoadedState, SearchVerification, Verification,
    VerifyMode,
};
use m2m_milvus::ServerVersion;
use m2m_sink::manifest::Manifest;

use crate::error::{Error, Result};

/// After a dump.
pub(crate) fn dumped(manifest: &Manifest, location: &str) -> Result<()> {
    let rows: u64 = manifest.collections.iter().map(|collection| collection.rows).sum();
    let bytes: u64 = manifest.files().map(|file| file.bytes).sum();
    print(&format!(
        "dumped {} of {} collections into {location}: {} files, {}\n",
        counted(rows, "row"),
        manifest.collections.len(),
        HumanCount(manifest.files().count() as u64),
        HumanBytes(bytes)
    ))
}

/// After a load.
pub(crate) fn loaded(report: &LoadReport, version: &ServerVersion) -> Result<()> {
    let is_skipped = |collection: &&LoadedCollection| collection.state == LoadedState::Skipped;
    let loaded = report.collections.iter().filter(|collection| !is_skipped(collection));
    let rows: u64 = loaded.clone().map(|collection| collection.rows).sum();
    print(&format!(
        "loaded {} into Milvus {version}: {}\n",
        counted(rows, "row"),
        counted(loaded.count() as u64, "collection"),
    ))
}

/// After a verification: a line for each collection, then what differs.
pub(crate) fn verified(verification: &Verification) -> Result<()> {
    let mut text = table(&verification.collections);
    for collection in &verification.collections {
        text.push_str(&remarks(collection));
    }
    text.push_str(&verdict(verification));
    print(&text)
}

fn verdict(verification: &Verification) -> String {
    let totals = &verification.totals;
    if !verification.is_equal() {
        return format!("{} of {} collections differ\n", totals.different_collections, totals.collections);
    }
    let compared = match (totals.compared_rows, verification.mode) {
        (0, _) => "and no row was compared".to_owned(),
        (rows, VerifyMode::Full) if rows == totals.rows => {
            format!("all {} compared bit for bit", counted(rows, "row"))
        }
        (rows, _) => format!("{} compared bit for bit", counted(rows, "row")),
    };
    format!("verified {}: all counts are equal, {compared}\n", counted(totals.collections, "collection"))
}

fn table(collections: &[CollectionVerification]) -> String {
    let wide = collections.iter().map(|collection| collection.collection.len()).max().unwrap_or(0).max(10);
    let mut text = format!(
        "{:<wide$} {:>12} {:>12} {:>12} {:>12}\n",
        "collection", "metadata", "source", "milvus", "compared"
    );
    for collection in collections {
        let unknown = if is_whole(collection) { "?" } else { "-" };
        let metadata = collection.metadata_rows().map_or(unknown.into(), |rows| rows.to_string());
        let target = collection.target_rows.map_or("-".into(), |rows| rows.to_string());
        text.push_str(&format!(
            "{:<wide$} {metadata:>12} {:>12} {target:>12} {:>12}\n",
            collection.collection,
            collection.rows(),
            collection.compared_rows
        ));
    }
    text
}

/// What searches found, on one line.
fn searched(search: &SearchVerification) -> String {
    let params: Vec<String> = search.params.iter().map(|(name, value)| format!(", {name} {value}")).collect();
    format!(
        "recall@{} is {:.4} in {} ({} {}{}), {:.4} in the worst",
        search.top_k,
        search.recall,
        if search.queries == 1 {
            "1 search".into()
        } else {
            format!("{} searches", HumanCount(search.queries))
        },
        search.metric,
        search.index,
        params.concat(),
        search.worst_recall
    )
}

/// Whether the metadata could say how many rows there are.
fn is_whole(collection: &CollectionVerification) -> bool {
    let CollectionVerification { filter, query, invalid_rows, repeated_rows, .. } = collection;
    filter.is_none() && query.is_none() && invalid_rows + repeated_rows == 0
}

fn remarks(collection: &CollectionVerification) -> String {
    let name = &collection.collection;
    let mut text = String::new();
    let claimed = collection.metadata_rows().and_then(|rows| u64::try_from(rows).ok());
    if is_whole(collection) && claimed != Some(collection.rows()) {
        text.push_str(&format!(
            "note: {name}: the row counts of the 1.x metadata are stale; the files are right\n"
        ));
    }
    let left_out = collection.invalid_rows + collection.repeated_rows;
    if left_out > 0 {
        text.push_str(&format!("note: {name}: {} left out on purpose\n", counted(left_out, "row")));
    }
    if collection.rows_before > 0 {
        text.push_str(&format!(
            "note: {name}: {} were in Milvus before\n",
            counted(collection.rows_before, "row")
        ));
    }
    // That ids and vectors are compared goes without saying.
    if collection.compared_rows > 0 && collection.fields.len() > 2 {
        text.push_str(&format!("note: {name}: compared are {}\n", collection.fields.join(", ")));
    }
    for note in &collection.notes {
        text.push_str(&format!("note: {name}: {note}\n"));
    }
    if let Some(search) = &collection.search {
        text.push_str(&format!("search: {name}: {}\n", searched(search)));
    }
    if collection.hidden_rows > 0 {
        let unseen = match collection.unseen_rows {
            0 => String::new(),
            rows => format!(" ({} compared by count only)", counted(rows, "row")),
        };
        text.push_str(&format!(
            "note: {name}: {} in more than one row; Milvus counts all of them, a query by id returns one row of each{unseen}\n",
            counted(collection.repeated_ids, "id")
        ));
    }
    if collection.unqueryable_rows > 0 {
        text.push_str(&format!(
            "note: {name}: {} with the largest or smallest 64-bit id; Milvus counts and searches them, but a query by id cannot find them (compared by count only)\n",
            counted(collection.unqueryable_rows, "row")
        ));
    }
    for difference in &collection.differences {
        text.push_str(&format!("differs: {name}: {difference}\n"));
    }
    text
}

fn print(text: &str) -> Result<()> {
    let printed = io::stderr().lock().write_all(visible(text).as_bytes());
    printed.map_err(|source| Error::Io { what: "write the summary", source })
}
