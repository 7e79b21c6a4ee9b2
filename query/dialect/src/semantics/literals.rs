//! Literals that say their type, and numbers.

use datafusion::sql::sqlparser::ast::{
    DateTimeField, Expr, Interval, TypedString, UnaryOperator, Value, ValueWithSpan,
};

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

/// Years and months become months, so that the type of the interval is known; several fields of a day become days and seconds.
pub(super) fn interval(mut interval: Interval) -> Expr {
    if let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = interval.value.as_ref()
        && let Expr::Value(value) = expr.as_ref()
        && let Value::SingleQuotedString(text) = &value.value
    {
        let negated = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
        interval.value = Box::new(text_literal(&negated));
    }
    let Some((text, field)) = interval_text(&interval) else { return Expr::Interval(interval) };
    let text = text.trim();
    let months = match (field, &interval.last_field) {
        (DateTimeField::Year | DateTimeField::Years, None) => {
            text.parse::<i32>().ok().and_then(|years| years.checked_mul(12))
        }
        (DateTimeField::Month | DateTimeField::Months, None) => text.parse::<i32>().ok(),
        (DateTimeField::Year, Some(DateTimeField::Month)) => months_of(text),
        _ => None,
    };
    if let Some(months) = months {
        return cast(text_literal(&months.to_string()), &TrinoType::IntervalYearToMonth.to_string());
    }
    let Some(last) = &interval.last_field else { return Expr::Interval(interval) };
    match days_and_seconds(text, field, last) {
        Some(told) => Expr::Interval(Interval {
            value: Box::new(text_literal(&told)),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }),
        None => Expr::Interval(interval),
    }
}

/// `1-2` is a year and two months.
fn months_of(text: &str) -> Option<i32> {
    let (sign, text) = signed(text);
    let (years, months) = text.split_once('-')?;
    let months = years.parse::<i32>().ok()?.checked_mul(12)?.checked_add(months.parse::<i32>().ok()?)?;
    if sign.is_empty() { Some(months) } else { months.checked_neg() }
}

fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// `1 02:03:04.5` of the fields from `DAY` to `SECOND`, in the planner's words.
fn days_and_seconds(text: &str, first: &DateTimeField, last: &DateTimeField) -> Option<String> {
    let place = |field: &DateTimeField| match field {
        DateTimeField::Day => Some(0),
        DateTimeField::Hour => Some(1),
        DateTimeField::Minute => Some(2),
        DateTimeField::Second => Some(3),
        _ => None,
    };
    let (first, last) = (place(first)?, place(last)?);
    let (sign, text) = signed(text);
    let numbers: Vec<&str> = text.split([' ', ':']).filter(|part| !part.is_empty()).collect();
    if first >= last || numbers.len() != last - first + 1 {
        return None;
    }
    let is_number = |(place, number): (usize, &&str)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match number.split_once('.') {
            Some((whole, fraction)) => first + place == 3 && digits(whole) && digits(fraction),
            None => digits(number),
        }
    };
    if !numbers.iter().enumerate().all(is_number) {
        return None;
    }
    let words = ["days", "hours", "minutes", "seconds"];
    let part = |(number, word): (&&str, &&str)| format!("{sign}{number} {word}");
    Some(numbers.iter().zip(&words[first..]).map(part).collect::<Vec<_>>().join(" "))
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
