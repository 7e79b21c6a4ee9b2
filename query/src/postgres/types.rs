//! Which type of `PostgreSQL` a column has there.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use depthlake_dialect::types::TrinoType;
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};

use crate::session::Column;

/// A column as it is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnType {
    pub(super) postgres: Type,
    /// What `pg_attribute.atttypmod` says: precision and scale, or the length and four.
    pub(super) modifier: i32,
}

impl ColumnType {
    pub(super) fn of(told: &TrinoType) -> Self {
        let plain = |postgres| Self { postgres, modifier: -1 };
        match told {
            TrinoType::Boolean => plain(Type::BOOL),
            TrinoType::Tinyint | TrinoType::Smallint => plain(Type::INT2),
            TrinoType::Integer => plain(Type::INT4),
            TrinoType::Bigint => plain(Type::INT8),
            TrinoType::Real => plain(Type::FLOAT4),
            TrinoType::Double => plain(Type::FLOAT8),
            TrinoType::Decimal { precision, scale } => {
                let modifier = ((i32::from(*precision) << 16) | (i32::from(*scale) & 0xffff)) + 4;
                Self { postgres: Type::NUMERIC, modifier }
            }
            TrinoType::Varchar { length: Some(length) } => {
                Self { postgres: Type::VARCHAR, modifier: length_modifier(*length) }
            }
            TrinoType::Char { length } => Self { postgres: Type::BPCHAR, modifier: length_modifier(*length) },
            TrinoType::Varbinary => plain(Type::BYTEA),
            TrinoType::Date => plain(Type::DATE),
            TrinoType::Time { .. } => plain(Type::TIME),
            TrinoType::Timestamp { .. } => plain(Type::TIMESTAMP),
            TrinoType::TimestampWithTimeZone { .. } => plain(Type::TIMESTAMPTZ),
            TrinoType::IntervalYearToMonth | TrinoType::IntervalDayToSecond => plain(Type::INTERVAL),
            TrinoType::Json => plain(Type::JSON),
            TrinoType::Array(element) => plain(array_of(&Self::of(element).postgres)),
            TrinoType::Unknown
            | TrinoType::Varchar { length: None }
            | TrinoType::TimeWithTimeZone { .. }
            | TrinoType::Uuid
            | TrinoType::IpAddress
            | TrinoType::Map(..)
            | TrinoType::Row(_) => plain(Type::TEXT),
        }
    }

    /// `pg_type.typlen`.
    pub(super) fn size(&self) -> i16 {
        match self.postgres {
            Type::BOOL => 1,
            Type::INT2 => 2,
            Type::INT4 | Type::FLOAT4 | Type::DATE => 4,
            Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
            Type::INTERVAL => 16,
            _ => -1,
        }
    }

    /// The Arrow type whose values are written as this one.
    pub(super) fn arrow(&self) -> DataType {
        let zone = || Some("+00:00".into());
        match &self.postgres {
            &Type::BOOL => DataType::Boolean,
            &Type::INT2 => DataType::Int16,
            &Type::INT4 => DataType::Int32,
            &Type::INT8 => DataType::Int64,
            &Type::FLOAT4 => DataType::Float32,
            &Type::FLOAT8 => DataType::Float64,
            &Type::NUMERIC => self.decimal(),
            &Type::BYTEA => DataType::Binary,
            &Type::DATE => DataType::Date32,
            &Type::TIME => DataType::Time64(TimeUnit::Microsecond),
            &Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
            &Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, zone()),
            &Type::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
            other => match element_of(other) {
                Some(element) => {
                    let element = Self { postgres: element, modifier: -1 };
                    DataType::List(Arc::new(Field::new_list_field(element.arrow(), true)))
                }
                None => DataType::Utf8,
            },
        }
    }

    fn decimal(&self) -> DataType {
        match self.modifier.checked_sub(4).filter(|packed| *packed > 0) {
            Some(packed) => {
                let [_, precision, _, scale] = packed.to_be_bytes();
                DataType::Decimal128(precision, scale.cast_signed())
            }
            None => DataType::Decimal128(38, 10),
        }
    }

    pub(super) fn field(&self, name: &str, format: FieldFormat) -> FieldInfo {
        FieldInfo::new(name.to_owned(), None, None, self.postgres.clone(), format)
            .with_type_size(self.size())
            .with_type_modifier(self.modifier)
    }
}

/// The columns of an answer, as a client wants them written.
pub(super) fn fields(columns: &[Column], format: &Format) -> Vec<FieldInfo> {
    let format_of = |index| match format {
        // A client that names fewer formats than there are columns gets text for the rest.
        Format::Individual(codes) => {
            codes.get(index).map_or(FieldFormat::Text, |code| FieldFormat::from(*code))
        }
        all => all.format_for(index),
    };
    let fields = columns.iter().enumerate();
    fields
        .map(|(index, column)| ColumnType::of(&column.r#type).field(&column.name, format_of(index)))
        .collect()
}

fn length_modifier(length: u32) -> i32 {
    i32::try_from(length).ok().and_then(|length| length.checked_add(4)).unwrap_or(-1)
}

/// The elements' types with those of their arrays. Of other elements arrays are written as text.
const ARRAYS: [(Type, Type); 13] = [
    (Type::BOOL, Type::BOOL_ARRAY),
    (Type::INT2, Type::INT2_ARRAY),
    (Type::INT4, Type::INT4_ARRAY),
    (Type::INT8, Type::INT8_ARRAY),
    (Type::FLOAT4, Type::FLOAT4_ARRAY),
    (Type::FLOAT8, Type::FLOAT8_ARRAY),
    (Type::NUMERIC, Type::NUMERIC_ARRAY),
    (Type::TEXT, Type::TEXT_ARRAY),
    (Type::BYTEA, Type::BYTEA_ARRAY),
    (Type::DATE, Type::DATE_ARRAY),
    (Type::TIME, Type::TIME_ARRAY),
    (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
];

fn array_of(element: &Type) -> Type {
    let array = ARRAYS.into_iter().find(|(of, _)| of == element).map(|(_, array)| array);
    array.unwrap_or(if element_of(element).is_some() { Type::TEXT } else { Type::TEXT_ARRAY })
}

pub(super) fn element_of(array: &Type) -> Option<Type> {
    ARRAYS.into_iter().find(|(_, of)| of == array).map(|(element, _)| element)
}
