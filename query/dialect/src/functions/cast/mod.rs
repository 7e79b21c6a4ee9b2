//! `CAST` and `TRY_CAST` by Trino's rules: what texts are read, how numbers are rounded and printed, which values are
//! refused and with which error.

mod function;
mod json;
mod nested;
mod number;
mod print;
mod read;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewBuilder, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

pub(crate) use function::{CAST, TRY_CAST, functions};
pub(crate) use json::JsonTexts;
pub(crate) use number::{fits, parse_decimal, power_of_ten, rescale};
pub(crate) use print::{decimal_text, text_at};

use crate::error::{invalid_cast, type_mismatch};
use crate::functions::time::Zone;
use crate::types::TrinoType;

/// How a column is cast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Casting {
    /// What cannot be cast is NULL.
    pub lenient: bool,
    /// The zone of timestamps that have none.
    pub zone: Zone,
}

impl Casting {
    /// What a row gives: where the cast is lenient an error is NULL.
    fn keep<T>(self, value: Result<T>) -> Result<Option<T>> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.lenient => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Casts a column of one of Trino's types to another.
///
/// # Errors
/// `TYPE_MISMATCH` where no cast exists, `INVALID_CAST_ARGUMENT` where a value has none.
pub(crate) fn cast_column(
    column: &ArrayRef,
    from: &TrinoType,
    to: &TrinoType,
    casting: Casting,
) -> Result<ArrayRef> {
    use TrinoType as T;
    if from == to {
        return Ok(cast(column, &to.to_arrow()).unwrap_or_else(|_| Arc::clone(column)));
    }
    let rows = column.len();
    match (from, to) {
        (T::Unknown, _) => Ok(new_null_array(&to.to_arrow(), rows)),
        (T::Json, T::Varchar { .. } | T::Char { .. }) => {
            fitted(&json::texts_of(column, casting)?, to, casting)
        }
        (T::Json, _) => json::from_json(column, to, casting),
        (_, T::Json) => json::to_json(column, from, casting),
        (T::Array(_), T::Array(_)) | (T::Map(..), T::Map(..)) | (T::Row(_), T::Row(_)) => {
            nested::cast_nested(column, from, to, casting)
        }
        (T::Varchar { .. } | T::Char { .. }, T::Varchar { .. } | T::Char { .. }) => {
            fitted(column, to, casting)
        }
        (T::Varchar { .. } | T::Char { .. }, T::Varbinary) => {
            Ok(cast(&cast(column, &DataType::Utf8)?, &DataType::Binary)?)
        }
        (T::Varchar { .. } | T::Char { .. }, _) => read::from_text(column, to, casting),
        (_, T::Varchar { .. } | T::Char { .. }) => printed(column, from, to, casting),
        (from, to) if is_number(from) && is_number(to) => number::cast_number(column, from, to, casting),
        (T::Timestamp { .. }, T::TimestampWithTimeZone { .. }) => {
            let zoned = read::to_zone(column, casting.zone)?;
            read::to_precision(&zoned, to)
        }
        (T::TimestampWithTimeZone { .. }, T::Timestamp { .. }) => {
            read::to_precision(&read::to_civil(column)?, to)
        }
        (T::TimestampWithTimeZone { .. }, T::Date) => Ok(cast(&read::to_civil(column)?, &DataType::Date32)?),
        (T::Timestamp { .. }, T::Timestamp { .. })
        | (T::TimestampWithTimeZone { .. }, T::TimestampWithTimeZone { .. }) => {
            read::to_precision(column, to)
        }
        (T::Date, T::TimestampWithTimeZone { .. }) => {
            let civil =
                cast(column, &DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Second, None))?;
            read::to_precision(&read::to_zone(&civil, casting.zone)?, to)
        }
        (T::Date, T::Timestamp { .. })
        | (T::Timestamp { .. }, T::Date | T::Time { .. })
        | (T::Time { .. }, T::Time { .. }) => Ok(cast(column, &to.to_arrow())?),
        (T::TimestampWithTimeZone { .. }, T::Time { .. }) => {
            Ok(cast(&read::to_civil(column)?, &to.to_arrow())?)
        }
        (T::IntervalDayToSecond, T::IntervalDayToSecond)
        | (T::IntervalYearToMonth, T::IntervalYearToMonth) => Ok(Arc::clone(column)),
        _ => Err(type_mismatch(format!("Cannot cast {from} to {to}"))),
    }
}

/// Booleans count as numbers, 0 and 1.
fn is_number(r#type: &TrinoType) -> bool {
    use TrinoType as T;
    matches!(
        r#type,
        T::Boolean
            | T::Tinyint
            | T::Smallint
            | T::Integer
            | T::Bigint
            | T::Real
            | T::Double
            | T::Decimal { .. }
    )
}

/// Texts cut or padded to the length of a type.
fn fitted(column: &ArrayRef, to: &TrinoType, _: Casting) -> Result<ArrayRef> {
    let texts = cast(column, &DataType::Utf8View)?;
    let (length, pads) = match to {
        TrinoType::Varchar { length: Some(length) } => (*length as usize, false),
        TrinoType::Char { length } => (*length as usize, true),
        _ => return Ok(texts),
    };
    let mut builder = StringViewBuilder::with_capacity(texts.len());
    for text in texts.as_string_view() {
        builder.append_option(text.map(|text| {
            let cut: String = text.chars().take(length).collect();
            if pads { format!("{cut:<length$}") } else { cut }
        }));
    }
    Ok(Arc::new(builder.finish()))
}

/// Values as texts; one too long for the type is an error.
fn printed(column: &ArrayRef, from: &TrinoType, to: &TrinoType, casting: Casting) -> Result<ArrayRef> {
    let most = match to {
        TrinoType::Varchar { length: Some(length) } => *length as usize,
        _ => usize::MAX,
    };
    let mut builder = StringViewBuilder::with_capacity(column.len());
    for row in 0..column.len() {
        if column.is_null(row) {
            builder.append_null();
            continue;
        }
        let text = text_at(column, from, row)?;
        let fits = if text.chars().count() > most {
            Err(invalid_cast(format!("Value {text} cannot be represented as {to}")))
        } else {
            Ok(text)
        };
        builder.append_option(casting.keep(fits)?);
    }
    let texts: ArrayRef = Arc::new(builder.finish());
    if matches!(to, TrinoType::Char { .. }) { fitted(&texts, to, casting) } else { Ok(texts) }
}
