//! JSON: read, walked by paths, written.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use serde_json::Value;

use super::cast::JsonTexts;
use super::rows::{FromColumn, IntoColumn, column, rows1, rows2};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new("json_parse", &["varchar -> json"], "A text read as JSON", |arguments| {
            rows1(arguments, |text: &str| {
                let value: Result<Value, _> = serde_json::from_str(text);
                value
                    .map(|value| Some(value.to_string()))
                    .map_err(|_| invalid_argument(format!("Cannot convert value to JSON: '{text}'")))
            })
        }),
        Scalar::new("json_format", &["json -> varchar"], "JSON as text", |arguments| {
            rows1(arguments, |text: &str| Ok(Some(text.to_owned())))
        }),
        Scalar::new(
            "json_extract",
            &["json, varchar -> json"],
            "The value at a path, as JSON",
            |arguments| at_path(arguments, |value| Some(value.to_string())),
        ),
        Scalar::new(
            "json_extract_scalar",
            &["json, varchar -> varchar"],
            "The text, number or truth value at a path, as text",
            |arguments| at_path(arguments, scalar_text),
        ),
        Scalar::new("json_array_length", &["json -> bigint"], "The elements of a JSON array", |arguments| {
            with_json(arguments, |value| value.as_array().and_then(|items| i64::try_from(items.len()).ok()))
        }),
        Scalar::new(
            "json_size",
            &["json, varchar -> bigint"],
            "The members of what is at a path",
            |arguments| {
                at_path(arguments, |value| {
                    let size = match value {
                        Value::Array(items) => items.len(),
                        Value::Object(entries) => entries.len(),
                        _ => 0,
                    };
                    i64::try_from(size).ok()
                })
            },
        ),
        Scalar::new(
            "json_array_get",
            &["json, bigint -> json"],
            "An element of a JSON array, from 0",
            |arguments| {
                rows2(arguments, |text: &str, index: i64| {
                    let value: Option<Value> = serde_json::from_str(text).ok();
                    Ok(value.and_then(|value| element(&value, index).map(Value::to_string)))
                })
            },
        ),
        Scalar::new(
            "json_array_contains",
            &["json, varchar -> boolean", "json, boolean -> boolean", "json, double -> boolean"],
            "Whether a JSON array has a value",
            json_array_contains,
        ),
        Scalar::new(
            "is_json_scalar",
            &["json -> boolean"],
            "Whether JSON is no array and no object",
            |arguments| with_json(arguments, |value| Some(!value.is_array() && !value.is_object())),
        ),
    ]
}

fn with_json<R: IntoColumn>(
    arguments: &Arguments,
    function: impl Fn(&Value) -> Option<R>,
) -> Result<ArrayRef> {
    let json = JsonTexts::of(column(arguments, 0)?)?;
    R::collect(arguments.rows, (0..arguments.rows).map(|row| Ok(json.at(row).as_ref().and_then(&function))))
}

fn at_path<R: IntoColumn>(arguments: &Arguments, function: impl Fn(&Value) -> Option<R>) -> Result<ArrayRef> {
    let json = JsonTexts::of(column(arguments, 0)?)?;
    let paths = <&str>::column(column(arguments, 1)?)?;
    let mut last: Option<(&str, Vec<Step>)> = None;
    let values = (0..arguments.rows).map(|row| {
        if paths.is_null(row) {
            return Ok(None);
        }
        let text = paths.value(row);
        if last.as_ref().is_none_or(|(last, _)| *last != text) {
            last = Some((text, steps(text)?));
        }
        let value = json.at(row);
        let found = match (&value, &last) {
            (Some(value), Some((_, steps))) => walk(value, steps),
            _ => None,
        };
        Ok(found.and_then(&function))
    });
    R::collect(arguments.rows, values)
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A step of a path: the member of a name, or the element of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(i64),
}

fn walk<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => match (value, name.parse::<i64>()) {
            (Value::Array(_), Ok(index)) => element(value, index),
            _ => value.get(name),
        },
        Step::Element(index) => match value {
            Value::Object(entries) => entries.get(&index.to_string()),
            _ => element(value, *index),
        },
    })
}

fn element(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let index = if index < 0 { i64::try_from(items.len()).ok()? + index } else { index };
    items.get(usize::try_from(index).ok()?)
}

/// Reads `$.store.book[0]["title"]`.
fn steps(path: &str) -> Result<Vec<Step>> {
    let invalid = || invalid_argument(format!("Invalid JSON path: '{path}'"));
    let mut rest = path.trim().strip_prefix('$').unwrap_or(path.trim());
    let mut steps = Vec::new();
    if !rest.is_empty() && !rest.starts_with(['.', '[']) {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        steps.push(Step::Member(rest.get(..end).ok_or_else(invalid)?.to_owned()));
        rest = rest.get(end..).ok_or_else(invalid)?;
    }
    while !rest.is_empty() {
        if let Some(member) = rest.strip_prefix('.') {
            let end = member.find(['.', '[']).unwrap_or(member.len());
            let (name, behind) =
                member.split_at_checked(end).filter(|(name, _)| !name.is_empty()).ok_or_else(invalid)?;
            steps.push(Step::Member(name.to_owned()));
            rest = behind;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (step, behind) = bracketed(inner).ok_or_else(invalid)?;
            steps.push(step);
            rest = behind;
        } else {
            return Err(invalid());
        }
    }
    Ok(steps)
}

fn bracketed(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, behind) = quoted.split_once("\"]")?;
        return Some((Step::Member(name.replace("\\\"", "\"")), behind));
    }
    let (inner, behind) = text.split_once(']')?;
    let inner = inner.trim();
    let step =
        inner.parse().map_or_else(|_| Step::Member(inner.trim_matches('\'').to_owned()), Step::Element);
    Some((step, behind))
}

fn json_array_contains(arguments: &Arguments) -> Result<ArrayRef> {
    let json = JsonTexts::of(column(arguments, 0)?)?;
    let wanted = column(arguments, 1)?;
    let text = if *wanted.data_type() == DataType::Utf8View { Some(<&str>::column(wanted)?) } else { None };
    let number = if *wanted.data_type() == DataType::Float64 { Some(f64::column(wanted)?) } else { None };
    let truth = if *wanted.data_type() == DataType::Boolean { Some(bool::column(wanted)?) } else { None };
    let values = (0..arguments.rows).map(|row| {
        if wanted.is_null(row) {
            return Ok(None);
        }
        let is_wanted = |item: &Value| match item {
            Value::String(item) => text.is_some_and(|text| text.value(row) == item),
            Value::Number(item) => number.is_some_and(|number| item.as_f64() == Some(number.value(row))),
            Value::Bool(item) => truth.is_some_and(|truth| truth.value(row) == *item),
            _ => false,
        };
        Ok(json.at(row).and_then(|value| value.as_array().map(|items| items.iter().any(is_wanted))))
    });
    bool::collect(arguments.rows, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_walked() {
        let value: Value = serde_json::from_str(r#"{"a": {"b c": [1, {"d": "x"}]}, "0": 7}"#).unwrap();
        let at = |path| walk(&value, &steps(path).unwrap()).map(Value::to_string);
        assert!(at("$").is_some());
        assert_eq!(at("$.a[\"b c\"][0]").as_deref(), Some("1"));
        assert_eq!(at("$.a['b c'][1].d").as_deref(), Some("\"x\""));
        assert!(at("a").is_some());
        assert_eq!(at("$[0]").as_deref(), Some("7"));
        assert_eq!(at("$.a.nope"), None);
        for broken in ["$.", "$[", "$[\"x]", "$x.y]["] {
            let _ = steps(broken);
        }
        assert!(steps("$.").is_err() && steps("$[").is_err());
    }
}
