// SPDX-License-Identifier: Apache-2.0
//! Whether a collection, whoever made it, has the fields and the metric that it should have.

use m2m_milvus::{Client, CollectionInfo, Field, FieldInfo, FieldType, IndexInfo};

use super::CollectionVerification;
use crate::error::Result;
use crate::fields::PlannedField;
use crate::plan::CollectionPlan;
use crate::settings::{DumpSettings, IndexChoice};
use crate::target::map;

/// The fields of a collection in Milvus that hold what the source has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// The primary key, when its values are those of the source.
    pub(super) id: Option<String>,
    /// The others: column of the source, field in Milvus, and the type that it was planned with.
    pub(super) others: Vec<(String, String, FieldType)>,
    /// The vector among them.
    pub(super) vector: Option<String>,
}

/// What is known of a collection in Milvus before a row is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    pub(super) fields: Fields,
    /// The index of the vectors.
    pub(super) index: Option<IndexInfo>,
}

/// Compares fields and metric.
pub(super) async fn compare(
    client: &Client,
    plan: &CollectionPlan,
    info: &CollectionInfo,
    found: &mut CollectionVerification,
) -> Result<Target> {
    let fields = fields_of(&plan.fields, info, found);
    let vector = fields.vector.as_ref().or_else(|| info.vector().ok().map(|(field, _)| &field.name));
    let index = match vector {
        Some(vector) => client.index_info(&plan.target_name, vector).await?,
        None => None,
    };
    if let Some(index) = &index {
        // How long its files were is no matter now.
        let wanted = plan.wanted(&DumpSettings::default());
        let metric = map(&wanted, client.version(), IndexChoice::None).metric.value;
        found.differences.extend(metric_difference(&metric, index));
        found.metric.clone_from(&index.metric);
        found.index = Some(index.index_type.clone());
    }
    Ok(Target { fields, index })
}

fn metric_difference(expected: &str, index: &IndexInfo) -> Option<String> {
    let found = index.metric.as_deref()?;
    let differs = !found.eq_ignore_ascii_case(expected);
    differs.then(|| format!("the metric is {found} in Milvus, expected {expected}"))
}

/// Finds the field of each column. The primary key and the vector are found by what
/// they are, when they have other names; scalars by their names.
fn fields_of(planned: &[PlannedField], info: &CollectionInfo, found: &mut CollectionVerification) -> Fields {
    let mut fields = Fields::default();
    let mut taken = Vec::new();
    for planned in planned {
        match counterpart(&planned.field, info) {
            Ok(field) => {
                taken.push(field.name.as_str());
                if planned.field.is_partition_key && !field.is_partition_key {
                    let what = format!("in Milvus its field `{}` is no partition key", field.name);
                    found.differences.push(what);
                }
                if planned.field.is_primary {
                    fields.id = Some(field.name.clone());
                    continue;
                }
                if planned.field.field_type.vector().is_some() {
                    fields.vector = Some(field.name.clone());
                }
                fields.others.push((planned.column.clone(), field.name.clone(), planned.field.field_type));
            }
            Err(difference) => found.differences.push(format!("in Milvus {difference}")),
        }
    }
    let others: Vec<String> = info
        .fields
        .iter()
        .filter(|field| !taken.contains(&field.name.as_str()) && !field.is_primary)
        .map(|field| format!("`{}` ({field})", field.name))
        .collect();
    if !others.is_empty() {
        let what = format!(
            "Milvus has fields that the source has not, which were not compared: {}",
            others.join(", ")
        );
        found.notes.push(what);
    }
    if info.is_dynamic {
        let what =
            "rows in Milvus may have values beside its fields (it is dynamic), which were not compared";
        found.notes.push(what.into());
    }
    fields
}

/// The field that should hold the values of a planned one, or why there is none.
fn counterpart<'a>(wanted: &Field, info: &'a CollectionInfo) -> Result<&'a FieldInfo, String> {
    if wanted.is_primary {
        return primary(info);
    }
    if wanted.field_type.vector().is_some() {
        return vector(wanted, info);
    }
    let scalar = info.fields.iter().find(|field| field.name == wanted.name && !field.is_primary);
    let scalar =
        scalar.ok_or_else(|| format!("it has no field `{}` of type {}", wanted.name, wanted.field_type))?;
    if !scalar.field_type.is_some_and(|found| can_hold_the_same(found, wanted.field_type)) {
        return Err(mistyped(scalar, wanted));
    }
    Ok(scalar)
}

fn primary(info: &CollectionInfo) -> Result<&FieldInfo, String> {
    let primary = info.fields.iter().find(|field| field.is_primary);
    let primary = primary.ok_or_else(|| "it has no primary key".to_owned())?;
    let name = &primary.name;
    if primary.field_type != Some(FieldType::Int64) {
        return Err(format!("its primary key `{name}` is of type {primary}, expected Int64"));
    }
    if primary.auto_id {
        return Err(format!("its primary key `{name}` is made by the server and holds no ids of the source"));
    }
    Ok(primary)
}

/// The vector of the name that is expected, or the only one of its type.
fn vector<'a>(wanted: &Field, info: &'a CollectionInfo) -> Result<&'a FieldInfo, String> {
    let is_vector = |field: &&FieldInfo| field.type_name.ends_with("Vector");
    let of_type = || info.fields.iter().filter(|field| field.field_type == Some(wanted.field_type));
    let named = info.fields.iter().find(|field| field.name == wanted.name && is_vector(field));
    if let Some(named) = named.filter(|named| named.field_type == Some(wanted.field_type)) {
        return Ok(named);
    }
    match (
        of_type().collect::<Vec<_>>().as_slice(),
        info.fields.iter().filter(is_vector).collect::<Vec<_>>().as_slice(),
    ) {
        ([one], _) => Ok(one),
        ([], []) => Err(format!("it has no vector, expected one of type {}", wanted.field_type)),
        ([], [one]) => Err(mistyped(one, wanted)),
        ([], _) => Err(format!("none of its vectors is of type {}", wanted.field_type)),
        (several, _) => {
            let names: Vec<String> = several.iter().map(|field| format!("`{}`", field.name)).collect();
            let (names, name) = (names.join(", "), &wanted.name);
            Err(format!("several vectors are of type {} ({names}), none of them `{name}`", wanted.field_type))
        }
    }
}

fn mistyped(found: &FieldInfo, wanted: &Field) -> String {
    format!("its field `{}` is of type {found}, expected {}", found.name, wanted.field_type)
}

/// Whether values of two types can be the same: then each value says whether it is.
fn can_hold_the_same(one: FieldType, other: FieldType) -> bool {
    let is_integer = |of: FieldType| {
        matches!(of, FieldType::Int8 | FieldType::Int16 | FieldType::Int32 | FieldType::Int64)
    };
    let is_text = |of: FieldType| matches!(of, FieldType::VarChar { .. });
    one == other || (is_integer(one) && is_integer(other)) || (is_text(one) && is_text(other))
}

#[cfg(test)]
mod tests;
