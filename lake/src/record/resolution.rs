//! How a datum of one schema is read as a record of another: Avro's rules of resolution, for what our schemas are made of.
//!
//! Fields are matched by name. A field of ours that the writer did not have, and that has a default, is null; one of the writer's that we do not know
//! is passed over, whatever its type; numbers may grow wider. What cannot be read is refused once, when the
//! schemas are compared, and not record by record.

use thiserror::Error;

use super::avro::DatumReader;
use super::avro_schema::{AvroType, DecimalKind, RecordSchema, SchemaField};
use super::columns::Value;
use super::error::{DecodeError, Defect};
use super::schema::Schema;

/// A field of a record as we read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// Whether it is a union with null.
    pub(super) nullable: bool,
}

/// The types our schemas use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text,
    Bytes,
    Int,
    Long,
    Double,
    Decimal(DecimalKind),
}

/// Why records of one schema cannot be read by another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Incompatibility {
    #[error("field {field} is {found}, expected {expected}")]
    Type { field: String, found: String, expected: String },
    #[error("field {field} is missing, and there is no default for it")]
    Missing { field: String },
    #[error("the record is called {found}, expected {expected}")]
    Name { found: String, expected: String },
}

/// Checks that the latest version of a schema of ours reads the records of `writer`.
pub(crate) fn check_readable(writer: &RecordSchema, schema: Schema) -> Result<(), Incompatibility> {
    Resolution::new(writer, schema.latest(), schema.fields()).map(drop)
}

/// Why a reader with another schema cannot read records of ours, by names and types; `None` where nothing is seen.
pub(crate) fn why_not_read(reader: &RecordSchema, schema: Schema) -> Option<Incompatibility> {
    let written = schema.latest();
    reader.fields.iter().find_map(|read| match written.field(&read.name) {
        None => (!read.has_default).then(|| Incompatibility::Missing { field: read.name.clone() }),
        Some(field) => (field.kind != read.kind).then(|| Incompatibility::Type {
            field: read.name.clone(),
            found: field.kind.to_string(),
            expected: read.kind.to_string(),
        }),
    })
}

/// How records of one writer are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolution {
    /// One for each field of the writer, in its order.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Read into our field of this place.
    Read {
        name: String,
        place: usize,
        branches: Branches,
    },
    Skip {
        name: String,
        kind: AvroType,
    },
}

/// The types a value of the writer may have; `None` for null.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Branches {
    One(Conversion),
    Union(Vec<Option<Conversion>>),
}

/// How a value of the writer becomes one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    Same(FieldKind),
    FloatToDouble,
    LongToDouble,
}

/// The fields of a schema of ours.
pub(super) fn fields_of(schema: &RecordSchema) -> Result<Vec<Field>, Incompatibility> {
    let field = |field: &SchemaField| {
        let (kind, nullable) = match &field.kind {
            AvroType::Union(branches) => match &branches[..] {
                [AvroType::Null, kind] => (kind, true),
                _ => (&field.kind, false),
            },
            kind => (kind, false),
        };
        // The only default there is a place for is null.
        let known = field_kind(kind).filter(|_| nullable || !field.has_default);
        let kind = known.ok_or_else(|| Incompatibility::Type {
            field: field.name.clone(),
            found: field.kind.to_string(),
            expected: "a type that columns have, or its union with null".to_owned(),
        })?;
        Ok(Field { name: field.name.clone(), kind, nullable })
    };
    schema.fields.iter().map(field).collect()
}

impl Resolution {
    /// How records of `writer` are read as `reader`, which has `fields`.
    pub(super) fn new(
        writer: &RecordSchema,
        reader: &RecordSchema,
        fields: &[Field],
    ) -> Result<Self, Incompatibility> {
        if writer.name != reader.name {
            let (found, expected) = (writer.name.clone(), reader.name.clone());
            return Err(Incompatibility::Name { found, expected });
        }
        let is_missing = |field: &&SchemaField| !field.has_default && writer.field(&field.name).is_none();
        if let Some(missing) = reader.fields.iter().find(is_missing) {
            return Err(Incompatibility::Missing { field: missing.name.clone() });
        }
        let step = |written: &SchemaField| {
            let name = written.name.clone();
            let Some((place, field)) = fields.iter().enumerate().find(|(_, field)| field.name == name) else {
                return Ok(Step::Skip { name, kind: written.kind.clone() });
            };
            let branches = Branches::of(&written.kind, field).ok_or_else(|| Incompatibility::Type {
                field: name.clone(),
                found: written.kind.to_string(),
                expected: field.type_name(),
            })?;
            Ok(Step::Read { name, place, branches })
        };
        Ok(Self { steps: writer.fields.iter().map(step).collect::<Result<_, _>>()? })
    }

    /// Reads one datum to its end, into `values`: one for each of our fields, in their order.
    pub(super) fn read<'a>(
        &self,
        mut datum: DatumReader<'a>,
        values: &mut Vec<Value<'a>>,
        fields: usize,
    ) -> Result<(), DecodeError> {
        values.clear();
        values.resize(fields, Value::Null);
        for step in &self.steps {
            step.take(&mut datum, values).map_err(|defect| {
                let (Step::Read { name, .. } | Step::Skip { name, .. }) = step;
                DecodeError::Field { field: name.clone(), defect }
            })?;
        }
        match datum.left() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }
}

impl Step {
    fn take<'a>(&self, datum: &mut DatumReader<'a>, values: &mut [Value<'a>]) -> Result<(), Defect> {
        match self {
            Self::Skip { kind, .. } => skip(kind, datum),
            Self::Read { place, branches, .. } => {
                let value = branches.read(datum)?;
                if let Some(slot) = values.get_mut(*place) {
                    *slot = value;
                }
                Ok(())
            }
        }
    }
}

impl Branches {
    fn of(written: &AvroType, field: &Field) -> Option<Self> {
        let branch = |kind: &AvroType| match kind {
            AvroType::Null => field.nullable.then_some(None),
            kind => conversion(kind, field.kind).map(Some),
        };
        match written {
            AvroType::Union(kinds) => Some(Self::Union(kinds.iter().map(branch).collect::<Option<_>>()?)),
            AvroType::Null => branch(written).map(|only| Self::Union(vec![only])),
            kind => conversion(kind, field.kind).map(Self::One),
        }
    }

    #[inline]
    fn read<'a>(&self, datum: &mut DatumReader<'a>) -> Result<Value<'a>, Defect> {
        match self {
            Self::One(conversion) => conversion.read(datum),
            Self::Union(branches) => match branches.get(datum.branch(branches.len())?).copied().flatten() {
                Some(conversion) => conversion.read(datum),
                None => Ok(Value::Null),
            },
        }
    }
}

impl Conversion {
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "Avro's own rule for a long that is read as a double")]
    fn read<'a>(self, datum: &mut DatumReader<'a>) -> Result<Value<'a>, Defect> {
        Ok(match self {
            Self::Same(FieldKind::Text) => Value::Text(datum.text()?),
            Self::Same(FieldKind::Bytes) => Value::Bytes(datum.bytes()?),
            Self::Same(FieldKind::Int) => Value::Int(datum.int()?),
            Self::Same(FieldKind::Long) => Value::Long(datum.long()?),
            Self::Same(FieldKind::Double) => Value::Double(datum.double()?),
            Self::Same(FieldKind::Decimal(kind)) => Value::Decimal(datum.decimal(kind.precision)?),
            Self::FloatToDouble => Value::Double(datum.float()?.into()),
            Self::LongToDouble => Value::Double(datum.long()? as f64),
        })
    }
}

impl Field {
    fn type_name(&self) -> String {
        let kind = match self.kind {
            FieldKind::Text => AvroType::String,
            FieldKind::Bytes => AvroType::Bytes,
            FieldKind::Int => AvroType::Int,
            FieldKind::Long => AvroType::Long,
            FieldKind::Double => AvroType::Double,
            FieldKind::Decimal(kind) => AvroType::Decimal(kind),
        };
        if self.nullable { format!("null or {kind}") } else { kind.to_string() }
    }
}

fn field_kind(kind: &AvroType) -> Option<FieldKind> {
    /// The digits of an Arrow decimal.
    const MOST_DIGITS: u32 = 38;
    Some(match *kind {
        AvroType::String => FieldKind::Text,
        AvroType::Bytes => FieldKind::Bytes,
        AvroType::Int => FieldKind::Int,
        AvroType::Long => FieldKind::Long,
        AvroType::Double => FieldKind::Double,
        AvroType::Decimal(kind) if kind.precision <= MOST_DIGITS => FieldKind::Decimal(kind),
        _ => return None,
    })
}

fn conversion(written: &AvroType, read: FieldKind) -> Option<Conversion> {
    Some(match (written, read) {
        // The encodings are the same; that bytes are text is looked at when they are read.
        (AvroType::Int, FieldKind::Long)
        | (AvroType::String, FieldKind::Bytes)
        | (AvroType::Bytes, FieldKind::Text) => Conversion::Same(read),
        (AvroType::Float, FieldKind::Double) => Conversion::FloatToDouble,
        (AvroType::Int | AvroType::Long, FieldKind::Double) => Conversion::LongToDouble,
        (kind, read) if field_kind(kind) == Some(read) => Conversion::Same(read),
        _ => return None,
    })
}

/// Passes over a value of any type.
fn skip(kind: &AvroType, datum: &mut DatumReader<'_>) -> Result<(), Defect> {
    match kind {
        AvroType::Null => Ok(()),
        AvroType::Boolean => datum.skip(1),
        AvroType::Int | AvroType::Long | AvroType::Enum => datum.long().map(drop),
        AvroType::Float => datum.skip(4),
        AvroType::Double => datum.skip(8),
        AvroType::Bytes | AvroType::String | AvroType::Decimal(_) => datum.bytes().map(drop),
        AvroType::Fixed(size) => datum.skip(*size),
        AvroType::Array(items) => skip_blocks(datum, |datum| skip(items, datum)),
        AvroType::Map(values) => skip_blocks(datum, |datum| {
            datum.bytes()?;
            skip(values, datum)
        }),
        AvroType::Record(fields) => fields.iter().try_for_each(|field| skip(field, datum)),
        AvroType::Union(branches) => match branches.get(datum.branch(branches.len())?) {
            Some(branch) => skip(branch, datum),
            None => Ok(()),
        },
    }
}

/// Passes over an array or a map: blocks of a count and so many items; a negative count has the block's length behind it.
fn skip_blocks<'a>(
    datum: &mut DatumReader<'a>,
    mut item: impl FnMut(&mut DatumReader<'a>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    loop {
        match datum.long()? {
            0 => return Ok(()),
            count if count < 0 => {
                let length = usize::try_from(datum.long()?).map_err(|_| Defect::Length)?;
                datum.skip(length)?;
            }
            count => {
                for _ in 0..count {
                    let before = datum.left();
                    item(datum)?;
                    if datum.left() == before {
                        // Items without bytes: any number of them is passed over at once.
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> RecordSchema {
        RecordSchema::parse(&format!(r#"{{"type": "record", "name": "r", "fields": [{fields}]}}"#)).unwrap()
    }

    fn resolution(writer: &str, reader: &str) -> Result<Resolution, Incompatibility> {
        let reader = record(reader);
        Resolution::new(&record(writer), &reader, &fields_of(&reader).unwrap())
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let long = r#"{"name": "a", "type": "long"}"#;
        for (writer, message) in [
            ("", "field a is missing, and there is no default for it"),
            (r#"{"name": "a", "type": "string"}"#, "field a is string, expected long"),
            (r#"{"name": "a", "type": ["null", "long"]}"#, "field a is null or long, expected long"),
            (r#"{"name": "a", "type": "double"}"#, "field a is double, expected long"),
        ] {
            assert_eq!(resolution(writer, long).unwrap_err().to_string(), message);
        }
        let renamed = RecordSchema { name: "s".to_owned(), ..record(long) };
        let error = Resolution::new(&renamed, &record(long), &[]).unwrap_err();
        assert_eq!(error.to_string(), "the record is called s, expected r");
    }

    #[test]
    fn a_type_that_no_column_has_is_no_field_of_ours() {
        for kind in [r#""float""#, r#"["long", "null"]"#, r#"["null", "long", "string"]"#, r#""boolean""#] {
            assert!(fields_of(&record(&format!(r#"{{"name": "a", "type": {kind}}}"#))).is_err(), "{kind}");
        }
    }

    /// Blocks whose lengths are told may be passed over at once, and counts that no bytes follow end.
    #[test]
    fn blocks_are_passed_over() {
        let writer = r#"{"name": "x", "type": {"type": "array", "items": "long"}},
            {"name": "n", "type": {"type": "array", "items": "null"}}, {"name": "a", "type": "long"}"#;
        let resolution = resolution(writer, r#"{"name": "a", "type": "long"}"#).unwrap();
        // Two items in three bytes by their length; one item; the end. Then 2^61 nulls, and the end. Then 7.
        let counts = [3, 6, 2, 0x80, 1, 2, 4, 0].as_slice();
        let nulls = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0].as_slice();
        let datum = [&[0, 0, 0, 0, 0], counts, nulls, &[14]].concat();
        let read = |bytes| {
            let mut values = Vec::new();
            let (_, datum) = DatumReader::open(bytes).unwrap();
            resolution.read(datum, &mut values, 1).map(|()| values)
        };
        assert_eq!(read(&datum), Ok(vec![Value::Long(7)]));
        let error = read(&datum[..8]).unwrap_err();
        assert_eq!(error.to_string(), "field x ends too early");
    }
}
