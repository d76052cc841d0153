// SPDX-License-Identifier: Apache-2.0
//! Rows as a server answers them, put together from several answers.

use crate::client::Call;
use crate::error::Result;
use crate::proto::schema::field_data::Field;
use crate::proto::schema::{FieldData, ScalarField, VectorField, scalar_field, vector_field};

/// Rows as the server answered them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The ids, in the order of the answer.
    pub ids: Vec<i64>,
    /// The other fields in the order that was asked for, with a value for each
    /// id; none when there is no row.
    pub columns: Vec<Column>,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The field's name.
    pub name: String,
    /// Its values in the order of the ids; anything where one is missing.
    pub values: Values,
    /// Which values are there; `None` when all are.
    pub valid: Option<Vec<bool>>,
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of type `Bool`.
    Bool(Vec<bool>),
    /// Of type `Int8`, `Int16` or `Int32`.
    Int(Vec<i32>),
    /// Of type `Int64`.
    Long(Vec<i64>),
    /// Of type `Float`.
    Float(Vec<f32>),
    /// Of type `Double`.
    Double(Vec<f64>),
    /// Of type `VarChar`.
    Text(Vec<String>),
    /// Of type `JSON`, as the server writes it.
    Json(Vec<Vec<u8>>),
    /// Vectors.
    Vectors {
        /// One behind the other: little-endian floats, or packed bits.
        bytes: Vec<u8>,
        /// The length of one.
        row_bytes: usize,
    },
}

impl Rows {
    /// The column of a field that was asked for; `None` when there is no row.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Adds an answer, if it has one value of each field for each id. Returns
    /// the bytes that the longest row may have in it.
    pub(crate) fn append(
        &mut self,
        call: &Call,
        answer: Vec<FieldData>,
        id_field: &str,
        fields: &[&str],
    ) -> Result<usize> {
        let mut answer =
            answer.into_iter().map(|field| Decoded::of(call, field)).collect::<Result<Vec<_>>>()?;
        if answer.iter().all(|field| field.values.as_ref().is_none_or(Values::is_empty)) {
            return Ok(0);
        }
        let ids = take(call, &mut answer, id_field)?.ids(call)?;
        let columns = fields.iter().map(|name| take(call, &mut answer, name)?.column(call, ids.len()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let row_bytes = columns.iter().map(Column::max_bytes).sum();
        let before = self.ids.len();
        self.ids.extend(ids);
        if before == 0 {
            self.columns = columns;
            return Ok(row_bytes);
        }
        for (column, more) in self.columns.iter_mut().zip(columns) {
            column.append(call, before, more)?;
        }
        Ok(row_bytes)
    }
}

impl Column {
    fn append(&mut self, call: &Call, rows: usize, more: Self) -> Result<()> {
        let added = more.values.len();
        if !self.values.append(more.values) {
            let expected = format!("field `{}` of one type and length", self.name);
            return Err(call.unexpected(expected, "others than before"));
        }
        if self.valid.is_some() || more.valid.is_some() {
            let valid = self.valid.get_or_insert_with(|| vec![true; rows]);
            valid.extend(more.valid.unwrap_or_else(|| vec![true; added]));
        }
        Ok(())
    }

    /// The bytes of the longest value.
    fn max_bytes(&self) -> usize {
        match &self.values {
            Values::Bool(_) => 1,
            Values::Int(_) | Values::Float(_) => 4,
            Values::Long(_) | Values::Double(_) => 8,
            Values::Text(values) => values.iter().map(String::len).max().unwrap_or_default(),
            Values::Json(values) => values.iter().map(Vec::len).max().unwrap_or_default(),
            Values::Vectors { row_bytes, .. } => *row_bytes,
        }
    }
}

impl Values {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Long(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Json(values) => values.len(),
            Self::Vectors { bytes, row_bytes } => bytes.len().checked_div(*row_bytes).unwrap_or_default(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are bytes that are no whole vector.
    fn is_ragged(&self) -> bool {
        match self {
            Self::Vectors { bytes, row_bytes } => {
                bytes.len().checked_rem(*row_bytes).unwrap_or(bytes.len()) != 0
            }
            _ => false,
        }
    }

    /// Adds more values, and says whether they are of the same type.
    fn append(&mut self, more: Self) -> bool {
        match (self, more) {
            (Self::Bool(values), Self::Bool(more)) => values.extend(more),
            (Self::Int(values), Self::Int(more)) => values.extend(more),
            (Self::Long(values), Self::Long(more)) => values.extend(more),
            (Self::Float(values), Self::Float(more)) => values.extend(more),
            (Self::Double(values), Self::Double(more)) => values.extend(more),
            (Self::Text(values), Self::Text(more)) => values.extend(more),
            (Self::Json(values), Self::Json(more)) => values.extend(more),
            (
                Self::Vectors { bytes, row_bytes },
                Self::Vectors { bytes: more, row_bytes: row_bytes_of_more },
            ) if *row_bytes == row_bytes_of_more => bytes.extend(more),
            _ => return false,
        }
        true
    }
}

/// A field of one answer. One without values may not even say of which type.
struct Decoded {
    name: String,
    values: Option<Values>,
    valid: Vec<bool>,
}

impl Decoded {
    fn of(call: &Call, field: FieldData) -> Result<Self> {
        let FieldData { field_name: name, field: data, valid_data, .. } = field;
        let (values, valid) = match data {
            Some(Field::Scalars(ScalarField { data, valid_data })) => (data.map(scalars), valid_data),
            Some(Field::Vectors(VectorField { dim, data, valid_data })) => {
                let row_bytes = |bits: i64| usize::try_from(dim.saturating_mul(bits) / 8).unwrap_or_default();
                let vectors = data.map(|data| vectors(data, row_bytes));
                (vectors, valid_data)
            }
            None => (None, Vec::new()),
        };
        if values.as_ref().is_some_and(Values::is_ragged) {
            return Err(call.unexpected(format!("field `{name}` of whole vectors"), "a part of one"));
        }
        // Newer servers say beside the values which are there, older ones beside the field.
        Ok(Self { name, values, valid: if valid.is_empty() { valid_data } else { valid } })
    }

    fn ids(self, call: &Call) -> Result<Vec<i64>> {
        match self.values {
            Some(Values::Long(ids)) if !self.valid.contains(&false) => Ok(ids),
            _ => Err(call.unexpected(format!("numbers in field `{}`", self.name), "others")),
        }
    }

    /// The field as a column of a value for each row.
    fn column(self, call: &Call, rows: usize) -> Result<Column> {
        let Self { name, values, valid } = self;
        let expected = || format!("{rows} values of field `{name}`");
        let values = values.ok_or_else(|| call.unexpected(expected(), "none of a known type"))?;
        if values.len() != rows {
            return Err(call.unexpected(expected(), values.len().to_string()));
        }
        if !valid.is_empty() && valid.len() != rows {
            return Err(call.unexpected(expected(), format!("{} marks of missing ones", valid.len())));
        }
        Ok(Column { name, values, valid: (!valid.is_empty()).then_some(valid) })
    }
}

fn take(call: &Call, answer: &mut Vec<Decoded>, name: &str) -> Result<Decoded> {
    let at = answer.iter().position(|field| field.name == name);
    let at = at.ok_or_else(|| call.unexpected(format!("field `{name}`"), "none"))?;
    Ok(answer.swap_remove(at))
}

fn scalars(data: scalar_field::Data) -> Values {
    match data {
        scalar_field::Data::BoolData(values) => Values::Bool(values.data),
        scalar_field::Data::IntData(values) => Values::Int(values.data),
        scalar_field::Data::LongData(values) => Values::Long(values.data),
        scalar_field::Data::FloatData(values) => Values::Float(values.data),
        scalar_field::Data::DoubleData(values) => Values::Double(values.data),
        scalar_field::Data::StringData(values) => Values::Text(values.data),
        scalar_field::Data::JsonData(values) => Values::Json(values.data),
    }
}

/// Raw vectors; the length of one follows from the bits of an element.
fn vectors(data: vector_field::Data, row_bytes: impl Fn(i64) -> usize) -> Values {
    match data {
        vector_field::Data::FloatVector(floats) => {
            Values::Vectors { bytes: floats.data, row_bytes: row_bytes(32) }
        }
        vector_field::Data::BinaryVector(bytes) => Values::Vectors { bytes, row_bytes: row_bytes(1) },
    }
}

#[cfg(test)]
mod tests;
