//! Avro schemas of records, as files and registries hold them: all of Avro that a record of a topic may be made of, except
//! for types that are named and used again.

use std::fmt;

use serde_json::Value as Json;
use thiserror::Error;

/// A record's name and its fields, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordSchema {
    /// With its namespace.
    pub(crate) name: String,
    pub(crate) fields: Vec<SchemaField>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaField {
    pub(crate) name: String,
    pub(crate) kind: AvroType,
    pub(crate) has_default: bool,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AvroType {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    /// A decimal in bytes.
    Decimal(DecimalKind),
    Fixed(usize),
    Enum,
    Array(Box<AvroType>),
    Map(Box<AvroType>),
    Record(Vec<AvroType>),
    Union(Vec<AvroType>),
}

/// A decimal number of so many digits, `scale` of them behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecimalKind {
    pub(crate) precision: u32,
    pub(crate) scale: u32,
}

/// Why a text is no schema of a record that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    #[error("it is no JSON: {0}")]
    Json(String),
    #[error("it is no schema of a record with a name and fields")]
    NotARecord,
    #[error("field {field} has the type {found}, which is not understood")]
    Type { field: String, found: String },
}

impl RecordSchema {
    /// Reads a schema's JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, SchemaError> {
        let json: Json = serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
        let name = full_name(&json).filter(|_| json["type"] == "record").ok_or(SchemaError::NotARecord)?;
        let fields = json["fields"].as_array().ok_or(SchemaError::NotARecord)?;
        Ok(Self { name, fields: fields.iter().map(field).collect::<Result<_, _>>()? })
    }

    pub(crate) fn field(&self, name: &str) -> Option<&SchemaField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl fmt::Display for AvroType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("boolean"),
            Self::Int => f.write_str("int"),
            Self::Long => f.write_str("long"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Bytes => f.write_str("bytes"),
            Self::String => f.write_str("string"),
            Self::Decimal(DecimalKind { precision, scale }) => write!(f, "decimal({precision},{scale})"),
            Self::Fixed(size) => write!(f, "fixed({size})"),
            Self::Enum => f.write_str("enum"),
            Self::Array(items) => write!(f, "array of {items}"),
            Self::Map(values) => write!(f, "map of {values}"),
            Self::Record(_) => f.write_str("record"),
            Self::Union(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    write!(f, "{}{branch}", if index == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
        }
    }
}

fn full_name(json: &Json) -> Option<String> {
    let name = json["name"].as_str()?;
    Some(match json["namespace"].as_str() {
        Some(namespace) if !name.contains('.') => format!("{namespace}.{name}"),
        _ => name.to_owned(),
    })
}

fn field(json: &Json) -> Result<SchemaField, SchemaError> {
    let name = json["name"].as_str().ok_or(SchemaError::NotARecord)?.to_owned();
    match avro_type(&json["type"]) {
        Some(kind) => Ok(SchemaField { name, kind, has_default: json.get("default").is_some() }),
        None => Err(SchemaError::Type { field: name, found: json["type"].to_string() }),
    }
}

fn avro_type(json: &Json) -> Option<AvroType> {
    match json {
        Json::String(name) => primitive(name),
        Json::Array(branches) => {
            Some(AvroType::Union(branches.iter().map(avro_type).collect::<Option<_>>()?))
        }
        Json::Object(_) => match json["type"].as_str()? {
            "bytes" if json["logicalType"] == "decimal" => decimal(json).map(AvroType::Decimal),
            "fixed" => Some(AvroType::Fixed(usize::try_from(json["size"].as_u64()?).ok()?)),
            "enum" => Some(AvroType::Enum),
            "array" => Some(AvroType::Array(Box::new(avro_type(&json["items"])?))),
            "map" => Some(AvroType::Map(Box::new(avro_type(&json["values"])?))),
            "record" => {
                let fields = json["fields"].as_array()?.iter();
                Some(AvroType::Record(fields.map(|field| avro_type(&field["type"])).collect::<Option<_>>()?))
            }
            name => primitive(name),
        },
        _ => None,
    }
}

fn primitive(name: &str) -> Option<AvroType> {
    Some(match name {
        "null" => AvroType::Null,
        "boolean" => AvroType::Boolean,
        "int" => AvroType::Int,
        "long" => AvroType::Long,
        "float" => AvroType::Float,
        "double" => AvroType::Double,
        "bytes" => AvroType::Bytes,
        "string" => AvroType::String,
        _ => return None,
    })
}

fn decimal(json: &Json) -> Option<DecimalKind> {
    let number = |key: &str| u32::try_from(json[key].as_u64()?).ok();
    let precision = number("precision")?;
    let scale = if json.get("scale").is_some() { number("scale")? } else { 0 };
    (scale <= precision).then_some(DecimalKind { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: &str) -> Result<RecordSchema, SchemaError> {
        RecordSchema::parse(&format!(
            r#"{{"type": "record", "name": "a", "namespace": "n", "fields": [{{"name": "f", "type": {kind}}}]}}"#
        ))
    }

    #[test]
    fn types_are_told_as_people_write_them() {
        for (json, text) in [
            (r#""long""#, "long"),
            (r#"["null", "double"]"#, "null or double"),
            (r#"{"type": "long", "logicalType": "timestamp-micros"}"#, "long"),
            (r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#, "decimal(9,2)"),
            (r#"{"type": "bytes", "logicalType": "decimal", "precision": 9}"#, "decimal(9,0)"),
            (r#"{"type": "array", "items": "string"}"#, "array of string"),
            (r#"{"type": "map", "values": {"type": "fixed", "name": "x", "size": 4}}"#, "map of fixed(4)"),
            (r#"{"type": "enum", "name": "e", "symbols": ["A"]}"#, "enum"),
        ] {
            let schema = parsed(json).unwrap();
            assert_eq!((schema.name.as_str(), schema.fields[0].kind.to_string()), ("n.a", text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_schema_of_a_record_is_refused() {
        assert!(matches!(RecordSchema::parse("{"), Err(SchemaError::Json(_))));
        assert_eq!(RecordSchema::parse(r#""string""#), Err(SchemaError::NotARecord));
        assert_eq!(RecordSchema::parse(r#"{"type": "record", "name": "a"}"#), Err(SchemaError::NotARecord));
        let error = parsed(r#""n.a""#).unwrap_err();
        assert_eq!(error.to_string(), r#"field f has the type "n.a", which is not understood"#);
        assert!(
            parsed(r#"{"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 2}"#).is_err()
        );
    }
}
