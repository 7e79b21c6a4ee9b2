//! Literals that say their type, and numbers.

use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Interval, TypedString, Value, ValueWithSpan};

use super::adapt::{call, cast, interval_text, text_literal};
use crate::functions::{LIKE_PATTERN, escaped_by_backslash, parse_timestamp_literal};
use crate::types::TrinoType;

/// `TIMESTAMP '…'`, `DECIMAL '…'`, `JSON '…'` …: the value of the type that its text implies.
pub(super) fn typed_string(typed: TypedString) -> Expr {
    let Value::SingleQuotedString(text) = &typed.value.value else { return Expr::TypedString(typed) };
    let Ok(named) = TrinoType::parse(&typed.data_type.to_string()) else { return Expr::TypedString(typed) };
    let implied = match named {
        TrinoType::Date => return Expr::TypedString(typed),
        TrinoType::Json => return call("json_parse", vec![text_literal(text)]),
        TrinoType::Timestamp { .. } | TrinoType::TimestampWithTimeZone { .. } => {
            parse_timestamp_literal(text).unwrap_or(named)
        }
        TrinoType::Time { .. } => TrinoType::Time { precision: digits_behind_point(text).min(9) },
        TrinoType::Decimal { .. } => decimal_of(text).unwrap_or(named),
        TrinoType::Char { .. } => {
            TrinoType::Char { length: u32::try_from(text.chars().count()).unwrap_or(u32::MAX) }
        }
        other => other,
    };
    cast(text_literal(text), &implied.to_string())
}

/// A number with an exponent is a double; a whole one beyond `bigint` a decimal.
pub(super) fn number(value: ValueWithSpan) -> Expr {
    let implied = match &value.value {
        Value::Number(text, _) if text.contains(['e', 'E']) => Some((text.clone(), TrinoType::Double)),
        Value::Number(text, _)
            if text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_err() =>
        {
            decimal_of(text).map(|decimal| (text.clone(), decimal))
        }
        _ => None,
    };
    match implied {
        Some((text, implied)) => cast(text_literal(&text), &implied.to_string()),
        None => Expr::Value(value),
    }
}

/// Years and months become months, so that the type of the interval is known.
pub(super) fn interval(interval: Interval) -> Expr {
    let months = interval_text(&interval).and_then(|(text, field)| {
        let text = text.trim();
        match (field, &interval.last_field) {
            (DateTimeField::Year | DateTimeField::Years, None) => text.parse::<i32>().ok()?.checked_mul(12),
            (DateTimeField::Month | DateTimeField::Months, None) => text.parse::<i32>().ok(),
            (DateTimeField::Year, Some(DateTimeField::Month)) => {
                let (years, months) = text.split_once('-')?;
                years.parse::<i32>().ok()?.checked_mul(12)?.checked_add(months.parse::<i32>().ok()?)
            }
            _ => None,
        }
    });
    match months {
        Some(months) => cast(text_literal(&months.to_string()), &TrinoType::IntervalYearToMonth.to_string()),
        None => Expr::Interval(interval),
    }
}

/// A pattern in which the backslash escapes, whatever escaped before: nothing does where no `ESCAPE` is written.
pub(super) fn like_pattern(pattern: Expr, escape: Option<&Value>) -> Expr {
    let escape = match escape {
        Some(Value::SingleQuotedString(text)) => text.as_str(),
        _ => "",
    };
    match &pattern {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => {
            match escaped_by_backslash(text, escape) {
                Ok(escaped) => text_literal(&escaped),
                Err(_) => call(LIKE_PATTERN, vec![pattern, text_literal(escape)]),
            }
        }
        _ => call(LIKE_PATTERN, vec![pattern, text_literal(escape)]),
    }
}

fn digits_behind_point(text: &str) -> u8 {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    u8::try_from(fraction.bytes().take_while(u8::is_ascii_digit).count()).unwrap_or(u8::MAX)
}

/// The decimal type of exactly the digits that a text shows.
fn decimal_of(text: &str) -> Option<TrinoType> {
    let digits = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0').len();
    let scale = u8::try_from(fraction.len()).ok()?;
    let precision = u8::try_from(whole).ok()?.checked_add(scale)?.max(1);
    (precision <= 38).then(|| TrinoType::Decimal { precision, scale: scale.cast_signed() })
}
