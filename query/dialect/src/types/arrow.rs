//! Which Arrow type holds which of Trino's types.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::{RowField, TYPE_KEY, TrinoType};

impl TrinoType {
    /// The type of a column: what its metadata says, else what its Arrow type implies.
    #[must_use]
    pub fn of_field(field: &Field) -> Self {
        match field.metadata().get(TYPE_KEY).map(|text| Self::parse(text)) {
            Some(Ok(told)) => told,
            _ => Self::of_arrow(field.data_type()),
        }
    }

    /// The type that an Arrow type implies.
    #[must_use]
    pub fn of_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null | DataType::Union(..) => Self::Unknown,
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Tinyint,
            DataType::Int16 | DataType::UInt8 => Self::Smallint,
            DataType::Int32 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 => Self::Bigint,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                Self::Decimal { precision: (*precision).min(38), scale: *scale }
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Varchar { length: None },
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Varbinary,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(unit) | DataType::Time64(unit) => Self::Time { precision: digits(*unit) },
            DataType::Timestamp(unit, None) => Self::Timestamp { precision: digits(*unit) },
            DataType::Timestamp(unit, Some(_)) => Self::TimestampWithTimeZone { precision: digits(*unit) },
            DataType::Interval(IntervalUnit::YearMonth) => Self::IntervalYearToMonth,
            DataType::Interval(_) | DataType::Duration(_) => Self::IntervalDayToSecond,
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => Self::Array(Box::new(Self::of_field(element))),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => {
                    Self::Map(Box::new(Self::of_field(&pair[0])), Box::new(Self::of_field(&pair[1])))
                }
                _ => Self::Unknown,
            },
            DataType::Struct(fields) => Self::Row(fields.iter().enumerate().map(row_field).collect()),
            DataType::Dictionary(_, value) => Self::of_arrow(value),
            DataType::RunEndEncoded(_, values) => Self::of_field(values),
        }
    }

    /// The Arrow type that holds values of this type. Fractions of a second beyond nanoseconds are lost.
    #[must_use]
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Unknown => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Tinyint => DataType::Int8,
            Self::Smallint => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::Varchar { .. } | Self::Char { .. } | Self::Json | Self::Uuid | Self::IpAddress => {
                DataType::Utf8View
            }
            Self::Varbinary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time { precision } | Self::TimeWithTimeZone { precision } => match unit(*precision) {
                unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
                unit => DataType::Time64(unit),
            },
            Self::Timestamp { precision } => DataType::Timestamp(unit(*precision), None),
            Self::TimestampWithTimeZone { precision } => {
                DataType::Timestamp(unit(*precision), Some("UTC".into()))
            }
            Self::IntervalYearToMonth => DataType::Interval(IntervalUnit::YearMonth),
            Self::IntervalDayToSecond => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Array(element) => DataType::List(Arc::new(element.to_field("item"))),
            Self::Map(key, value) => {
                let key = key.to_field("key").with_nullable(false);
                let pair = DataType::Struct(Fields::from(vec![key, value.to_field("value")]));
                DataType::Map(Arc::new(Field::new("entries", pair, false)), false)
            }
            Self::Row(fields) => DataType::Struct(fields.iter().enumerate().map(arrow_field).collect()),
        }
    }

    /// A nullable Arrow field of this type, with the metadata that [`Self::of_field`] reads where Arrow needs it.
    #[must_use]
    pub fn to_field(&self, name: &str) -> Field {
        let data_type = self.to_arrow();
        let implied = Self::of_arrow(&data_type);
        let field = Field::new(name, data_type, true);
        if implied == *self {
            return field;
        }
        field.with_metadata(HashMap::from([(TYPE_KEY.to_owned(), self.to_string())]))
    }
}

/// The name that an anonymous field of a row gets in Arrow.
fn anonymous(index: usize) -> String {
    format!("c{index}")
}

fn row_field((index, field): (usize, &Arc<Field>)) -> RowField {
    let name = (*field.name() != anonymous(index)).then(|| field.name().clone());
    RowField { name, r#type: TrinoType::of_field(field) }
}

fn arrow_field((index, field): (usize, &RowField)) -> Field {
    field.r#type.to_field(&field.name.clone().unwrap_or_else(|| anonymous(index)))
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn unit(digits: u8) -> TimeUnit {
    match digits {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_a_field() {
        for text in [
            "unknown",
            "tinyint",
            "bigint",
            "decimal(28,8)",
            "varchar",
            "varchar(3)",
            "char(4)",
            "json",
            "uuid",
            "ipaddress",
            "time(6)",
            "time(3) with time zone",
            "timestamp(1)",
            "timestamp(12)",
            "timestamp(6) with time zone",
            "interval year to month",
            "array(json)",
            "map(varchar(2), timestamp(3))",
            "row(a uuid, varchar)",
        ] {
            let parsed = TrinoType::parse(text).unwrap();
            assert_eq!(TrinoType::of_field(&parsed.to_field("column")), parsed, "{text}");
        }
    }

    #[test]
    fn arrow_alone_implies_a_type() {
        let implied = |data_type| TrinoType::of_arrow(&data_type).to_string();
        assert_eq!(
            implied(DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))),
            "timestamp(6) with time zone"
        );
        assert_eq!(implied(DataType::UInt64), "decimal(20,0)");
        assert_eq!(implied(DataType::new_list(DataType::Utf8View, true)), "array(varchar)");
    }
}
