// SPDX-License-Identifier: Apache-2.0
//! The keys of one column, below `m2m.collections.NAME.fields.COLUMN`.

use std::ops::RangeInclusive;

use super::{Key, Kind};

const TYPES: &[&str] = &["bool", "int8", "int16", "int32", "int64", "float", "double", VARCHAR, "json"];
/// The type that has a longest text.
pub(crate) const VARCHAR: &str = "varchar";
const LENGTHS: RangeInclusive<u64> = 1..=65_535;

keys! {
    FIELD_NAME = Key::new("m2m.collections.NAME.fields.COLUMN.name", Kind::Text, "`COLUMN`",
        "The name of the field in Milvus 2.x.");
    FIELD_TYPE = Key::new("m2m.collections.NAME.fields.COLUMN.type", Kind::Choice(TYPES), "by the column's type",
        "The type of the field in Milvus 2.x.");
    MAX_LENGTH = Key::new("m2m.collections.NAME.fields.COLUMN.maxLength", Kind::Integer(LENGTHS), "",
        "Bytes of the longest text that the field takes, for a `varchar`.");
}
