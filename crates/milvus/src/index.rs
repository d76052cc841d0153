// SPDX-License-Identifier: Apache-2.0
//! Indexes, and loading a collection into memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::{Error, Result};
use crate::proto::common::{IndexState, KeyValuePair};
use crate::proto::milvus as pb;

/// Codes of "there is no index": that of 2.3 and newer, and the old one.
pub(crate) const NO_INDEX: [i32; 2] = [700, 25];
const INDEX_TYPE: &str = "index_type";
const METRIC_TYPE: &str = "metric_type";
const PARAMS: &str = "params";

/// An index to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its type, such as `IVF_FLAT`.
    pub index_type: String,
    /// Its metric, such as `L2`.
    pub metric: String,
    /// Its build parameters.
    pub params: BTreeMap<String, String>,
}

impl IndexSpec {
    /// Its build parameters as the server is sent them: a JSON object.
    #[must_use]
    pub fn params_json(&self) -> String {
        let params: Map<String, Value> =
            self.params.iter().map(|(name, value)| (name.clone(), parameter(value))).collect();
        Value::Object(params).to_string()
    }
}

/// An index that a field has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its type, such as `IVF_FLAT`.
    pub index_type: String,
    /// Its metric, such as `L2`; an index of a scalar has none.
    pub metric: Option<String>,
    /// Its other parameters, among them those it is built with.
    pub params: BTreeMap<String, String>,
}

/// How far an index is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexProgress {
    /// Rows of the collection.
    pub total_rows: u64,
    /// Rows that the index covers, or that are too few to need it.
    pub indexed_rows: u64,
    /// Rows that wait for it.
    pub pending_rows: u64,
    /// Why it failed, in the server's words.
    pub failed_reason: Option<String>,
}

impl IndexProgress {
    /// Whether the index covers every row. The server's own state says
    /// "finished" while rows that were imported later are still pending.
    #[must_use]
    pub fn done(&self) -> bool {
        self.failed_reason.is_none() && self.pending_rows == 0 && self.indexed_rows == self.total_rows
    }
}

impl Client {
    /// Has an index built. The call does not wait for it.
    ///
    /// # Errors
    ///
    /// When the server refuses the type, the metric or a parameter.
    pub async fn create_index(&self, name: &str, field: &str, spec: &IndexSpec) -> Result<()> {
        let subject = format!("{} on field `{field}` of {}", spec.index_type, collection(name));
        let call = Call::change("CreateIndex", subject);
        let message = pb::CreateIndexRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            field_name: field.to_owned(),
            extra_params: extra_params(spec),
        };
        self.call(&call, message, |mut service: Service, request| async move {
            service.create_index(request).await
        })
        .await?;
        Ok(())
    }

    /// Asks how far the index of a field is built.
    ///
    /// # Errors
    ///
    /// When there is no index, or the server does not answer.
    pub async fn index_progress(&self, name: &str, field: &str) -> Result<IndexProgress> {
        let (call, indexes) = self.describe_indexes(name, field).await?;
        let index = indexes.into_iter().find(|index| index.field_name == field);
        let index = index.ok_or_else(|| call.unexpected(format!("an index of field `{field}`"), "none"))?;
        progress(&call, &index)
    }

    /// The index of a field; `None` when it has none.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or the server does not answer.
    pub async fn index_info(&self, name: &str, field: &str) -> Result<Option<IndexInfo>> {
        let (call, indexes) = match self.describe_indexes(name, field).await {
            Err(Error::Refused { code, .. }) if NO_INDEX.contains(&code) => return Ok(None),
            answer => answer?,
        };
        let index = indexes.into_iter().find(|index| index.field_name == field);
        index.map(|index| info(&call, index)).transpose()
    }

    /// The indexes of a field, or of the whole collection when it is empty.
    pub(crate) async fn describe_indexes(
        &self,
        name: &str,
        field: &str,
    ) -> Result<(Call, Vec<pb::IndexDescription>)> {
        let call = Call::read("DescribeIndex", collection(name));
        let message = pb::DescribeIndexRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            field_name: field.to_owned(),
        };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.describe_index(request).await
            })
            .await?;
        Ok((call, answer.index_descriptions))
    }

    /// Loads a collection into memory, so that it can be searched; `refresh`
    /// has a loaded one take up rows imported since. The call does not wait.
    ///
    /// # Errors
    ///
    /// When the collection has no index, when memory does not suffice, or when
    /// the server does not answer.
    pub async fn load(&self, name: &str, refresh: bool) -> Result<()> {
        let call = Call::change("LoadCollection", collection(name));
        let message = pb::LoadCollectionRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            replica_number: 1,
            refresh,
        };
        self.call(&call, message, |mut service: Service, request| async move {
            service.load_collection(request).await
        })
        .await?;
        Ok(())
    }

    /// How much of a collection is in memory, in percent. A refresh is not
    /// part of it.
    ///
    /// # Errors
    ///
    /// When the collection is not being loaded, or the server does not answer.
    pub async fn load_percent(&self, name: &str) -> Result<u8> {
        let call = Call::read("GetLoadingProgress", collection(name));
        let message =
            pb::GetLoadingProgressRequest { db_name: self.database(), collection_name: name.to_owned() };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.get_loading_progress(request).await
            })
            .await?;
        u8::try_from(answer.progress)
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| call.unexpected("a percentage", answer.progress.to_string()))
    }

    /// Frees the memory that a loaded collection takes.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or the server does not answer.
    pub async fn release(&self, name: &str) -> Result<()> {
        let call = Call::change("ReleaseCollection", collection(name));
        let message =
            pb::ReleaseCollectionRequest { db_name: self.database(), collection_name: name.to_owned() };
        self.call(&call, message, |mut service: Service, request| async move {
            service.release_collection(request).await
        })
        .await?;
        Ok(())
    }
}

/// What is built into an index is told as one JSON object by some servers, and
/// pair by pair by others.
fn info(call: &Call, index: pb::IndexDescription) -> Result<IndexInfo> {
    let mut params: BTreeMap<String, String> =
        index.params.into_iter().map(|pair| (pair.key, pair.value)).collect();
    if let Some(text) = params.remove(PARAMS).filter(|text| !text.is_empty()) {
        let object: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| call.unexpected("parameters as a JSON object", text))?;
        params.extend(object.into_iter().map(|(name, value)| (name, text_of(value))));
    }
    let index_type =
        params.remove(INDEX_TYPE).ok_or_else(|| call.unexpected("the type of an index", "none"))?;
    Ok(IndexInfo { index_type, metric: params.remove(METRIC_TYPE), params })
}

fn text_of(value: Value) -> String {
    if let Value::String(text) = value { text } else { value.to_string() }
}

fn extra_params(spec: &IndexSpec) -> Vec<KeyValuePair> {
    [(INDEX_TYPE, spec.index_type.clone()), (METRIC_TYPE, spec.metric.clone()), (PARAMS, spec.params_json())]
        .map(|(key, value)| KeyValuePair { key: key.to_owned(), value })
        .into()
}

/// Numbers are sent as numbers, as every other client does.
fn parameter(value: &str) -> Value {
    value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from)
}

fn progress(call: &Call, index: &pb::IndexDescription) -> Result<IndexProgress> {
    let rows =
        |rows: i64| u64::try_from(rows).map_err(|_| call.unexpected("a number of rows", rows.to_string()));
    let reason = &index.index_state_fail_reason;
    let reason = if reason.is_empty() { "the server gave no reason" } else { reason };
    Ok(IndexProgress {
        total_rows: rows(index.total_rows)?,
        indexed_rows: rows(index.indexed_rows)?,
        pending_rows: rows(index.pending_index_rows)?,
        failed_reason: (index.state() == IndexState::Failed).then(|| reason.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(state: IndexState) -> pb::IndexDescription {
        pb::IndexDescription { total_rows: 10, indexed_rows: 10, state: state.into(), ..Default::default() }
    }

    fn call() -> Call {
        Call::read("DescribeIndex", collection("films"))
    }

    #[test]
    fn an_index_is_done_when_nothing_is_pending_whatever_its_state() {
        for state in [IndexState::Finished, IndexState::InProgress] {
            assert!(progress(&call(), &index(state)).unwrap().done());
        }
        let pending = pb::IndexDescription { pending_index_rows: 3, ..index(IndexState::Finished) };
        assert!(!progress(&call(), &pending).unwrap().done());
        let behind = pb::IndexDescription { indexed_rows: 0, ..index(IndexState::Finished) };
        assert!(!progress(&call(), &behind).unwrap().done());
    }

    #[test]
    fn a_failed_index_always_has_a_reason_and_is_never_done() {
        let failed = progress(&call(), &index(IndexState::Failed)).unwrap();
        assert_eq!(failed.failed_reason.as_deref(), Some("the server gave no reason"));
        assert!(!failed.done());
    }

    #[test]
    fn a_negative_number_of_rows_is_an_error() {
        let negative = pb::IndexDescription { indexed_rows: -1, ..index(IndexState::Finished) };
        let error = progress(&call(), &negative).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Milvus answered DescribeIndex of collection `films` with -1, expected a number of rows"
        );
    }

    fn described(params: &[(&str, &str)]) -> Result<IndexInfo> {
        let pair = |(key, value): &(&str, &str)| KeyValuePair { key: (*key).into(), value: (*value).into() };
        let params = params.iter().map(pair).collect();
        info(&call(), pb::IndexDescription { params, ..pb::IndexDescription::default() })
    }

    #[test]
    fn an_index_is_described_as_it_was_wanted() {
        let params = [("M", "16"), ("efConstruction", "200")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let spec =
            IndexSpec { index_type: "HNSW".to_owned(), metric: "L2".to_owned(), params: params.into() };
        let sent = pb::IndexDescription { params: extra_params(&spec), ..pb::IndexDescription::default() };
        let IndexInfo { index_type, metric, params } = info(&call(), sent).unwrap();
        assert_eq!(IndexSpec { index_type, metric: metric.unwrap(), params }, spec);
    }

    #[test]
    fn parameters_are_found_in_one_object_and_beside_it() {
        let flat = [("index_type", "HNSW"), ("metric_type", "IP"), ("M", "16"), ("efConstruction", "8")];
        let nested = [
            ("index_type", "HNSW"),
            ("metric_type", "IP"),
            ("efConstruction", "8"),
            ("params", r#"{"M": "16"}"#),
        ];
        assert_eq!(described(&flat).unwrap(), described(&nested).unwrap());
        assert_eq!(described(&flat).unwrap().params["M"], "16");
        let scalar = described(&[("index_type", "STL_SORT"), ("params", "")]).unwrap();
        assert_eq!((scalar.metric, scalar.params.len()), (None, 0));
    }

    #[test]
    fn an_index_without_a_type_or_with_other_parameters_is_an_error() {
        let bad: [(&[(&str, &str)], &str); 4] = [
            (&[], "with none, expected the type of an index"),
            (&[("metric_type", "L2"), ("params", "{}")], "with none, expected the type of an index"),
            (&[("index_type", "FLAT"), ("params", "[]")], "with [], expected parameters as a JSON object"),
            (&[("index_type", "FLAT"), ("params", "{")], "with {, expected parameters as a JSON object"),
        ];
        for (params, message) in bad {
            let error = described(params).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }

    #[test]
    fn parameters_are_sent_as_one_json_object() {
        let spec = IndexSpec {
            index_type: "HNSW".to_owned(),
            metric: "L2".to_owned(),
            params: [("M", "16"), ("efConstruction", "200")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        };
        let sent: Vec<_> = extra_params(&spec).into_iter().map(|pair| (pair.key, pair.value)).collect();
        assert_eq!(sent[0], ("index_type".to_owned(), "HNSW".to_owned()));
        assert_eq!(sent[1], ("metric_type".to_owned(), "L2".to_owned()));
        assert_eq!(sent[2], ("params".to_owned(), r#"{"M":16,"efConstruction":200}"#.to_owned()));
    }
}
