// SPDX-License-Identifier: Apache-2.0
//! A plan for people: what would be done, collection by collection.

use super::words::counted;
use indicatif::{HumanBytes, HumanCount};
use m2m_migration::{CollectionReport, FieldReport, PartitionReport, PlanReport};

/// Partitions that are listed one by one.
const LISTED_PARTITIONS: usize = 50;

/// The plan as text.
pub(crate) fn text(report: &PlanReport) -> String {
    let mut text = String::new();
    for collection in &report.collections {
        text.push_str(&of_collection(collection));
        text.push('\n');
    }
    text.push_str(&totals(report));
    for note in &report.notes {
        line(&mut text, &format!("note: {note}"));
    }
    let problems = report.collections.iter().flat_map(|collection| {
        collection.problems.iter().map(|problem| format!("problem: {}: {problem}", collection.name))
    });
    for problem in problems.chain(report.problems.iter().map(|problem| format!("problem: {problem}"))) {
        line(&mut text, &problem);
    }
    text
}

fn of_collection(collection: &CollectionReport) -> String {
    let mut text = String::new();
    let target = match collection.target_name == collection.name {
        true => String::new(),
        false => format!(" as {}", collection.target_name),
    };
    line(&mut text, &format!("{}{target}: {}", collection.name, action(collection)));
    let mut entry = |what: &str, value: &str| line(&mut text, &format!("  {what:<12} {value}"));
    if let Some(query) = &collection.query {
        entry("query", &one_line(query));
    }
    if let Some(filter) = &collection.filter {
        entry("where", &one_line(filter));
    }
    entry("rows", &rows(collection));
    for (at, field) in collection.fields.iter().enumerate() {
        entry(if at == 0 { "fields" } else { "" }, &of_field(field));
    }
    entry("metric", &change(&collection.metric, collection.target_metric.as_deref()));
    let index = collection.target_index.as_ref().map(|index| {
        let params = index.params.iter().map(|(name, value)| format!("{name}={value}"));
        [index.index_type.clone()].into_iter().chain(params).collect::<Vec<_>>().join(" ")
    });
    entry("index", &change(&collection.index, Some(index.as_deref().unwrap_or("none"))));
    for (at, partition) in collection.partitions.iter().take(LISTED_PARTITIONS).enumerate() {
        entry(if at == 0 { "partitions" } else { "" }, &of_partition(partition));
    }
    let more = collection.partitions.len().saturating_sub(LISTED_PARTITIONS);
    if more > 0 {
        entry("", &format!("and {more} more"));
    }
    entry(
        "files",
        &format!(
            "{} {}, {}, {}",
            HumanCount(collection.files),
            collection.format,
            HumanBytes(collection.bytes),
            counted(collection.jobs, "import job"),
        ),
    );
    for note in &collection.notes {
        entry("note", note);
    }
    if let Some(plan) = &collection.query_plan {
        entry("plan", plan.trim_end().replace('\n', "\n  ").as_str());
    }
    text
}

fn action(collection: &CollectionReport) -> &'static str {
    match collection.action {
        "append" => "rows are added to what Milvus has",
        "replace" => "takes the place of what Milvus has",
        "skip" => "is left alone, because Milvus has it",
        _ => "is created",
    }
}

fn rows(collection: &CollectionReport) -> String {
    let mut steps = Vec::new();
    if let Some(live) = collection.live_rows {
        steps.push(format!("{} live", HumanCount(live + collection.invalid_rows + collection.repeated_rows)));
    }
    if collection.invalid_rows > 0 {
        steps.push(format!("{} invalid left out", HumanCount(collection.invalid_rows)));
    }
    if collection.repeated_rows > 0 {
        steps.push(format!("{} repeated left out", HumanCount(collection.repeated_rows)));
    }
    steps.push(format!("{} migrated", HumanCount(collection.rows)));
    steps.join(", ")
}

fn of_field(field: &FieldReport) -> String {
    let mut text = format!("{} {}", field.name, field.field_type);
    if let Some(role) = field.role {
        text.push_str(&format!(", {role}"));
    }
    if field.nullable {
        text.push_str(", may be NULL");
    }
    if let Some(column) = field.column.as_ref().filter(|column| **column != field.name) {
        text.push_str(&format!(" (from {column})"));
    }
    text
}

fn of_partition(partition: &PartitionReport) -> String {
    let name = match (partition.tag.as_str(), partition.name.as_str()) {
        (_, "") => "by partition key".to_owned(),
        (tag, name) if tag == name => name.to_owned(),
        (tag, name) => format!("{tag:?} as {name}"),
    };
    let of = match partition.live_rows {
        Some(live) if live != partition.rows => format!(" of {}", HumanCount(live)),
        _ => String::new(),
    };
    format!("{name}: {}{of} in {}", counted(partition.rows, "row"), counted(partition.file_sets, "file set"))
}

fn totals(report: &PlanReport) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!(
            "{} of {}: {}, {}, {}",
            counted(report.rows, "row"),
            counted(report.collections.len() as u64, "collection"),
            counted(report.files, "file"),
            HumanBytes(report.bytes),
            counted(report.jobs, "import job"),
        ),
    );
    let server = match report.is_assumed {
        true => format!("planned for Milvus {}, because none was named (`--milvus`)", report.milvus),
        false => format!("planned for Milvus {}", report.milvus),
    };
    line(&mut text, &server);
    line(
        &mut text,
        &format!(
            "time, very roughly: {} s to write, {} s to import, and indexes",
            report.dump_seconds, report.load_seconds
        ),
    );
    text
}

fn change(from: &str, to: Option<&str>) -> String {
    match to {
        Some(to) if to != from => format!("{from} becomes {to}"),
        _ => from.to_owned(),
    }
}

/// A statement on one line, so that it does not look like the next entry.
fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push('\n');
}
