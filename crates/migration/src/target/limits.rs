// SPDX-License-Identifier: Apache-2.0
//! What of a collection a server cannot have.

use std::collections::HashSet;

use m2m_milvus::mapping::{self, Limits};
use m2m_milvus::{Field, FieldType, ServerVersion};

use super::{Limit, Wanted};

/// The most bits that a vector may have on any server.
const MOST_BITS: u32 = 262_144;
const NOWHERE: &str = "leave the collection out: no Milvus 2.x takes them";

/// Why a server of some version cannot have the collection: every reason.
pub(super) fn exceeded(wanted: &Wanted, version: &ServerVersion) -> Vec<Limit> {
    let limits = mapping::limits(version);
    let mut reasons = names(wanted);
    reasons.extend(keys(wanted));
    reasons.extend(numbers(wanted, &limits));
    reasons.extend(size(wanted, &limits));
    reasons.extend(wanted.fields.iter().filter_map(|field| of_type(field, &limits)));
    reasons.extend(wanted.fields.iter().flat_map(|field| of_keys(field, &limits)));
    if wanted.is_parquet && !limits.has_parquet {
        reasons.push(Limit::new("it imports no Parquet files", "dump with `--to-format npy`"));
    }
    reasons
}

/// Names that the server would refuse, and those of two fields.
fn names(wanted: &Wanted) -> Vec<Limit> {
    let settings = format!("`m2m.collections.{}", wanted.source);
    let mut reasons = Vec::new();
    if let Err(error) = mapping::check_collection_name(&wanted.name) {
        reasons.push(Limit::new(error.to_string(), format!("give it another name with {settings}.name`")));
    }
    let of_field = |problem: String| Limit::new(problem, format!("name its fields with {settings}.fields`"));
    let fields = wanted.fields.iter().filter_map(|field| mapping::check_field_name(&field.name).err());
    reasons.extend(fields.map(|error| of_field(error.to_string())));
    // A name that is legal stays as it is.
    let legal = |name: &str| mapping::partition_names(&[name]).first().is_some_and(|legal| legal == name);
    let illegal = wanted.partitions.iter().filter(|name| !legal(name));
    let illegal = illegal.map(|name| format!("partition `{name}` has a name that it does not allow"));
    reasons.extend(illegal.map(Limit::without_remedy));
    let mut known = HashSet::new();
    let twice = wanted.fields.iter().filter(|field| !known.insert(&field.name));
    reasons.extend(twice.map(|field| of_field(format!("two fields are called `{}`", field.name))));
    reasons
}

/// One primary key and one vector are what a migration makes.
fn keys(wanted: &Wanted) -> Vec<Limit> {
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
    reasons.into_iter().map(Limit::without_remedy).collect()
}

/// Files that are planned longer than the server takes.
fn size(wanted: &Wanted, limits: &Limits) -> Option<Limit> {
    let (what, bytes) = match limits.is_file_limit_of_set && !wanted.is_parquet {
        true => ("a set of import files", wanted.set_bytes),
        false => ("an import file", wanted.file_bytes),
    };
    (bytes > limits.file_bytes).then(|| {
        let problem =
            format!("{what} would have about {bytes} bytes, it imports at most {}", limits.file_bytes);
        Limit::new(problem, "choose a smaller `--file-size`")
    })
}

fn numbers(wanted: &Wanted, limits: &Limits) -> Vec<Limit> {
    let mut reasons = Vec::new();
    // The partition `_default` is there whether it is wanted or not.
    let others = wanted.partitions.iter().filter(|name| *name != mapping::DEFAULT_PARTITION).count();
    let partitions = others + 1;
    if partitions > limits.partitions {
        reasons.push(Limit::new(
            format!("it has {partitions} partitions, the server allows {}", limits.partitions),
            "have a field keep their tags with `m2m.partitions: key`",
        ));
    }
    if wanted.fields.len() > limits.fields {
        let problem = format!("it has {} fields, the server allows {}", wanted.fields.len(), limits.fields);
        reasons.push(Limit::new(problem, "choose fewer columns in a query"));
    }
    reasons
}

fn of_type(field: &Field, limits: &Limits) -> Option<Limit> {
    let name = &field.name;
    match field.field_type {
        FieldType::FloatVector(dimension) if !limits.float_dimension.contains(&dimension) => {
            let (start, end) = (limits.float_dimension.start(), limits.float_dimension.end());
            let problem =
                format!("vectors of dimension {dimension} in `{name}`, the server allows {start} to {end}");
            let remedy = if dimension == 1 { "migrate to Milvus 2.3, which takes them" } else { NOWHERE };
            Some(Limit::new(problem, remedy))
        }
        FieldType::BinaryVector(dimension)
            if dimension == 0 || dimension % 8 != 0 || dimension > limits.max_binary_dimension =>
        {
            let problem = format!(
                "binary vectors of dimension {dimension} in `{name}`, the server allows multiples of 8 up to {}",
                limits.max_binary_dimension
            );
            let is_of_newer = dimension > 0 && dimension % 8 == 0 && dimension <= MOST_BITS;
            let remedy =
                if is_of_newer { "migrate to Milvus 2.4 or newer, which takes them" } else { NOWHERE };
            Some(Limit::new(problem, remedy))
        }
        FieldType::VarChar { max_length } if max_length == 0 || max_length > limits.varchar_bytes => {
            let most = limits.varchar_bytes;
            let problem = format!("texts of {max_length} bytes in `{name}`, the server allows 1 to {most}");
            Some(Limit::new(problem, "choose a `maxLength` that it allows"))
        }
        FieldType::Json if !limits.has_json => {
            Some(Limit::new(format!("`{name}` is JSON, which the server does not have"), "make it `varchar`"))
        }
        _ => None,
    }
}

fn of_keys(field: &Field, limits: &Limits) -> Vec<Limit> {
    let name = &field.name;
    let mut reasons = Vec::new();
    if field.is_partition_key {
        if !limits.has_partition_key {
            let problem = format!("`{name}` is a partition key, which the server does not have");
            reasons.push(Limit::new(problem, "keep partitions with `m2m.partitions: keep`"));
        }
        if !matches!(field.field_type, FieldType::Int64 | FieldType::VarChar { .. }) {
            let found = field.field_type;
            let problem = format!("partition key `{name}` is of type {found}, expected Int64 or VarChar");
            reasons.push(Limit::without_remedy(problem));
        }
        if field.nullable && limits.has_nullable {
            let problem =
                format!("partition key `{name}` has missing values, which the server does not take");
            reasons.push(Limit::new(problem, "give every row a tag with `COALESCE` in a query"));
        }
    }
    if field.nullable && !limits.has_nullable {
        let problem = format!("`{name}` has missing values, which the server does not have");
        reasons.push(Limit::new(problem, "fill the gaps with `COALESCE` in a query"));
    }
    reasons
}

#[cfg(test)]
mod tests;
