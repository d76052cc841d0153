// SPDX-License-Identifier: Apache-2.0
//! What searches in Milvus find, against an exact search of the source.
//!
//! Vectors of the source are searched for in Milvus. Then all rows of the source are
//! read once and compared with all of these vectors, which gives the nearest k rows
//! of each, and how near the rows are that Milvus found. A row that Milvus found is a
//! neighbour when it is as near as the k-th nearest one, whatever its id: of rows that
//! are equally near any may be found. How near is decided here, by the vectors of the
//! source: what an index answers, it may have computed from shortened vectors.
//!
//! Distances are the same up to 1e-5 of their size: a server adds 32-bit floats.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, ident};
use m2m_datasource::{ID, VECTOR};
use m2m_milvus::{Client, FieldType, IndexInfo, Search, SearchVectors};
use m2m_segment::distance::{BinaryDistance, FloatDistance};

use super::nearest::{Nearest, Queries, Question, nearest};
use super::schema::Target;
use super::{CollectionVerification, SearchSettings, SearchVerification};
use crate::error::{Error, Result};
use crate::plan::CollectionPlan;
use crate::sample::spread;

/// Vectors that one request searches for.
const VECTORS_AT_ONCE: usize = 64;

/// Compares searches, where there can be some; otherwise a note says why there are none.
pub(super) async fn compare(
    client: &Client,
    plan: &CollectionPlan,
    target: &Target,
    settings: &SearchSettings,
    found: &mut CollectionVerification,
) -> Result<()> {
    let prepared = match prepare(plan, target) {
        Ok(prepared) => prepared,
        Err(why) => {
            found.notes.push(format!("no search was compared: {why}"));
            return Ok(());
        }
    };
    let (field, index, metric, mut queries) = prepared;
    for rows in spread(plan, settings.queries).await? {
        queries.add(&rows)?;
    }
    queries.truncate(settings.queries);
    if queries.len() == 0 {
        found.notes.push("no search was compared: the source has no row to search for".into());
        return Ok(());
    }
    let mut params = params(index, settings.top_k);
    params.extend(settings.params.clone());
    let searched = Instant::now();
    let search = |vectors| Search { field, metric, params: &params, top_k: settings.top_k, vectors };
    let answered = match &queries {
        Queries::Float(_, vectors) => {
            let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
            ask(client, plan, vectors.chunks(VECTORS_AT_ONCE).map(|some| search(SearchVectors::Float(some))))
                .await?
        }
        Queries::Binary(_, vectors) => {
            let vectors: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
            ask(client, plan, vectors.chunks(VECTORS_AT_ONCE).map(|some| search(SearchVectors::Binary(some))))
                .await?
        }
    };
    let search_seconds = searched.elapsed().as_secs_f64();
    let exact = Instant::now();
    let question = Arc::new(Question { queries, top_k: settings.top_k, wanted: wanted(&answered) });
    let columns = vec![cast(ident(ID), DataType::Int64).alias(ID), ident(VECTOR)];
    let nearest = nearest(plan.rows.frame.clone().select(columns)?, Arc::clone(&question)).await?;
    let judged = judge(&question.queries, &answered, &nearest);
    let verified = SearchVerification {
        queries: answered.len() as u64,
        top_k: settings.top_k as u64,
        metric: metric.to_owned(),
        index: index.index_type.clone(),
        params,
        min_recall: settings.min_recall,
        search_seconds,
        exact_seconds: exact.elapsed().as_secs_f64(),
        ..judged
    };
    tell(&verified, found);
    found.search = Some(verified);
    Ok(())
}

/// The field, its index, the metric, and no queries yet; or why nothing can be searched for.
fn prepare<'a>(
    plan: &CollectionPlan,
    target: &'a Target,
) -> Result<(&'a str, &'a IndexInfo, &'a str, Queries), String> {
    let field = target.fields.vector.as_deref().ok_or("the collection in Milvus has no such vector")?;
    let index = target.index.as_ref().ok_or("the vectors have no index in Milvus")?;
    let metric = index.metric.as_deref().ok_or("Milvus does not say by which metric it searches")?;
    let vector =
        plan.fields.iter().map(|planned| planned.field.field_type).find(|one| one.vector().is_some());
    let queries = queries(metric, matches!(vector, Some(FieldType::BinaryVector(_))));
    Ok((
        field,
        index,
        metric,
        queries.ok_or_else(|| format!("metric {metric} has no order of neighbours here"))?,
    ))
}

/// How vectors are compared by a metric of 2.x.
fn queries(metric: &str, is_binary: bool) -> Option<Queries> {
    let float = |distance| Queries::Float(distance, Vec::new());
    let binary = |distance| Queries::Binary(distance, Vec::new());
    Some(match (metric.to_ascii_uppercase().as_str(), is_binary) {
        ("L2", false) => float(FloatDistance::L2),
        ("IP", false) => float(FloatDistance::InnerProduct),
        ("COSINE", false) => float(FloatDistance::Cosine),
        ("HAMMING", true) => binary(BinaryDistance::Hamming),
        ("JACCARD", true) => binary(BinaryDistance::Jaccard),
        ("TANIMOTO", true) => binary(BinaryDistance::Tanimoto),
        _ => return None,
    })
}

/// Parameters of a search that suit an index: a sixteenth of the lists, at least 16; or a
/// few times as many candidates as neighbours.
fn params(index: &IndexInfo, top_k: usize) -> BTreeMap<String, i64> {
    let neighbours = i64::try_from(top_k).unwrap_or(i64::MAX);
    let one = |name: &str, value: i64| BTreeMap::from([(name.to_owned(), value)]);
    let lists =
        || index.params.get("nlist").and_then(|lists| lists.parse::<i64>().ok()).unwrap_or(128).max(1);
    let candidates = neighbours.saturating_mul(4).max(64);
    match index.index_type.as_str() {
        "IVF_FLAT" | "IVF_SQ8" | "IVF_PQ" | "BIN_IVF_FLAT" | "SCANN" => {
            one("nprobe", (lists() / 16).max(16).min(lists()))
        }
        "HNSW" => one("ef", candidates),
        "NSG" => one("search_length", candidates),
        "DISKANN" => one("search_list", candidates),
        "ANNOY" => one("search_k", -1),
        _ => BTreeMap::new(),
    }
}

async fn ask<'a>(
    client: &Client,
    plan: &CollectionPlan,
    searches: impl Iterator<Item = Search<'a>>,
) -> Result<Vec<Vec<i64>>> {
    let mut answered = Vec::new();
    for search in searches {
        answered.extend(client.search(&plan.target_name, &search).await.map_err(Error::from)?);
    }
    Ok(answered)
}

/// The ids that Milvus found, and for which vectors.
fn wanted(answered: &[Vec<i64>]) -> HashMap<i64, Vec<usize>> {
    let mut wanted: HashMap<i64, Vec<usize>> = HashMap::new();
    for (query, ids) in answered.iter().enumerate() {
        for id in ids {
            wanted.entry(*id).or_default().push(query);
        }
    }
    wanted
}

/// Compares what Milvus found with what there is.
fn judge(queries: &Queries, answered: &[Vec<i64>], nearest: &[Nearest]) -> SearchVerification {
    let mut judged = SearchVerification { worst_recall: 1.0, ..SearchVerification::default() };
    for (query, (ids, nearest)) in answered.iter().zip(nearest).enumerate() {
        let Some((last, _)) = nearest.rows.last() else { continue };
        let (near_enough, neighbours) = (last + queries.slack(query, *last), nearest.rows.len() as u64);
        let ids: HashSet<i64> = ids.iter().copied().collect();
        let is_near = |id: &&i64| nearest.wanted.get(id).is_some_and(|rank| *rank <= near_enough);
        let hits = (ids.iter().filter(is_near).count() as u64).min(neighbours);
        judged.foreign += ids.iter().filter(|id| !nearest.wanted.contains_key(id)).count() as u64;
        judged.neighbours += neighbours;
        judged.found += hits;
        judged.worst_recall = judged.worst_recall.min(hits as f64 / neighbours as f64);
    }
    judged.recall = judged.found as f64 / judged.neighbours.max(1) as f64;
    judged
}

fn tell(verified: &SearchVerification, found: &mut CollectionVerification) {
    let SearchVerification { queries, top_k, recall, .. } = verified;
    if verified.foreign > 0 {
        let told = format!(
            "searches in Milvus found {} rows that the source does not have: recall counts them as not found",
            verified.foreign
        );
        // Rows that were there before may be near.
        if found.rows_before > 0 { &mut found.notes } else { &mut found.differences }.push(told);
    }
    if found.hidden_rows > 0 {
        let what = "where ids repeat, a search in Milvus shows one row of each, and may show fewer neighbours than it was asked for";
        found.notes.push(what.into());
    }
    if let Some(least) = verified.min_recall.filter(|least| recall < least) {
        // Not rounded up to what was expected.
        let recall = (recall * 1e4).floor() / 1e4;
        found.differences.push(format!(
            "{queries} searches in Milvus find {recall} of the nearest {top_k} rows, expected at least {least}"
        ));
    }
}

#[cfg(test)]
mod tests;
