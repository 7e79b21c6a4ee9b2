//! The values that a client binds to `$1`, `$2` and so on.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::StringArray;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::FieldFormat;
use thiserror::Error;

use super::encode::{EPOCH_DAYS, EPOCH_MICROSECONDS};
use super::numeric;
use super::types::ColumnType;

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ParameterError {
    #[error("{bound} parameters were bound, but the statement has {expected}")]
    Count { bound: usize, expected: usize },
    #[error("the value of ${number} is no {expected}: {reason}")]
    Malformed { number: usize, expected: String, reason: String },
    #[error("${number} is a {found}, which cannot be bound; write it as text with a cast")]
    Unsupported { number: usize, found: String },
}

/// The values of a portal, of the types that the statement's parameters have.
pub(super) fn values<S>(portal: &Portal<S>, types: &[Type]) -> Result<Vec<ScalarValue>, ParameterError> {
    let bound = portal.parameters.len();
    if bound != types.len() {
        return Err(ParameterError::Count { bound, expected: types.len() });
    }
    let all = portal.parameters.iter().zip(types).enumerate();
    all.map(|(index, (bytes, r#type))| {
        let format = match &portal.parameter_format {
            Format::Individual(codes) => {
                codes.get(index).map_or(FieldFormat::Text, |code| FieldFormat::from(*code))
            }
            all => all.format_for(index),
        };
        value(index + 1, bytes.as_deref(), r#type, format)
    })
    .collect()
}

fn value(
    number: usize,
    bytes: Option<&[u8]>,
    r#type: &Type,
    format: FieldFormat,
) -> Result<ScalarValue, ParameterError> {
    let malformed = |reason: &str| ParameterError::Malformed {
        number,
        expected: r#type.name().to_owned(),
        reason: reason.to_owned(),
    };
    let Some(bytes) = bytes else {
        let arrow = ColumnType { postgres: r#type.clone(), modifier: -1 }.arrow();
        return ScalarValue::try_from(arrow).map_err(|error| malformed(&error.to_string()));
    };
    if format == FieldFormat::Text || is_text(r#type) {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        return of_text(text, r#type).map_err(|reason| malformed(&reason));
    }
    match of_binary(bytes, r#type) {
        Some(Ok(value)) => Ok(value),
        Some(Err(())) => Err(malformed("its binary form has another length or content")),
        None => Err(ParameterError::Unsupported { number, found: r#type.name().to_owned() }),
    }
}

/// Whether the binary form is the text itself.
fn is_text(r#type: &Type) -> bool {
    matches!(
        *r#type,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::CHAR
    )
}

fn of_text(text: &str, r#type: &Type) -> Result<ScalarValue, String> {
    let failed = |error: std::num::ParseIntError| error.to_string();
    Ok(match *r#type {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
            ScalarValue::Int64(Some(text.trim().parse().map_err(failed)?))
        }
        Type::BOOL => match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => ScalarValue::Boolean(Some(true)),
            "f" | "false" | "n" | "no" | "off" | "0" => ScalarValue::Boolean(Some(false)),
            _ => return Err("expected true or false".to_owned()),
        },
        Type::NUMERIC => decimal(text.trim()).ok_or("expected a number of at most 38 digits")?,
        Type::BYTEA => bytes_of(text)
            .map(|bytes| ScalarValue::Binary(Some(bytes)))
            .ok_or("expected \\x and pairs of digits")?,
        _ => {
            let wanted = ColumnType { postgres: r#type.clone(), modifier: -1 }.arrow();
            let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let cast =
                cast_with_options(&array, &wanted, &CastOptions { safe: false, ..CastOptions::default() });
            let cast = cast.map_err(|error| error.to_string())?;
            ScalarValue::try_from_array(&cast, 0).map_err(|error| error.to_string())?
        }
    })
}

/// `None` for types whose binary form is not understood.
fn of_binary(bytes: &[u8], r#type: &Type) -> Option<Result<ScalarValue, ()>> {
    fn number<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ()> {
        bytes.try_into().map_err(|_| ())
    }
    Some(match *r#type {
        Type::BOOL => number::<1>(bytes).map(|[byte]| ScalarValue::Boolean(Some(byte != 0))),
        Type::INT2 => number(bytes).map(|bytes| ScalarValue::Int64(Some(i16::from_be_bytes(bytes).into()))),
        Type::INT4 => number(bytes).map(|bytes| ScalarValue::Int64(Some(i32::from_be_bytes(bytes).into()))),
        Type::OID => number(bytes).map(|bytes| ScalarValue::Int64(Some(u32::from_be_bytes(bytes).into()))),
        Type::INT8 => number(bytes).map(|bytes| ScalarValue::Int64(Some(i64::from_be_bytes(bytes)))),
        Type::FLOAT4 => number(bytes).map(|bytes| ScalarValue::Float32(Some(f32::from_be_bytes(bytes)))),
        Type::FLOAT8 => number(bytes).map(|bytes| ScalarValue::Float64(Some(f64::from_be_bytes(bytes)))),
        Type::BYTEA => Ok(ScalarValue::Binary(Some(bytes.to_vec()))),
        Type::NUMERIC => numeric::read_binary(bytes)
            .map(|(value, scale)| ScalarValue::Decimal128(Some(value), precision_of(value, scale), scale))
            .ok_or(()),
        Type::DATE => number(bytes)
            .map(|bytes| ScalarValue::Date32(Some(i32::from_be_bytes(bytes).saturating_add(EPOCH_DAYS)))),
        Type::TIME => {
            number(bytes).map(|bytes| ScalarValue::Time64Microsecond(Some(i64::from_be_bytes(bytes))))
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let zone = (*r#type == Type::TIMESTAMPTZ).then(|| "+00:00".into());
            number(bytes).map(|bytes| {
                let microseconds = i64::from_be_bytes(bytes).saturating_add(EPOCH_MICROSECONDS);
                ScalarValue::TimestampMicrosecond(Some(microseconds), zone)
            })
        }
        _ => return None,
    })
}

/// A decimal with just the digits that the text has.
fn decimal(text: &str) -> Option<ScalarValue> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = i8::try_from(fraction.len()).ok().filter(|scale| *scale <= 38)?;
    let value = all.parse::<i128>().ok()? * sign;
    let precision = precision_of(value, scale);
    (precision <= 38).then(|| ScalarValue::Decimal128(Some(value), precision, scale))
}

fn precision_of(value: i128, scale: i8) -> u8 {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    u8::try_from(digits).unwrap_or(u8::MAX).max(scale.unsigned_abs())
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_of_their_type() {
        assert_eq!(of_text(" 7 ", &Type::INT4).unwrap(), ScalarValue::Int64(Some(7)));
        assert_eq!(of_text("-1.50", &Type::NUMERIC).unwrap(), ScalarValue::Decimal128(Some(-150), 3, 2));
        assert_eq!(of_text("\\x00fF", &Type::BYTEA).unwrap(), ScalarValue::Binary(Some(vec![0, 255])));
        let time = of_text("2024-08-08 11:20:31.5+02", &Type::TIMESTAMPTZ).unwrap();
        let expected = ScalarValue::TimestampMicrosecond(Some(1_723_108_831_500_000), Some("+00:00".into()));
        assert_eq!(time, expected);
        for (text, r#type) in
            [("x", Type::INT8), ("1e5", Type::NUMERIC), ("maybe", Type::BOOL), ("\\x0", Type::BYTEA)]
        {
            assert!(of_text(text, &r#type).is_err(), "{text}");
        }
    }

    #[test]
    fn binary_values_of_a_wrong_length_are_refused() {
        assert_eq!(of_binary(&[0, 0, 0, 5], &Type::INT4), Some(Ok(ScalarValue::Int64(Some(5)))));
        assert_eq!(of_binary(&[0, 0, 5], &Type::INT4), Some(Err(())));
        assert_eq!(of_binary(&[0; 8], &Type::DATE), Some(Err(())));
        assert_eq!(of_binary(&[0; 8], &Type::POINT), None);
    }
}
