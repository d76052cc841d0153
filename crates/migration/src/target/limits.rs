// SPDX-License-Identifier: Apache-2.0
//! What of a collection a server cannot have.

use std::collections::HashSet;

use m2m_milvus::mapping::{self, Limits};
use m2m_milvus::{Field, FieldType, ServerVersion};

use super::Wanted;

/// Why a server of some version cannot have the collection: every reason, a
/// sentence each.
pub(super) fn exceeded(wanted: &Wanted, version: &ServerVersion) -> Vec<String> {
    let limits = mapping::limits(version);
    let mut reasons = names(wanted);
    reasons.extend(keys(wanted));
    reasons.extend(numbers(wanted, &limits));
    reasons.extend(size(wanted, &limits));
    reasons.extend(wanted.fields.iter().filter_map(|field| of_type(field, &limits)));
    reasons.extend(wanted.fields.iter().flat_map(|field| of_keys(field, &limits)));
    if wanted.is_parquet && !limits.has_parquet {
        reasons.push("it imports no Parquet files: dump with `--to-format npy`".into());
    }
    reasons
}

/// Names that the server would refuse, and those of two fields.
fn names(wanted: &Wanted) -> Vec<String> {
    let collection = mapping::check_collection_name(&wanted.name).err();
    let fields = wanted.fields.iter().filter_map(|field| mapping::check_field_name(&field.name).err());
    let mut reasons: Vec<String> =
        collection.into_iter().chain(fields).map(|error| error.to_string()).collect();
    // A name that is legal stays as it is.
    let legal = |name: &str| mapping::partition_names(&[name]).first().is_some_and(|legal| legal == name);
    let illegal = wanted.partitions.iter().filter(|name| !legal(name));
    reasons.extend(illegal.map(|name| format!("partition `{name}` has a name that it does not allow")));
    let mut known = HashSet::new();
    let twice = wanted.fields.iter().filter(|field| !known.insert(&field.name));
    reasons.extend(twice.map(|field| format!("two fields are called `{}`", field.name)));
    reasons
}

/// One primary key and one vector are what a migration makes.
fn keys(wanted: &Wanted) -> Vec<String> {
    let count = |is: fn(&&Field) -> bool| wanted.fields.iter().filter(is).count();
    let primary = count(|field| field.is_primary && field.field_type == FieldType::Int64);
    let all_primary = count(|field| field.is_primary);
    let vectors = count(|field| field.field_type.vector().is_some());
    let keys = count(|field| field.is_partition_key);
    let mut reasons = Vec::new();
    if (primary, all_primary) != (1, 1) {
        reasons.push(format!("it has {all_primary} primary keys, expected one of type Int64"));
    }
    if vectors != 1 {
        reasons.push(format!("it has {vectors} vectors, expected one"));
    }
    if keys > 1 || (keys == 1 && !wanted.partitions.is_empty()) {
        reasons.push(format!(
            "it has {} partitions and {keys} partition keys, expected partitions or one key",
            wanted.partitions.len()
        ));
    }
    reasons
}

/// Files that are planned longer than the server takes.
fn size(wanted: &Wanted, limits: &Limits) -> Option<String> {
    let (what, bytes) = match limits.is_file_limit_of_set && !wanted.is_parquet {
        true => ("a set of import files", wanted.set_bytes),
        false => ("an import file", wanted.file_bytes),
    };
    (bytes > limits.file_bytes).then(|| {
        format!(
            "{what} would have about {bytes} bytes, it imports at most {}: choose a smaller `--file-size`",
            limits.file_bytes
        )
    })
}

fn numbers(wanted: &Wanted, limits: &Limits) -> Vec<String> {
    let mut reasons = Vec::new();
    // The partition `_default` is there whether it is wanted or not.
    let others = wanted.partitions.iter().filter(|name| *name != mapping::DEFAULT_PARTITION).count();
    let partitions = others + 1;
    if partitions > limits.partitions {
        reasons.push(format!(
            "it has {partitions} partitions, the server allows {}: have a field keep their tags with `m2m.partitions: key`",
            limits.partitions
        ));
    }
    if wanted.fields.len() > limits.fields {
        reasons.push(format!("it has {} fields, the server allows {}", wanted.fields.len(), limits.fields));
    }
    reasons
}

fn of_type(field: &Field, limits: &Limits) -> Option<String> {
    let name = &field.name;
    match field.field_type {
        FieldType::FloatVector(dimension) if !limits.float_dimension.contains(&dimension) => Some(format!(
            "vectors of dimension {dimension} in `{name}`, the server allows {} to {}",
            limits.float_dimension.start(),
            limits.float_dimension.end()
        )),
        FieldType::BinaryVector(dimension)
            if dimension == 0 || dimension % 8 != 0 || dimension > limits.max_binary_dimension =>
        {
            Some(format!(
                "binary vectors of dimension {dimension} in `{name}`, the server allows multiples of 8 up to {}",
                limits.max_binary_dimension
            ))
        }
        FieldType::VarChar { max_length } if max_length == 0 || max_length > limits.varchar_bytes => {
            Some(format!(
                "texts of {max_length} bytes in `{name}`, the server allows 1 to {}",
                limits.varchar_bytes
            ))
        }
        FieldType::Json if !limits.has_json => {
            Some(format!("`{name}` is JSON, which the server does not have: make it `varchar`"))
        }
        _ => None,
    }
}

fn of_keys(field: &Field, limits: &Limits) -> Vec<String> {
    let name = &field.name;
    let mut reasons = Vec::new();
    if field.is_partition_key {
        if !limits.has_partition_key {
            let remedy = "keep partitions with `m2m.partitions: keep`";
            reasons.push(format!("`{name}` is a partition key, which the server does not have: {remedy}"));
        }
        if !matches!(field.field_type, FieldType::Int64 | FieldType::VarChar { .. }) {
            let found = field.field_type;
            reasons.push(format!("partition key `{name}` is of type {found}, expected Int64 or VarChar"));
        }
        if field.nullable && limits.has_nullable {
            let remedy = "give every row a tag with `COALESCE` in a query";
            reasons.push(format!(
                "partition key `{name}` has missing values, which the server does not take: {remedy}"
            ));
        }
    }
    if field.nullable && !limits.has_nullable {
        let remedy = "fill the gaps with `COALESCE` in a query";
        reasons.push(format!("`{name}` has missing values, which the server does not have: {remedy}"));
    }
    reasons
}

#[cfg(test)]
mod tests;
