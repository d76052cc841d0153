// SPDX-License-Identifier: Apache-2.0
//! Searching for the nearest rows.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use serde_json::{Map, Value};

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::Result;
use crate::proto::common::{
    ConsistencyLevel, DslType, KeyValuePair, PlaceholderGroup, PlaceholderType, PlaceholderValue,
};
use crate::proto::milvus as pb;
use crate::proto::schema::{SearchResultData, i_ds::IdField};

const SEARCH_DEADLINE: Duration = Duration::from_secs(120);
/// The one group of vectors of a request.
const TAG: &str = "$0";

/// A search for the rows that are nearest to some vectors.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The field of the vectors.
    pub field: &'a str,
    /// The metric, which is that of the field's index.
    pub metric: &'a str,
    /// How thoroughly the index is searched, such as `nprobe` or `ef`.
    pub params: &'a BTreeMap<String, i64>,
    /// How many rows are wanted for each vector.
    pub top_k: usize,
    /// What is searched for.
    pub vectors: SearchVectors<'a>,
}

/// Vectors that are searched for.
#[derive(Clone, Copy, Debug)]
pub enum SearchVectors<'a> {
    /// Of 32-bit floats.
    Float(&'a [&'a [f32]]),
    /// Of packed bits.
    Binary(&'a [&'a [u8]]),
}

impl SearchVectors<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Float(vectors) => vectors.len(),
            Self::Binary(vectors) => vectors.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn placeholders(self) -> Vec<u8> {
        let (kind, values): (PlaceholderType, Vec<Vec<u8>>) = match self {
            Self::Float(vectors) => {
                let bytes = |vector: &&[f32]| vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                (PlaceholderType::PlaceholderFloatVector, vectors.iter().map(bytes).collect())
            }
            Self::Binary(vectors) => {
                let bytes = |vector: &&[u8]| vector.to_vec();
                (PlaceholderType::PlaceholderBinaryVector, vectors.iter().map(bytes).collect())
            }
        };
        let value = PlaceholderValue { tag: TAG.to_owned(), r#type: kind.into(), values };
        PlaceholderGroup { placeholders: vec![value] }.encode_to_vec()
    }
}

impl Client {
    /// Searches a whole collection, as it is now. Returns for each vector the ids
    /// of the rows that the server found, the nearest first: as many as are
    /// wanted, or fewer. No id comes twice.
    ///
    /// # Errors
    ///
    /// When the collection is not loaded, has another metric, does not take a
    /// parameter, or has ids that are no numbers; when the server does not
    /// answer; or when its answer is not one list of ids for each vector.
    pub async fn search(&self, name: &str, search: &Search<'_>) -> Result<Vec<Vec<i64>>> {
        let queries = search.vectors.len();
        if queries == 0 {
            return Ok(Vec::new());
        }
        let call = Call::read("Search", collection(name)).with_deadline(SEARCH_DEADLINE);
        let message = pb::SearchRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            partition_names: Vec::new(),
            dsl: String::new(),
            placeholder_group: search.vectors.placeholders(),
            dsl_type: DslType::BoolExprV1.into(),
            search_params: search_params(search),
            nq: i64::try_from(queries).unwrap_or(i64::MAX),
            consistency_level: ConsistencyLevel::Strong.into(),
            use_default_consistency: false,
        };
        let answer =
            self.call(&call, message, |mut service: Service, request| async move {
                service.search(request).await
            })
            .await?;
        found(&call, answer.results.unwrap_or_default(), queries)
    }
}

fn search_params(search: &Search<'_>) -> Vec<KeyValuePair> {
    let params: Map<String, Value> =
        search.params.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect();
    [
        ("anns_field", search.field.to_owned()),
        ("topk", search.top_k.to_string()),
        ("metric_type", search.metric.to_owned()),
        ("params", Value::Object(params).to_string()),
        ("round_decimal", "-1".to_owned()),
    ]
    .map(|(key, value)| KeyValuePair { key: key.to_owned(), value })
    .into()
}

/// Shares out the ids of an answer to the vectors that were searched for.
fn found(call: &Call, results: SearchResultData, queries: usize) -> Result<Vec<Vec<i64>>> {
    let ids = match results.ids.and_then(|ids| ids.id_field) {
        Some(IdField::IntId(ids)) => ids.data,
        Some(IdField::StrId(_)) => return Err(call.unexpected("numbers as ids", "texts")),
        // Nothing is there that could be found.
        None => Vec::new(),
    };
    if results.topks.len() != queries && !(ids.is_empty() && results.topks.is_empty()) {
        let found = results.topks.len().to_string();
        return Err(call.unexpected(format!("the rows of {queries} vectors"), found));
    }
    let mut left = ids.as_slice();
    let mut of_queries = Vec::with_capacity(queries);
    for rows in &results.topks {
        let rows = usize::try_from(*rows).ok().filter(|rows| *rows <= left.len());
        let rows = rows.ok_or_else(|| call.unexpected("an id for each row", "fewer"))?;
        let (ids, rest) = left.split_at(rows);
        of_queries.push(ids.to_vec());
        left = rest;
    }
    if !left.is_empty() {
        return Err(call.unexpected("an id for each row", "more"));
    }
    of_queries.resize(queries, Vec::new());
    Ok(of_queries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::schema::{IDs, LongArray, StringArray};

    fn answer(ids: Option<IdField>, topks: &[i64]) -> Result<Vec<Vec<i64>>> {
        let ids = ids.map(|id_field| IDs { id_field: Some(id_field) });
        let results = SearchResultData { ids, topks: topks.to_vec(), ..SearchResultData::default() };
        found(&Call::read("Search", collection("films")), results, 3)
    }

    fn numbers(ids: &[i64]) -> Option<IdField> {
        Some(IdField::IntId(LongArray { data: ids.to_vec() }))
    }

    #[test]
    fn ids_are_shared_out_to_the_vectors_in_their_order() {
        assert_eq!(answer(numbers(&[7, 8, 9]), &[2, 0, 1]).unwrap(), [vec![7, 8], Vec::new(), vec![9]]);
        // An empty collection has neither ids nor numbers of them.
        assert_eq!(answer(None, &[]).unwrap(), vec![Vec::<i64>::new(); 3]);
        assert_eq!(answer(numbers(&[]), &[0, 0, 0]).unwrap(), vec![Vec::<i64>::new(); 3]);
    }

    #[test]
    fn an_answer_that_is_not_of_these_vectors_is_an_error() {
        let texts = Some(IdField::StrId(StringArray { data: vec!["7".to_owned()] }));
        let cases = [
            (answer(numbers(&[7]), &[1]), "with 1, expected the rows of 3 vectors"),
            (answer(numbers(&[7]), &[]), "with 0, expected the rows of 3 vectors"),
            (answer(None, &[0, 0]), "with 2, expected the rows of 3 vectors"),
            (answer(numbers(&[7]), &[1, 1, 0]), "with fewer, expected an id for each row"),
            (answer(numbers(&[7]), &[-1, 1, 1]), "with fewer, expected an id for each row"),
            (answer(numbers(&[7, 8]), &[1, 0, 0]), "with more, expected an id for each row"),
            (answer(texts, &[1, 0, 0]), "with texts, expected numbers as ids"),
        ];
        for (answer, expected) in cases {
            let error = answer.unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    /// What the numbers in the protocol file say, byte by byte.
    #[test]
    fn vectors_have_their_form_on_the_wire() {
        let floats: [&[f32]; 2] = [&[1.0], &[-0.0]];
        let mut wire = vec![1 << 3 | 2, 18, 1 << 3 | 2, 2, b'$', b'0', 2 << 3, 101];
        wire.extend([3 << 3 | 2, 4, 0, 0, 0x80, 0x3f, 3 << 3 | 2, 4, 0, 0, 0, 0x80]);
        assert_eq!(SearchVectors::Float(&floats).placeholders(), wire);
        let bits: [&[u8]; 1] = [&[7, 255]];
        let wire = [1 << 3 | 2, 10, 1 << 3 | 2, 2, b'$', b'0', 2 << 3, 100, 3 << 3 | 2, 2, 7, 255];
        assert_eq!(SearchVectors::Binary(&bits).placeholders(), wire);
    }

    #[test]
    fn parameters_are_sent_as_numbers_of_one_object() {
        let params = [("nprobe".to_owned(), 16)].into();
        let vectors = SearchVectors::Float(&[]);
        let search = Search { field: "v", metric: "L2", params: &params, top_k: 10, vectors };
        let sent = search_params(&search).into_iter().map(|pair| (pair.key, pair.value));
        assert_eq!(
            sent.collect::<Vec<_>>(),
            [
                ("anns_field", "v"),
                ("topk", "10"),
                ("metric_type", "L2"),
                ("params", r#"{"nprobe":16}"#),
                ("round_decimal", "-1")
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }
}
