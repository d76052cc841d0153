// SPDX-License-Identifier: Apache-2.0
//! The fields of collections: as they are to be, and as a server describes them.

use std::collections::BTreeMap;
use std::fmt;

use crate::proto::common::KeyValuePair;
use crate::proto::schema::{DataType, FieldSchema};

const DIMENSION: &str = "dim";
const MAX_LENGTH: &str = "max_length";

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

impl From<VectorType> for FieldType {
    fn from(vector: VectorType) -> Self {
        match vector {
            VectorType::Float(dimension) => Self::FloatVector(dimension),
            VectorType::Binary(dimension) => Self::BinaryVector(dimension),
        }
    }
}

/// The type of a field that a migration can fill. It is shown as the server
/// names it, such as `VarChar(64)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// True or false.
    Bool,
    /// A signed number of 8 bits.
    Int8,
    /// A signed number of 16 bits.
    Int16,
    /// A signed number of 32 bits.
    Int32,
    /// A signed number of 64 bits.
    Int64,
    /// A floating-point number of 32 bits.
    Float,
    /// A floating-point number of 64 bits.
    Double,
    /// Text.
    VarChar {
        /// The most bytes that a value may have.
        max_length: u32,
    },
    /// A JSON value.
    Json,
    /// As many 32-bit floats as the dimension says.
    FloatVector(u32),
    /// As many bits as the dimension says.
    BinaryVector(u32),
}

impl FieldType {
    /// What the vectors are; `None` for a scalar.
    #[must_use]
    pub fn vector(self) -> Option<VectorType> {
        match self {
            Self::FloatVector(dimension) => Some(VectorType::Float(dimension)),
            Self::BinaryVector(dimension) => Some(VectorType::Binary(dimension)),
            _ => None,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Bool,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float => DataType::Float,
            Self::Double => DataType::Double,
            Self::VarChar { .. } => DataType::VarChar,
            Self::Json => DataType::Json,
            Self::FloatVector(_) => DataType::FloatVector,
            Self::BinaryVector(_) => DataType::BinaryVector,
        }
    }

    /// The one parameter that some types have.
    fn parameter(self) -> Option<(&'static str, u32)> {
        match self {
            Self::VarChar { max_length } => Some((MAX_LENGTH, max_length)),
            Self::FloatVector(dimension) | Self::BinaryVector(dimension) => Some((DIMENSION, dimension)),
            _ => None,
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.data_type().as_str_name())?;
        match self.parameter() {
            Some((_, value)) => write!(f, "({value})"),
            None => Ok(()),
        }
    }
}

/// A field of a collection to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// What its values are.
    pub field_type: FieldType,
    /// Whether it is the primary key.
    pub is_primary: bool,
    /// Whether the server chooses a row's partition by its value.
    pub is_partition_key: bool,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl Field {
    /// A field whose values are never missing, and that is no key.
    #[must_use]
    pub fn new(name: impl Into<String>, field_type: impl Into<FieldType>) -> Self {
        let (name, field_type) = (name.into(), field_type.into());
        Self { name, field_type, is_primary: false, is_partition_key: false, nullable: false }
    }

    /// A primary key of type `Int64`, whose values the caller brings along.
    #[must_use]
    pub fn primary(name: impl Into<String>) -> Self {
        Self { is_primary: true, ..Self::new(name, FieldType::Int64) }
    }

    /// The field as the server wants it described.
    pub(crate) fn schema(&self, field_id: i64) -> FieldSchema {
        let pair = |(key, value): (&str, u32)| KeyValuePair { key: key.to_owned(), value: value.to_string() };
        FieldSchema {
            field_id,
            name: self.name.clone(),
            is_primary_key: self.is_primary,
            data_type: self.field_type.data_type().into(),
            type_params: self.field_type.parameter().map(pair).into_iter().collect(),
            is_partition_key: self.is_partition_key,
            nullable: self.nullable,
            ..FieldSchema::default()
        }
    }
}

/// A field as a server describes it. It is shown as its type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldInfo {
    /// The field's name.
    pub name: String,
    /// What its values are; `None` when no migration can fill it.
    pub field_type: Option<FieldType>,
    /// The server's name of its type, such as `Int64` or `FloatVector`; a number
    /// where it is not known here.
    pub type_name: String,
    /// The parameters of its type, such as `dim` and `max_length`.
    pub type_params: BTreeMap<String, String>,
    /// Whether it is the primary key.
    pub is_primary: bool,
    /// Whether the server makes its values.
    pub auto_id: bool,
    /// Whether the server computes its values of other fields.
    pub is_computed: bool,
    /// Whether the server chooses a row's partition by its value.
    pub is_partition_key: bool,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl FieldInfo {
    /// The dimension of a vector of any type.
    #[must_use]
    pub fn dimension(&self) -> Option<u32> {
        self.parameter(DIMENSION)
    }

    /// The most bytes of a text.
    #[must_use]
    pub fn max_length(&self) -> Option<u32> {
        self.parameter(MAX_LENGTH)
    }

    pub(crate) fn of(field: &FieldSchema) -> Self {
        let known = DataType::try_from(field.data_type);
        let params = field.type_params.iter().map(|pair| (pair.key.clone(), pair.value.clone()));
        let info = Self {
            name: field.name.clone(),
            field_type: None,
            type_name: known.map_or(field.data_type.to_string(), |known| known.as_str_name().to_owned()),
            type_params: params.collect(),
            is_primary: field.is_primary_key,
            auto_id: field.auto_id,
            is_computed: field.is_function_output,
            is_partition_key: field.is_partition_key,
            nullable: field.nullable,
        };
        Self { field_type: known.ok().and_then(|known| info.known_type(known)), ..info }
    }

    fn known_type(&self, data_type: DataType) -> Option<FieldType> {
        match data_type {
            DataType::Bool => Some(FieldType::Bool),
            DataType::Int8 => Some(FieldType::Int8),
            DataType::Int16 => Some(FieldType::Int16),
            DataType::Int32 => Some(FieldType::Int32),
            DataType::Int64 => Some(FieldType::Int64),
            DataType::Float => Some(FieldType::Float),
            DataType::Double => Some(FieldType::Double),
            DataType::VarChar => self.max_length().map(|max_length| FieldType::VarChar { max_length }),
            DataType::Json => Some(FieldType::Json),
            DataType::FloatVector => self.dimension().map(FieldType::FloatVector),
            DataType::BinaryVector => self.dimension().map(FieldType::BinaryVector),
            _ => None,
        }
    }

    fn parameter(&self, key: &str) -> Option<u32> {
        self.type_params.get(key)?.parse().ok()
    }
}

impl fmt::Display for FieldInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field_type {
            Some(field_type) => field_type.fmt(f),
            None => f.write_str(&self.type_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    const TYPES: [(FieldType, &str); 11] = [
        (FieldType::Bool, "Bool"),
        (FieldType::Int8, "Int8"),
        (FieldType::Int16, "Int16"),
        (FieldType::Int32, "Int32"),
        (FieldType::Int64, "Int64"),
        (FieldType::Float, "Float"),
        (FieldType::Double, "Double"),
        (FieldType::VarChar { max_length: 64 }, "VarChar(64)"),
        (FieldType::Json, "JSON"),
        (FieldType::FloatVector(7), "FloatVector(7)"),
        (FieldType::BinaryVector(512), "BinaryVector(512)"),
    ];

    fn described(data_type: i32, params: &[(&str, &str)]) -> FieldInfo {
        let pair = |(key, value): &(&str, &str)| KeyValuePair { key: (*key).into(), value: (*value).into() };
        let type_params = params.iter().map(pair).collect();
        FieldInfo::of(&FieldSchema { data_type, type_params, ..FieldSchema::default() })
    }

    #[test]
    fn every_type_is_described_as_it_was_wanted() {
        for (field_type, shown) in TYPES {
            assert_eq!(field_type.to_string(), shown);
            for (is_partition_key, nullable) in [(false, false), (true, false), (false, true)] {
                let field = Field { is_partition_key, nullable, ..Field::new("x", field_type) };
                let info = FieldInfo::of(&field.schema(100));
                assert_eq!((info.name.as_str(), info.field_type), ("x", Some(field_type)));
                assert_eq!((info.is_partition_key, info.nullable), (is_partition_key, nullable));
                assert!(!info.is_primary && !info.auto_id && !info.is_computed);
                assert_eq!(info.to_string(), shown);
                assert_eq!(info.dimension(), field_type.vector().map(VectorType::dimension));
            }
        }
    }

    #[test]
    fn a_primary_key_is_a_number_that_the_server_does_not_make() {
        let info = FieldInfo::of(&Field::primary("id").schema(100));
        assert_eq!((info.field_type, info.is_primary), (Some(FieldType::Int64), true));
        assert!(!info.auto_id && !info.nullable && !info.is_partition_key);
    }

    /// What the numbers in the protocol file say, byte by byte.
    #[test]
    fn fields_have_their_form_on_the_wire() {
        let year = Field { is_partition_key: true, nullable: true, ..Field::new("y", FieldType::Int64) };
        assert_eq!(
            year.schema(102).encode_to_vec(),
            [1 << 3, 102, 2 << 3 | 2, 1, b'y', 5 << 3, 5, 13 << 3, 1, 15 << 3, 1]
        );
        let title = Field { is_primary: true, ..Field::new("t", FieldType::VarChar { max_length: 8 }) };
        let mut wire = vec![1 << 3, 100, 2 << 3 | 2, 1, b't', 3 << 3, 1, 5 << 3, 21, 6 << 3 | 2, 15, 10, 10];
        wire.extend(b"max_length\x12\x018");
        assert_eq!(title.schema(100).encode_to_vec(), wire);
        for cut in 0..wire.len() {
            let decoded = FieldSchema::decode(&wire[..cut]);
            assert!(decoded.map_or(true, |field| FieldInfo::of(&field).field_type.is_none()), "{cut}");
        }
    }

    #[test]
    fn values_that_the_server_makes_are_told_apart() {
        let made = FieldSchema { is_function_output: true, ..Field::new("x", FieldType::Float).schema(1) };
        assert!(FieldInfo::of(&made).is_computed);
        assert!(FieldInfo::of(&FieldSchema { auto_id: true, ..Field::primary("x").schema(1) }).auto_id);
    }

    #[test]
    fn a_type_without_its_parameter_is_none_that_can_be_filled() {
        let bad: [(i32, &[(&str, &str)], &str); 7] = [
            (21, &[], "VarChar"),
            (21, &[("max_length", "-1")], "VarChar"),
            (101, &[("max_length", "64")], "FloatVector"),
            (101, &[("dim", "many")], "FloatVector"),
            (100, &[("dim", "99999999999")], "BinaryVector"),
            (20, &[("max_length", "64")], "String"),
            (22, &[("max_length", "64"), ("max_capacity", "8")], "Array"),
        ];
        for (data_type, params, shown) in bad {
            let info = described(data_type, params);
            assert_eq!((info.field_type, info.to_string().as_str()), (None, shown));
        }
    }

    #[test]
    fn types_that_are_not_known_are_numbers() {
        let newer = described(999, &[("dim", "8")]);
        assert_eq!((newer.field_type, newer.type_name.as_str()), (None, "999"));
        assert_eq!((newer.dimension(), newer.max_length()), (Some(8), None));
        assert_eq!(described(104, &[]).to_string(), "SparseFloatVector");
        assert_eq!(described(-1, &[]).to_string(), "-1");
    }

    #[test]
    fn vectors_are_the_two_kinds_that_1_x_has() {
        for vector in [VectorType::Float(7), VectorType::Binary(512)] {
            assert_eq!(FieldType::from(vector).vector(), Some(vector));
        }
        assert_eq!(TYPES.iter().filter(|(field_type, _)| field_type.vector().is_some()).count(), 2);
    }
}
