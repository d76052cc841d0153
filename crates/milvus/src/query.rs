// SPDX-License-Identifier: Apache-2.0
//! Counting and reading rows back.

use std::time::Duration;

use tonic::Code;

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::{Error, Result};
use crate::proto::common::ConsistencyLevel;
use crate::proto::milvus as pb;
use crate::proto::schema::field_data::Field;
use crate::proto::schema::{FieldData, scalar_field};
use crate::rows::Rows;

const QUERY_DEADLINE: Duration = Duration::from_secs(120);
const COUNT: &str = "count(*)";
const MAX_IDS: usize = 4096;
/// The server refuses to send answers above 64 MiB.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// The longest value there is, 32768 floats: it holds until the first answer.
const MAX_FIELD_BYTES: usize = 4 * 32768;

impl Client {
    /// Counts the rows of a collection or of one partition as they are now.
    /// Rows that have the same id count each.
    ///
    /// 2.2 cannot count: there it is the rows that are stored once everything
    /// in memory is written, deleted rows among them until the server compacts
    /// them away.
    ///
    /// # Errors
    ///
    /// When the collection is not loaded (2.2 does not need it), or when the
    /// server does not answer.
    pub async fn count(&self, name: &str, partition: Option<&str>) -> Result<u64> {
        let call = query_call(name, partition);
        let count = match self.version().at_least(2, 3) {
            true => {
                let fields = vec![COUNT.to_owned()];
                let answer = self.query(&call, name, partition, String::new(), &fields).await?;
                counted(&answer)
            }
            false => {
                self.flush(name).await?;
                Some(self.stored_rows(name, partition).await?)
            }
        };
        row_count(&call, count)
    }

    /// Reads the rows with the given ids, as they are now: the id, and fields
    /// that are named. Ids that the server does not find are not in the answer,
    /// and of several rows with the same id only one is.
    ///
    /// # Errors
    ///
    /// When the collection is not loaded or lacks a field, when the server does
    /// not answer, or when its answer is not one value of each field for each id.
    pub async fn query_by_ids(
        &self,
        name: &str,
        partition: Option<&str>,
        id_field: &str,
        fields: &[&str],
        ids: &[i64],
    ) -> Result<Rows> {
        let (call, asked) = (query_call(name, partition), asked(id_field, fields));
        let mut rows = Rows::default();
        let (mut left, mut longest) = (ids, 0);
        let mut batch = batch_len(MAX_FIELD_BYTES.saturating_mul(fields.len()));
        while !left.is_empty() {
            let (ids, rest) = left.split_at(left.len().min(batch));
            let answer = self.query(&call, name, partition, expression(id_field, ids), &asked).await;
            let answer = match answer {
                // Texts may be longer than those before: fewer ids are asked for.
                Err(error) if ids.len() > 1 && !rows.ids.is_empty() && may_be_too_long(&error) => {
                    batch = ids.len() / 2;
                    continue;
                }
                answer => answer?,
            };
            longest = longest.max(rows.append(&call, answer, id_field, fields)?);
            if longest > 0 {
                batch = batch_len(longest);
            }
            left = rest;
        }
        Ok(rows)
    }

    /// Reads rows as [`Client::query_by_ids`] does, in one question: for callers
    /// who know that the answer stays below 16 MiB. One that the server finds too
    /// long after all is asked for piece by piece.
    ///
    /// # Errors
    ///
    /// Those of [`Client::query_by_ids`].
    pub async fn query_block(
        &self,
        name: &str,
        partition: Option<&str>,
        id_field: &str,
        fields: &[&str],
        ids: &[i64],
    ) -> Result<Rows> {
        if ids.is_empty() {
            return Ok(Rows::default());
        }
        let (call, asked) = (query_call(name, partition), asked(id_field, fields));
        let answer = self.query(&call, name, partition, expression(id_field, ids), &asked).await;
        match answer {
            Err(error) if ids.len() > 1 && may_be_too_long(&error) => {
                self.query_by_ids(name, partition, id_field, fields, ids).await
            }
            answer => {
                let mut rows = Rows::default();
                rows.append(&call, answer?, id_field, fields)?;
                Ok(rows)
            }
        }
    }

    /// Queries at strong consistency: what was written before is seen.
    async fn query(
        &self,
        call: &Call,
        name: &str,
        partition: Option<&str>,
        expr: String,
        output_fields: &[String],
    ) -> Result<Vec<FieldData>> {
        let message = pb::QueryRequest {
            db_name: self.database(),
            collection_name: name.to_owned(),
            expr,
            output_fields: output_fields.to_vec(),
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

/// The fields of an answer: the id, and those that are named.
fn asked(id_field: &str, fields: &[&str]) -> Vec<String> {
    std::iter::once(id_field).chain(fields.iter().copied()).map(ToOwned::to_owned).collect()
}

fn batch_len(row_bytes: usize) -> usize {
    (MAX_ANSWER_BYTES / row_bytes.max(1)).clamp(1, MAX_IDS)
}

/// Whether an answer may have been longer than a server sends: each version
/// says so in words of its own.
fn may_be_too_long(error: &Error) -> bool {
    match error {
        Error::Refused { .. } => true,
        Error::Rpc { source, .. } => matches!(source.code(), Code::ResourceExhausted | Code::OutOfRange),
        _ => false,
    }
}

fn expression(id_field: &str, ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("{id_field} in [{}]", ids.join(","))
}

fn row_count(call: &Call, count: Option<i64>) -> Result<u64> {
    let count = count.ok_or_else(|| call.unexpected("a count", "none"))?;
    u64::try_from(count).map_err(|_| call.unexpected("a count", count.to_string()))
}

fn counted(answer: &[FieldData]) -> Option<i64> {
    let numbers = answer.iter().find_map(|field| match field.field.as_ref()? {
        Field::Scalars(scalars) => match scalars.data.as_ref()? {
            scalar_field::Data::LongData(numbers) => Some(&numbers.data),
            _ => None,
        },
        Field::Vectors(_) => None,
    });
    numbers?.first().copied()
}

#[cfg(test)]
mod tests;
