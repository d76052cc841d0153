// SPDX-License-Identifier: Apache-2.0
//! Whether rows fit into a collection that exists.

use crate::collections::CollectionInfo;
use crate::fields::{Field, FieldInfo, FieldType};

/// Compares the fields that rows bring along with those of a collection that
/// is to take them. The names of the collection's fields come back in the
/// order of `wanted`.
///
/// The primary key and the vector are found by what they are, so that the
/// collection may call them something else; of several vectors the one of the
/// same name is meant. Scalars are found by name. A field that no row brings
/// along must be one that may be missing or that the server computes.
///
/// # Errors
///
/// The differences, one sentence each.
///
/// ```
/// use m2m_milvus::{CollectionInfo, Field, VectorType, compare};
///
/// let wanted = [Field::primary("id"), Field::new("vector", VectorType::Float(128))];
/// let differences = compare(&wanted, &CollectionInfo::default()).unwrap_err();
/// assert_eq!(differences, ["it has no primary key", "it has no float or binary vector"]);
/// ```
pub fn compare(wanted: &[Field], found: &CollectionInfo) -> Result<Vec<String>, Vec<String>> {
    let mut names = Vec::with_capacity(wanted.len());
    let mut differences = Vec::new();
    for field in wanted {
        match counterpart(field, found) {
            Ok(target) => {
                differences.extend(differences_of(field, target));
                names.push(target.name.clone());
            }
            Err(difference) => differences.push(difference),
        }
    }
    for field in &found.fields {
        if !names.contains(&field.name) && !field.nullable && !field.is_computed {
            differences.push(format!("it has field `{}` of type {field}, which no row has", field.name));
        }
    }
    if differences.is_empty() { Ok(names) } else { Err(differences) }
}

/// The field of the collection that a wanted one goes into.
fn counterpart<'a>(wanted: &Field, found: &'a CollectionInfo) -> Result<&'a FieldInfo, String> {
    if wanted.is_primary {
        let primary = found.fields.iter().find(|field| field.is_primary);
        return primary.ok_or_else(|| "it has no primary key".to_owned());
    }
    if wanted.field_type.vector().is_some() {
        return vector(&wanted.name, found);
    }
    let has_role = |field: &FieldInfo| field.is_primary || field.field_type.is_some_and(is_vector);
    let scalar = found.fields.iter().find(|field| field.name == wanted.name && !has_role(field));
    scalar.ok_or_else(|| format!("it has no field `{}` of type {}", wanted.name, wanted.field_type))
}

fn vector<'a>(name: &str, found: &'a CollectionInfo) -> Result<&'a FieldInfo, String> {
    let vectors: Vec<&FieldInfo> = found.vectors().map(|(field, _)| field).collect();
    let of_that_name = vectors.iter().copied().find(|field| field.name == name);
    match (of_that_name, &vectors[..]) {
        (Some(field), _) => Ok(field),
        (None, [field]) => Ok(field),
        (None, []) => Err("it has no float or binary vector".to_owned()),
        (None, _) => Err(format!("it has several vectors, none of them called `{name}`")),
    }
}

fn is_vector(field_type: FieldType) -> bool {
    field_type.vector().is_some()
}

/// Why values of a wanted field do not fit into one of the collection.
fn differences_of(wanted: &Field, found: &FieldInfo) -> Vec<String> {
    let name = &found.name;
    let mut differences = Vec::new();
    let mut differ = |is_different: bool, why: String| {
        if is_different {
            differences.push(format!("its field `{name}` {why}"));
        }
    };
    let fits = found.field_type.is_some_and(|field_type| holds(field_type, wanted.field_type));
    differ(!fits, format!("is of type {found}, expected {}", wanted.field_type));
    differ(found.auto_id || found.is_computed, "is filled by the server itself".to_owned());
    differ(wanted.nullable && !found.nullable, "takes no missing values, and rows may have some".to_owned());
    let key = |is_key| if is_key { "the partition key" } else { "no partition key" };
    let (is_key, wants_key) = (found.is_partition_key, wanted.is_partition_key);
    differ(is_key != wants_key, format!("is {}, expected {}", key(is_key), key(wants_key)));
    differences
}

/// Whether every value of one type is a value of the other.
fn holds(found: FieldType, wanted: FieldType) -> bool {
    match (found, wanted) {
        (FieldType::VarChar { max_length: room }, FieldType::VarChar { max_length }) => room >= max_length,
        (found, wanted) => found == wanted,
    }
}

#[cfg(test)]
mod tests;
