//! Columns as clients are told of them: the type as text, and taken apart.

use depthlake_dialect::types::TrinoType;
use serde_json::{Value, json};

use crate::session::Column;

/// The length of a `varchar` that has none.
const UNBOUNDED: u32 = i32::MAX as u32;

/// Whether a client knows that times have precisions (the capability `PARAMETRIC_DATETIME`).
///
/// One that does not is told of plain `timestamp` and gets milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precisions {
    Known,
    Unknown,
}

/// The columns of an answer, as JSON.
pub(super) fn columns(columns: &[Column], precisions: Precisions) -> Value {
    let column = |column: &Column| {
        json!({
            "name": column.name,
            "type": text(&column.r#type, precisions),
            "typeSignature": signature(&column.r#type, precisions),
        })
    };
    columns.iter().map(column).collect()
}

/// A type as an old client, too, can read it.
fn text(r#type: &TrinoType, precisions: Precisions) -> String {
    use TrinoType as T;
    if precisions == Precisions::Known {
        return r#type.to_string();
    }
    match r#type {
        T::Time { .. } => "time".to_owned(),
        T::TimeWithTimeZone { .. } => "time with time zone".to_owned(),
        T::Timestamp { .. } => "timestamp".to_owned(),
        T::TimestampWithTimeZone { .. } => "timestamp with time zone".to_owned(),
        T::Array(element) => format!("array({})", text(element, precisions)),
        T::Map(key, value) => format!("map({}, {})", text(key, precisions), text(value, precisions)),
        other => other.to_string(),
    }
}

fn signature(r#type: &TrinoType, precisions: Precisions) -> Value {
    use TrinoType as T;
    let raw = |name: &str, arguments: Vec<Value>| json!({"rawType": name, "arguments": arguments});
    let long = |value: i64| json!({"kind": "LONG", "value": value});
    let of = |r#type| json!({"kind": "TYPE", "value": signature(r#type, precisions)});
    let time = |name: &str, precision: u8| match precisions {
        Precisions::Known => raw(name, vec![long(precision.into())]),
        Precisions::Unknown => raw(name, Vec::new()),
    };
    match r#type {
        T::Decimal { precision, scale } => {
            raw("decimal", vec![long((*precision).into()), long((*scale).into())])
        }
        T::Varchar { length } => raw("varchar", vec![long(length.unwrap_or(UNBOUNDED).into())]),
        T::Char { length } => raw("char", vec![long((*length).into())]),
        T::Time { precision } => time("time", *precision),
        T::TimeWithTimeZone { precision } => time("time with time zone", *precision),
        T::Timestamp { precision } => time("timestamp", *precision),
        T::TimestampWithTimeZone { precision } => time("timestamp with time zone", *precision),
        T::Array(element) => raw("array", vec![of(element)]),
        T::Map(key, value) => raw("map", vec![of(key), of(value)]),
        T::Row(fields) => {
            let field = |field: &depthlake_dialect::types::RowField| {
                let mut value = json!({"typeSignature": signature(&field.r#type, precisions)});
                if let (Some(name), Some(object)) = (&field.name, value.as_object_mut()) {
                    object.insert("fieldName".to_owned(), json!({"name": name}));
                }
                json!({"kind": "NAMED_TYPE", "value": value})
            };
            raw("row", fields.iter().map(field).collect())
        }
        plain => raw(&plain.to_string(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(r#type: &str, precisions: Precisions) -> Value {
        let column = Column { name: "c".to_owned(), r#type: TrinoType::parse(r#type).unwrap() };
        columns(&[column], precisions)[0].clone()
    }

    #[test]
    fn types_are_taken_apart() {
        let none: [Value; 0] = [];
        for (text, signature) in [
            ("bigint", json!({"rawType": "bigint", "arguments": none})),
            (
                "varchar",
                json!({"rawType": "varchar", "arguments": [{"kind": "LONG", "value": 2_147_483_647}]}),
            ),
            ("varchar(5)", json!({"rawType": "varchar", "arguments": [{"kind": "LONG", "value": 5}]})),
            (
                "decimal(18,8)",
                json!({"rawType": "decimal", "arguments": [{"kind": "LONG", "value": 18}, {"kind": "LONG", "value": 8}]}),
            ),
            (
                "timestamp(6) with time zone",
                json!({"rawType": "timestamp with time zone", "arguments": [{"kind": "LONG", "value": 6}]}),
            ),
            (
                "array(date)",
                json!({"rawType": "array", "arguments": [
                    {"kind": "TYPE", "value": {"rawType": "date", "arguments": none}}]}),
            ),
            (
                "row(x bigint, date)",
                json!({"rawType": "row", "arguments": [
                    {"kind": "NAMED_TYPE", "value": {"fieldName": {"name": "x"},
                        "typeSignature": {"rawType": "bigint", "arguments": none}}},
                    {"kind": "NAMED_TYPE", "value": {"typeSignature": {"rawType": "date", "arguments": none}}}]}),
            ),
        ] {
            let told = told(text, Precisions::Known);
            assert_eq!((&told["type"], &told["typeSignature"]), (&json!(text), &signature));
        }
    }

    #[test]
    fn an_old_client_is_told_of_plain_times() {
        let told = told("array(timestamp(6))", Precisions::Unknown);
        assert_eq!(told["type"], "array(timestamp)");
        let none: [Value; 0] = [];
        assert_eq!(
            told["typeSignature"]["arguments"][0]["value"],
            json!({"rawType": "timestamp", "arguments": none})
        );
    }
}
