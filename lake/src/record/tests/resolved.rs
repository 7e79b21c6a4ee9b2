//! Records of other writers, read as `apache-avro` resolves them.

use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value as Avro;
use apache_avro::{from_avro_datum, to_avro_datum};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

use super::super::avro::DatumReader;
use super::super::avro_schema::RecordSchema;
use super::super::columns::Value;
use super::super::resolution::Resolution;
use super::super::samples::derived;
use super::twin::{FRAME, expected_row, shown};
use super::*;

type Fields = Vec<(String, Avro)>;

fn resolve(writer: &str, reader: &str, datum: &[u8]) -> Fields {
    let parse = |text| apache_avro::Schema::parse_str(text).unwrap();
    let Avro::Record(fields) =
        from_avro_datum(&parse(writer), &mut &datum[..], Some(&parse(reader))).unwrap()
    else {
        panic!("no record")
    };
    fields
}

fn written(schema: &str, fields: Fields) -> Vec<u8> {
    to_avro_datum(&apache_avro::Schema::parse_str(schema).unwrap(), Avro::Record(fields)).unwrap()
}

/// The fields of a record, their decimals in sixteen bytes, since `apache-avro` resolves no shorter ones.
fn fields_of(trigger: &Trigger, record: &Derived) -> Fields {
    expected(trigger, record).into_iter().map(|(name, value)| (name, padded(value))).collect()
}

fn padded(value: Avro) -> Avro {
    match value {
        Avro::Decimal(decimal) => {
            let bytes = Vec::try_from(&decimal).unwrap();
            let sign = if bytes[0] < 0x80 { 0 } else { 0xff };
            let mut extended = vec![sign; 16 - bytes.len()];
            extended.extend(bytes);
            Avro::Decimal(extended.into())
        }
        Avro::Union(branch, inner) => Avro::Union(branch, Box::new(padded(*inner))),
        other => other,
    }
}

fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), datum].concat()
}

proptest! {
    #[test]
    fn both_versions_give_rows_of_one_kind((trigger, record) in derived()) {
        let (topic, second) = encode(&trigger, &record).unwrap();
        let schema = Schema::of_topic(topic).unwrap();
        let mut fields = fields_of(&trigger, &record);
        let (old, new) = (schema.json(Version::First), schema.json(Version::Second));
        fields.truncate(RecordSchema::parse(old).unwrap().fields.len());
        let datum = written(old, fields);
        let mut first = second.clone();
        first.value = framed(schema.id(Version::First), &datum).into();

        let made = rows(TopicPartition::new(topic, Partition(3)), &[stored(0, first), stored(1, second)]).unwrap();
        prop_assert_eq!((made.batch.num_rows(), &made.unusable), (2, &vec![]));
        let twin = expected_row(resolve(old, new, &datum), table_of(topic).unwrap());
        let row = cells(&made.batch, 0);
        for (column, cell) in &twin {
            prop_assert_eq!(&row[column], cell, "{}", column);
        }
        // What the second version did not add is the same in both rows.
        let added: Vec<_> = RecordSchema::parse(new).unwrap().fields.split_off(RecordSchema::parse(old).unwrap().fields.len());
        for (column, cell) in cells(&made.batch, 1) {
            let is_added = added.iter().any(|field| field.name == column);
            if is_added {
                prop_assert_eq!(&row[&column], "null", "{}", column);
            } else if column != "vwap" {
                prop_assert_eq!(&row[&column], &cell, "{}", column);
            }
        }
    }

    /// Whether a writer's records can be read, and what is read of them, for writers that differ from us in any way.
    #[test]
    fn any_writer_is_read_as_avro_resolves_it(
        (trigger, record) in derived(),
        edits in prop::collection::vec((any::<Index>(), edit()), 0..4),
        extra in prop::collection::vec((any::<Index>(), unknown_field()), 0..3),
        swap in prop::option::of((any::<Index>(), any::<Index>())),
        number: i32,
    ) {
        let schema = Schema::of(record.kind());
        let reader = schema.json(Version::LATEST);
        let mut writer: Json = serde_json::from_str(reader).unwrap();
        let declared = writer["fields"].as_array().unwrap().clone();
        let mut fields: Vec<_> = declared.into_iter().zip(fields_of(&trigger, &record)).map(|(json, (_, value))| (json, value)).collect();
        for (at, edit) in edits {
            if !fields.is_empty() {
                edit.apply(&mut fields, at, number);
            }
        }
        for (number, (at, (mut kind, value))) in extra.into_iter().enumerate() {
            if kind.get("name").is_some() {
                kind["name"] = json!(format!("type_{number}"));
            }
            let field = json!({"name": format!("unknown_{number}"), "type": kind});
            fields.insert(at.index(fields.len() + 1), (field, value));
        }
        if let Some((one, other)) = swap.filter(|_| !fields.is_empty()) {
            let length = fields.len();
            fields.swap(one.index(length), other.index(length));
        }
        let named = |(json, value): &(Json, Avro)| (json["name"].as_str().unwrap().to_owned(), value.clone());
        let values: Fields = fields.iter().map(named).collect();
        writer["fields"] = fields.into_iter().map(|(json, _)| json).collect();
        let writer = writer.to_string();

        let readable = SchemaCompatibility::can_read(&without_decimals(&writer), &without_decimals(reader));
        let ours = Resolution::new(&RecordSchema::parse(&writer).unwrap(), schema.latest(), schema.fields());
        prop_assert_eq!(ours.is_ok(), readable.is_ok(), "{:?} {:?} {}", ours, readable, writer);
        let Ok(resolution) = ours else { return Ok(()) };

        let datum = written(&writer, values);
        let framed = framed(0, &datum);
        let mut found = Vec::new();
        let (_, opened) = DatumReader::open(&framed).unwrap();
        resolution.read(opened, &mut found, schema.fields().len()).unwrap();
        for ((name, theirs), ours) in resolve(&writer, reader, &datum).iter().zip(found) {
            prop_assert_eq!(show(ours), shown("", theirs), "{}", name);
        }
        // Cut anywhere it is refused.
        for end in [0, datum.len() / 2, datum.len().saturating_sub(1)] {
            if end < datum.len() {
                let (_, cut) = DatumReader::open(&framed[..FRAME + end]).unwrap();
                prop_assert!(resolution.read(cut, &mut Vec::new(), schema.fields().len()).is_err());
            }
        }
    }
}

/// `apache-avro` compares no decimals; as bytes they differ where they differ here.
fn without_decimals(schema: &str) -> apache_avro::Schema {
    fn plain(json: &mut Json) {
        match json {
            Json::Object(object) if object.contains_key("logicalType") => *json = json!("bytes"),
            Json::Object(object) => object.values_mut().for_each(plain),
            Json::Array(items) => items.iter_mut().for_each(plain),
            _ => {}
        }
    }
    let mut json = serde_json::from_str(schema).unwrap();
    plain(&mut json);
    apache_avro::Schema::parse(&json).unwrap()
}

fn show(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => text.to_owned(),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Decimal(units) => units.to_string(),
    }
}

/// One way in which a writer's field may differ from ours.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Drop,
    /// A number of fewer bits.
    Narrow,
    /// Null the last branch of the union.
    NullLast,
    /// Never null.
    NotNull,
    /// Sometimes null.
    Nullable,
    /// Text.
    Retype,
}

fn edit() -> impl Strategy<Value = Edit> {
    use Edit::{Drop, Narrow, NotNull, NullLast, Nullable, Retype};
    prop::sample::select([Drop, Narrow, NullLast, NotNull, Nullable, Retype].as_slice())
}

impl Edit {
    fn apply(self, fields: &mut Vec<(Json, Avro)>, at: Index, number: i32) {
        let place = at.index(fields.len());
        if matches!(self, Self::Drop) {
            fields.remove(place);
            return;
        }
        let (json, value) = &mut fields[place];
        let branches = json["type"].as_array().cloned();
        match (self, branches.as_deref(), value.clone()) {
            (Self::Narrow, None, Avro::Long(_)) => {
                json["type"] = json!("int");
                *value = Avro::Int(number);
            }
            (Self::Narrow, None, Avro::Double(_)) => match number % 3 {
                0 => {
                    json["type"] = json!("float");
                    #[expect(clippy::cast_precision_loss, reason = "any float will do")]
                    let float = number as f32;
                    *value = Avro::Float(float);
                }
                1 => {
                    json["type"] = json!("int");
                    *value = Avro::Int(number);
                }
                _ => {
                    json["type"] = json!("long");
                    *value = Avro::Long(i64::from(number) << 31);
                }
            },
            (Self::NullLast, Some([null, kind]), Avro::Union(branch, inner)) if null == "null" => {
                json["type"] = json!([kind, "null"]);
                json.as_object_mut().unwrap().remove("default");
                *value = Avro::Union(1 - branch, inner);
            }
            (Self::NotNull, Some([null, kind]), Avro::Union(1, inner)) if null == "null" => {
                json["type"] = kind.clone();
                json.as_object_mut().unwrap().remove("default");
                *value = *inner;
            }
            (Self::Nullable, None, inner) => {
                json["type"] = json!(["null", json["type"]]);
                *value = Avro::Union(1, Box::new(inner));
            }
            (Self::Retype, None, Avro::Long(_) | Avro::Double(_) | Avro::Int(_)) => {
                json["type"] = json!("string");
                *value = Avro::String("another".to_owned());
            }
            _ => {}
        }
    }
}

/// A field that we do not know, of any type.
fn unknown_field() -> impl Strategy<Value = (Json, Avro)> {
    let word = || "[a-z]{0,9}";
    prop_oneof![
        any::<bool>().prop_map(|value| (json!("boolean"), Avro::Boolean(value))),
        any::<f32>().prop_map(|value| (json!("float"), Avro::Float(value))),
        any::<i64>().prop_map(|value| (json!("long"), Avro::Long(value))),
        any::<[u8; 3]>().prop_map(|value| {
            let kind = json!({"type": "fixed", "name": "three", "size": 3});
            (kind, Avro::Fixed(3, value.to_vec()))
        }),
        (0..2_u32).prop_map(|value| {
            let kind = json!({"type": "enum", "name": "either", "symbols": ["ONE", "OTHER"]});
            (kind, Avro::Enum(value, ["ONE", "OTHER"][value as usize].to_owned()))
        }),
        prop::collection::vec(any::<i64>(), 0..4).prop_map(|items| {
            let kind = json!({"type": "array", "items": "long"});
            (kind, Avro::Array(items.into_iter().map(Avro::Long).collect()))
        }),
        prop::collection::hash_map(word(), any::<f64>(), 0..4).prop_map(|values| {
            let kind = json!({"type": "map", "values": "double"});
            (kind, Avro::Map(values.into_iter().map(|(key, value)| (key, Avro::Double(value))).collect()))
        }),
        (word(), any::<bool>()).prop_map(|(text, flag)| {
            let fields = json!([{"name": "text", "type": "string"}, {"name": "flag", "type": "boolean"}]);
            let kind = json!({"type": "record", "name": "inner", "fields": fields});
            let values =
                vec![("text".to_owned(), Avro::String(text)), ("flag".to_owned(), Avro::Boolean(flag))];
            (kind, Avro::Record(values))
        }),
        word().prop_map(|text| {
            let kind = json!(["null", "long", "string"]);
            (kind, Avro::Union(2, Box::new(Avro::String(text))))
        }),
    ]
}
