// SPDX-License-Identifier: Apache-2.0
//! Counting and reading rows back.

use std::time::Duration;

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::Result;
use crate::proto::common::ConsistencyLevel;
use crate::proto::milvus as pb;
use crate::proto::schema::field_data::Field;
use crate::proto::schema::{FieldData, VectorField, scalar_field, vector_field};

const QUERY_DEADLINE: Duration = Duration::from_secs(120);
const COUNT: &str = "count(*)";
const MAX_IDS: usize = 4096;
/// The server refuses to send answers above 64 MiB.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// The longest row there is, 32768 floats: it holds until the first answer.
const MAX_ROW_BYTES: usize = 4 * 32768;

/// Rows as the server answered them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The ids, in the order of the answer.
    pub ids: Vec<i64>,
    /// The vectors in the same order: little-endian floats, or packed bits.
    pub vectors: Vec<u8>,
    /// The length of one vector in `vectors`; 0 when there is no row.
    pub row_bytes: usize,
}

impl Client {
    /// Counts the rows of a collection or of one partition as they are now.
    /// Rows that have the same id count each.
    ///
    /// # Errors
    ///
    /// When the collection is not loaded, when the server is older than 2.3,
    /// or when it does not answer.
    pub async fn count(&self, name: &str, partition: Option<&str>) -> Result<u64> {
        self.require(2, 3, "count rows", "2.3")?;
        let call = query_call(name, partition);
        let fields = vec![COUNT.to_owned()];
        let answer = self.query(&call, name, partition, String::new(), fields).await?;
        let count = answer.iter().find_map(integers).and_then(<[i64]>::first);
        let count = count.ok_or_else(|| call.unexpected("a count", "none"))?;
        u64::try_from(*count).map_err(|_| call.unexpected("a count", count.to_string()))
    }

    /// Reads the rows with the given ids, as they are now. Ids that the server
    /// does not find are not in the answer, and of several rows with the same
    /// id only one is.
    ///
    /// # Errors
    ///
    /// When the collection is not loaded, when the server does not answer, or
    /// when its answer is not one vector for each id.
    pub async fn query_by_ids(
        &self,
        name: &str,
        partition: Option<&str>,
        id_field: &str,
        vector_field: &str,
        ids: &[i64],
    ) -> Result<Rows> {
        let call = query_call(name, partition);
        let mut rows = Rows::default();
        let mut left = ids;
        while !left.is_empty() {
            let (batch, rest) = left.split_at(left.len().min(batch_len(rows.row_bytes)));
            let fields = vec![id_field.to_owned(), vector_field.to_owned()];
            let answer = self.query(&call, name, partition, expression(id_field, batch), fields).await?;
            append(&call, &mut rows, &answer, id_field, vector_field)?;
            left = rest;
        }
        Ok(rows)
    }

    /// Queries at strong consistency: what was written before is seen.
    async fn query(
        &self,
        call: &Call,
        name: &str,
        partition: Option<&str>,
        expr: String,
        output_fields: Vec<String>,
    ) -> Result<Vec<FieldData>> {
        let message = pb::QueryRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            expr,
            output_fields,
            partition_names: partition.map(ToOwned::to_owned).into_iter().collect(),
            consistency_level: ConsistencyLevel::Strong.into(),
            use_default_consistency: false,
        };
        let answer = self
            .call(call, message, |mut service: Service, request| async move { service.query(request).await })
            .await?;
        Ok(answer.fields_data)
    }
}

fn query_call(name: &str, partition: Option<&str>) -> Call {
    let subject = match partition {
        Some(partition) => format!("partition `{partition}` of {}", collection(name)),
        None => collection(name),
    };
    Call::read("Query", subject).with_deadline(QUERY_DEADLINE)
}

fn batch_len(row_bytes: usize) -> usize {
    let row_bytes = if row_bytes == 0 { MAX_ROW_BYTES } else { row_bytes };
    (MAX_ANSWER_BYTES / row_bytes).clamp(1, MAX_IDS)
}

fn expression(id_field: &str, ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("{id_field} in [{}]", ids.join(","))
}

/// Adds an answer to the rows, if it holds one vector for each id.
fn append(
    call: &Call,
    rows: &mut Rows,
    answer: &[FieldData],
    id_field: &str,
    vector_field: &str,
) -> Result<()> {
    let find = |name: &str| answer.iter().find(|field| field.field_name == name);
    let missing = |name: &str| call.unexpected(format!("field `{name}`"), "none");
    let ids = find(id_field).and_then(integers).unwrap_or_default();
    if ids.is_empty() {
        return Ok(());
    }
    let vectors = find(vector_field).and_then(vectors).ok_or_else(|| missing(vector_field))?;
    let before = rows.vectors.len();
    let row_bytes = push_vectors(&mut rows.vectors, vectors);
    let row_bytes = row_bytes.ok_or_else(|| call.unexpected("float or binary vectors", "others"))?;
    let (expected, found) = (ids.len().saturating_mul(row_bytes), rows.vectors.len() - before);
    if row_bytes == 0 || expected != found || (rows.row_bytes != 0 && rows.row_bytes != row_bytes) {
        let expected = format!("{} vectors of {row_bytes} bytes", ids.len());
        return Err(call.unexpected(expected, format!("{found} bytes")));
    }
    rows.ids.extend_from_slice(ids);
    rows.row_bytes = row_bytes;
    Ok(())
}

/// Adds raw vectors and returns the length of one by the field's dimension.
fn push_vectors(out: &mut Vec<u8>, field: &VectorField) -> Option<usize> {
    let dimension = usize::try_from(field.dim).ok()?;
    match field.data.as_ref()? {
        vector_field::Data::FloatVector(floats) => {
            out.reserve(floats.data.len().saturating_mul(4));
            out.extend(floats.data.iter().flat_map(|value| value.to_le_bytes()));
            dimension.checked_mul(4)
        }
        vector_field::Data::BinaryVector(bits) => {
            out.extend_from_slice(bits);
            Some(dimension / 8)
        }
    }
}

fn integers(field: &FieldData) -> Option<&[i64]> {
    match field.field.as_ref()? {
        Field::Scalars(scalars) => match scalars.data.as_ref()? {
            scalar_field::Data::LongData(longs) => Some(&longs.data),
        },
        Field::Vectors(_) => None,
    }
}

fn vectors(field: &FieldData) -> Option<&VectorField> {
    match field.field.as_ref()? {
        Field::Vectors(vectors) => Some(vectors),
        Field::Scalars(_) => None,
    }
}

#[cfg(test)]
mod tests;
