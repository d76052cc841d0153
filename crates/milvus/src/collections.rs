// SPDX-License-Identifier: Apache-2.0
//! Collections and their partitions.

use prost::Message;

use crate::client::{Call, Client, Service};
use crate::error::{Error, Result};
use crate::proto::common::{ConsistencyLevel, KeyValuePair};
use crate::proto::milvus as pb;
use crate::proto::schema::{CollectionSchema, DataType, FieldSchema};

/// The element type and dimension of a vector field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorType {
    /// 32-bit floats, as many as the dimension says.
    Float(u32),
    /// Bits, as many as the dimension says.
    Binary(u32),
}

impl VectorType {
    /// The dimension.
    #[must_use]
    pub fn dimension(self) -> u32 {
        match self {
            Self::Float(dimension) | Self::Binary(dimension) => dimension,
        }
    }

    /// Whether the elements are bits.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Binary(_))
    }
}

/// A collection to be created: an `Int64` primary key whose values the caller
/// brings along, and one vector field.
#[derive(Clone, Debug)]
pub struct NewCollection {
    /// The collection's name.
    pub name: String,
    /// The name of the primary key.
    pub id_field: String,
    /// The name of the vector field.
    pub vector_field: String,
    /// The vectors.
    pub vector: VectorType,
    /// How many shards; 0 leaves it to the server.
    pub shards: i32,
    /// Free text.
    pub description: String,
}

/// A collection as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// The dimension of the vectors.
    pub dimension: u32,
    /// Whether the vectors are bits.
    pub is_binary: bool,
    /// The name of the primary key.
    pub id_field: String,
    /// The name of the vector field.
    pub vector_field: String,
}

impl Client {
    /// Describes a collection; `None` when there is none of this name.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or when the collection has other
    /// fields than an `Int64` primary key and one float or binary vector.
    pub async fn describe_collection(&self, name: &str) -> Result<Option<CollectionInfo>> {
        if !self.has_collection(name).await? {
            return Ok(None);
        }
        let call = Call::read("DescribeCollection", collection(name));
        let message =
            pb::DescribeCollectionRequest { db_name: self.database(), collection_name: name.to_owned() };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.describe_collection(request).await
            })
            .await?;
        let schema = answer.schema.ok_or_else(|| call.unexpected("a schema", "none"))?;
        let info =
            info(&schema).map_err(|reason| Error::ForeignSchema { collection: name.to_owned(), reason })?;
        Ok(Some(info))
    }

    /// Creates a collection. Creating the same one again succeeds.
    ///
    /// # Errors
    ///
    /// When the server refuses the definition, or has another collection of
    /// this name.
    pub async fn create_collection(&self, new: &NewCollection) -> Result<()> {
        let call = Call::write("CreateCollection", collection(&new.name));
        let message = pb::CreateCollectionRequest {
            db_name: self.database(),
            collection_name: new.name.clone(),
            schema: schema(new).encode_to_vec(),
            shards_num: new.shards,
            consistency_level: ConsistencyLevel::Bounded.into(),
        };
        self.call(&call, message, |mut service: Service, request| async move {
            service.create_collection(request).await
        })
        .await?;
        Ok(())
    }

    /// Drops a collection.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn drop_collection(&self, name: &str) -> Result<()> {
        let call = Call::write("DropCollection", collection(name));
        let message =
            pb::DropCollectionRequest { db_name: self.database(), collection_name: name.to_owned() };
        self.call(&call, message, |mut service: Service, request| async move {
            service.drop_collection(request).await
        })
        .await?;
        Ok(())
    }

    /// Creates a partition. Every collection has `_default` from the start.
    ///
    /// # Errors
    ///
    /// When the server refuses the name, has too many partitions, or does not
    /// answer.
    pub async fn create_partition(&self, collection: &str, partition: &str) -> Result<()> {
        let subject = format!("partition `{partition}` of collection `{collection}`");
        let call = Call::write("CreatePartition", subject);
        let message = pb::CreatePartitionRequest {
            db_name: self.database(),
            collection_name: collection.to_owned(),
            partition_name: partition.to_owned(),
        };
        self.call(&call, message, |mut service: Service, request| async move {
            service.create_partition(request).await
        })
        .await?;
        Ok(())
    }

    /// The names of a collection's partitions.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or the server does not answer.
    pub async fn list_partitions(&self, name: &str) -> Result<Vec<String>> {
        let call = Call::read("ShowPartitions", collection(name));
        let message =
            pb::ShowPartitionsRequest { db_name: self.database(), collection_name: name.to_owned() };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.show_partitions(request).await
            })
            .await?;
        Ok(answer.partition_names)
    }

    async fn has_collection(&self, name: &str) -> Result<bool> {
        let call = Call::read("HasCollection", collection(name));
        let message = pb::HasCollectionRequest { db_name: self.database(), collection_name: name.to_owned() };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.has_collection(request).await
            })
            .await?;
        Ok(answer.value)
    }
}

/// How a collection is named in messages.
pub(crate) fn collection(name: &str) -> String {
    format!("collection `{name}`")
}

/// The server wants the collection's name in its schema too.
fn schema(new: &NewCollection) -> CollectionSchema {
    let id = FieldSchema {
        field_id: 100,
        name: new.id_field.clone(),
        is_primary_key: true,
        data_type: DataType::Int64.into(),
        ..FieldSchema::default()
    };
    let data_type = if new.vector.is_binary() { DataType::BinaryVector } else { DataType::FloatVector };
    let vector = FieldSchema {
        field_id: 101,
        name: new.vector_field.clone(),
        data_type: data_type.into(),
        type_params: vec![KeyValuePair { key: "dim".to_owned(), value: new.vector.dimension().to_string() }],
        ..FieldSchema::default()
    };
    CollectionSchema {
        name: new.name.clone(),
        description: new.description.clone(),
        fields: vec![id, vector],
        ..CollectionSchema::default()
    }
}

fn info(schema: &CollectionSchema) -> Result<CollectionInfo, String> {
    let [first, second] = schema.fields.as_slice() else {
        return Err(format!("it has {} fields, expected a primary key and a vector", schema.fields.len()));
    };
    let (id, vector) = if first.is_primary_key { (first, second) } else { (second, first) };
    if !id.is_primary_key || id.data_type() != DataType::Int64 {
        return Err("it has no primary key of type Int64".to_owned());
    }
    if id.auto_id {
        return Err(format!("its primary key `{}` is made by the server", id.name));
    }
    let is_binary = match vector.data_type() {
        DataType::FloatVector => false,
        DataType::BinaryVector => true,
        _ => return Err(format!("its field `{}` is no float or binary vector", vector.name)),
    };
    let dimension = vector.type_params.iter().find(|param| param.key == "dim");
    let dimension = dimension
        .and_then(|param| param.value.parse().ok())
        .ok_or_else(|| format!("its vector field `{}` has no dimension", vector.name))?;
    Ok(CollectionInfo { dimension, is_binary, id_field: id.name.clone(), vector_field: vector.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(vector: VectorType) -> NewCollection {
        NewCollection {
            name: "films".to_owned(),
            id_field: "id".to_owned(),
            vector_field: "vector".to_owned(),
            vector,
            shards: 1,
            description: String::new(),
        }
    }

    #[test]
    fn what_is_created_is_described_the_same() {
        for vector in [VectorType::Float(7), VectorType::Binary(512)] {
            let mut schema = schema(&new(vector));
            assert_eq!(schema.name, "films");
            for _ in 0..2 {
                let info = info(&schema).unwrap();
                assert_eq!((info.dimension, info.is_binary), (vector.dimension(), vector.is_binary()));
                assert_eq!((info.id_field.as_str(), info.vector_field.as_str()), ("id", "vector"));
                schema.fields.reverse();
            }
        }
    }

    #[test]
    fn a_collection_of_other_fields_is_told_apart() {
        let changes: [(fn(&mut CollectionSchema), &str); 6] = [
            (|schema| schema.fields.truncate(1), "it has 1 fields"),
            (|schema| schema.fields[0].is_primary_key = false, "no primary key"),
            (|schema| schema.fields[0].data_type = 21, "no primary key of type Int64"),
            (|schema| schema.fields[0].auto_id = true, "made by the server"),
            (|schema| schema.fields[1].data_type = 104, "no float or binary vector"),
            (|schema| schema.fields[1].type_params[0].value = "many".to_owned(), "no dimension"),
        ];
        for (change, reason) in changes {
            let mut schema = schema(&new(VectorType::Float(7)));
            change(&mut schema);
            let found = info(&schema).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }
}
