// SPDX-License-Identifier: Apache-2.0
//! Collections and their partitions.

use prost::Message;

use crate::client::{Call, Client, Service};
use crate::error::{Error, Result};
use crate::fields::{Field, FieldInfo, FieldType, VectorType};
use crate::proto::common::ConsistencyLevel;
use crate::proto::milvus as pb;
use crate::proto::schema::CollectionSchema;

/// Smaller numbers are the server's own fields.
const FIRST_FIELD_ID: i64 = 100;

/// A collection to be created.
#[derive(Clone, Debug)]
pub struct NewCollection {
    /// The collection's name.
    pub name: String,
    /// Its fields, in this order: one of them the primary key, and a vector.
    pub fields: Vec<Field>,
    /// How many shards; 0 leaves it to the server.
    pub shards: i32,
    /// Free text.
    pub description: String,
}

impl NewCollection {
    /// Whether it is the one that the server describes.
    fn is(&self, found: &CollectionInfo) -> bool {
        let same = |wanted: &Field, found: &FieldInfo| {
            wanted.name == found.name
                && Some(wanted.field_type) == found.field_type
                && wanted.is_primary == found.is_primary
                && wanted.is_partition_key == found.is_partition_key
                && wanted.nullable == found.nullable
                && !found.auto_id
                && !found.is_computed
        };
        self.name == found.name
            && self.description == found.description
            && (self.shards == 0 || self.shards == found.shards)
            && !found.is_dynamic
            && self.fields.len() == found.fields.len()
            && self.fields.iter().zip(&found.fields).all(|(wanted, found)| same(wanted, found))
    }
}

/// A collection of any schema, as the server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionInfo {
    /// The collection's name.
    pub name: String,
    /// The server's number of it, which a later collection of the same name
    /// does not get.
    pub id: i64,
    /// Free text.
    pub description: String,
    /// How many shards it has.
    pub shards: i32,
    /// Its fields, in the server's order, without the one that keeps what no
    /// other field is for.
    pub fields: Vec<FieldInfo>,
    /// Whether it keeps values that no field is for.
    pub is_dynamic: bool,
}

impl CollectionInfo {
    /// The primary key.
    ///
    /// # Errors
    ///
    /// When its values are not of type `Int64`, or when the server makes them.
    pub fn primary(&self) -> Result<&FieldInfo> {
        let Some(field) = self.fields.iter().find(|field| field.is_primary) else {
            return Err(self.foreign("it has no primary key".to_owned()));
        };
        if field.auto_id {
            return Err(self.foreign(format!("its primary key `{}` is made by the server", field.name)));
        }
        if field.field_type != Some(FieldType::Int64) {
            let reason = format!("its primary key `{}` is of type {field}, expected Int64", field.name);
            return Err(self.foreign(reason));
        }
        Ok(field)
    }

    /// The one vector, and what it is.
    ///
    /// # Errors
    ///
    /// When there is no float or binary vector, or more than one.
    pub fn vector(&self) -> Result<(&FieldInfo, VectorType)> {
        let mut vectors = self.vectors();
        match (vectors.next(), vectors.next()) {
            (Some(vector), None) => Ok(vector),
            (None, _) => Err(self.foreign("it has no float or binary vector".to_owned())),
            (Some((first, _)), Some((second, _))) => {
                let reason =
                    format!("it has several vectors, `{}` and `{}` among them", first.name, second.name);
                Err(self.foreign(reason))
            }
        }
    }

    /// The vectors that a migration can fill.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (&FieldInfo, VectorType)> {
        let filled = self.fields.iter().filter(|field| !field.is_computed);
        filled.filter_map(|field| Some((field, field.field_type?.vector()?)))
    }

    fn foreign(&self, reason: String) -> Error {
        Error::ForeignSchema { collection: self.name.clone(), reason }
    }

    fn of(name: &str, answer: &pb::DescribeCollectionResponse, schema: &CollectionSchema) -> Self {
        let stored = schema.fields.iter().filter(|field| !field.is_dynamic);
        Self {
            name: name.to_owned(),
            id: answer.collection_id,
            description: schema.description.clone(),
            shards: answer.shards_num,
            fields: stored.map(FieldInfo::of).collect(),
            is_dynamic: schema.enable_dynamic_field,
        }
    }
}

impl Client {
    /// Describes a collection; `None` when there is none of this name.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
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
        let schema = answer.schema.as_ref().ok_or_else(|| call.unexpected("a schema", "none"))?;
        Ok(Some(CollectionInfo::of(name, &answer, schema)))
    }

    /// Creates a collection. Creating the same one again, description and all,
    /// succeeds.
    ///
    /// # Errors
    ///
    /// When the server refuses the definition, or has another collection of
    /// this name.
    pub async fn create_collection(&self, new: &NewCollection) -> Result<()> {
        let call = Call::change("CreateCollection", collection(&new.name));
        let message = pb::CreateCollectionRequest {
            db_name: self.database(),
            collection_name: new.name.clone(),
            schema: schema(new).encode_to_vec(),
            shards_num: new.shards,
            consistency_level: ConsistencyLevel::Bounded.into(),
        };
        let created = self
            .call(&call, message, |mut service: Service, request| async move {
                service.create_collection(request).await
            })
            .await;
        // A server takes no definition for the one it has once it was started again.
        match created {
            Err(refused @ Error::Refused { .. }) => match self.describe_collection(&new.name).await {
                Ok(Some(found)) if new.is(&found) => Ok(()),
                _ => Err(refused),
            },
            created => created.map(|_| ()),
        }
    }

    /// Drops a collection.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn drop_collection(&self, name: &str) -> Result<()> {
        let call = Call::change("DropCollection", collection(name));
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
        let call = Call::change("CreatePartition", subject);
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
pub(crate) fn schema(new: &NewCollection) -> CollectionSchema {
    CollectionSchema {
        name: new.name.clone(),
        description: new.description.clone(),
        fields: new.fields.iter().zip(FIRST_FIELD_ID..).map(|(field, id)| field.schema(id)).collect(),
        ..CollectionSchema::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::schema::{DataType, FieldSchema};

    fn films() -> NewCollection {
        let year = Field { is_partition_key: true, ..Field::new("year", FieldType::Int64) };
        let title = Field { nullable: true, ..Field::new("title", FieldType::VarChar { max_length: 64 }) };
        NewCollection {
            name: "films".to_owned(),
            fields: vec![Field::primary("id"), Field::new("vector", VectorType::Float(7)), year, title],
            shards: 1,
            description: "old films".to_owned(),
        }
    }

    /// What the server describes after a change of its schema.
    fn described(change: impl Fn(&mut CollectionSchema)) -> CollectionInfo {
        let mut sent = CollectionSchema::decode(schema(&films()).encode_to_vec().as_slice()).unwrap();
        change(&mut sent);
        let answer =
            pb::DescribeCollectionResponse { collection_id: 42, shards_num: 2, ..Default::default() };
        CollectionInfo::of("films", &answer, &sent)
    }

    #[test]
    fn what_is_created_is_described_the_same() {
        let info = described(|_| {});
        assert_eq!((info.name.as_str(), info.description.as_str()), ("films", "old films"));
        assert_eq!((info.id, info.shards), (42, 2));
        assert!(!info.is_dynamic);
        let fields = films().fields;
        assert_eq!(info.fields.len(), fields.len());
        for (found, wanted) in info.fields.iter().zip(fields) {
            assert_eq!((&found.name, found.field_type), (&wanted.name, Some(wanted.field_type)));
            assert_eq!(found.is_primary, wanted.is_primary);
            assert_eq!((found.is_partition_key, found.nullable), (wanted.is_partition_key, wanted.nullable));
        }
    }

    #[test]
    fn a_collection_is_the_same_when_nothing_of_it_differs() {
        type Change = fn(&mut NewCollection);
        let found = described(|_| {});
        let same: [Change; 2] = [|_| (), |new| new.shards = 0];
        for change in same {
            let mut new = NewCollection { shards: 2, ..films() };
            change(&mut new);
            assert!(new.is(&found));
        }
        let others: [Change; 9] = [
            |new| new.name.push('2'),
            |new| new.description.clear(),
            |new| new.shards = 3,
            |new| drop(new.fields.pop()),
            |new| new.fields.reverse(),
            |new| new.fields[1].name.push('2'),
            |new| new.fields[1].field_type = VectorType::Float(8).into(),
            |new| new.fields[2].is_partition_key = false,
            |new| new.fields[3].nullable = false,
        ];
        for change in others {
            let mut new = NewCollection { shards: 2, ..films() };
            change(&mut new);
            assert!(!new.is(&found), "{new:?}");
        }
        let new = NewCollection { shards: 2, ..films() };
        assert!(!new.is(&described(|schema| schema.enable_dynamic_field = true)));
        assert!(!new.is(&described(|schema| schema.fields[0].auto_id = true)));
        assert!(!new.is(&described(|schema| schema.fields[1].is_function_output = true)));
    }

    #[test]
    fn fields_are_numbered_from_where_users_fields_begin() {
        let schema = schema(&films());
        assert_eq!(schema.name, "films");
        assert_eq!(
            schema.fields.iter().map(|field| field.field_id).collect::<Vec<_>>(),
            [100, 101, 102, 103]
        );
    }

    #[test]
    fn keys_and_vectors_are_found_wherever_they_stand() {
        let info = described(|schema| schema.fields.reverse());
        assert_eq!(info.primary().unwrap().name, "id");
        let (vector, vector_type) = info.vector().unwrap();
        assert_eq!((vector.name.as_str(), vector_type), ("vector", VectorType::Float(7)));
    }

    #[test]
    fn a_collection_with_another_key_or_vector_is_told_apart() {
        type Change = fn(&mut CollectionSchema);
        let keys: [(Change, &str); 4] = [
            (|schema| schema.fields.clear(), "it has no primary key"),
            (|schema| schema.fields[0].is_primary_key = false, "it has no primary key"),
            (
                |schema| schema.fields[0].data_type = DataType::VarChar.into(),
                "its primary key `id` is of type VarChar, expected Int64",
            ),
            (|schema| schema.fields[0].auto_id = true, "its primary key `id` is made by the server"),
        ];
        for (change, reason) in keys {
            let Error::ForeignSchema { collection, reason: found } = described(change).primary().unwrap_err()
            else {
                panic!("another error");
            };
            assert_eq!((collection.as_str(), found.as_str()), ("films", reason));
        }
        let none = "it has no float or binary vector";
        let vectors: [(Change, &str); 5] = [
            (|schema| schema.fields.truncate(1), none),
            (|schema| schema.fields[1].data_type = 104, none),
            (|schema| schema.fields[1].is_function_output = true, none),
            (|schema| schema.fields[1].type_params[0].value = "many".to_owned(), none),
            (
                |schema| schema.fields.push(Field::new("second", VectorType::Binary(8)).schema(104)),
                "it has several vectors, `vector` and `second` among them",
            ),
        ];
        for (change, reason) in vectors {
            let error = described(change).vector().unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
    }

    #[test]
    fn the_field_for_everything_else_is_not_listed() {
        let info = described(|schema| {
            schema.enable_dynamic_field = true;
            let json = Field::new("$meta", FieldType::Json).schema(104);
            schema.fields.push(FieldSchema { is_dynamic: true, ..json });
        });
        assert!(info.is_dynamic);
        assert_eq!(info.fields.len(), 4);
    }
}
