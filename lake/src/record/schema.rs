//! The Avro schemas of derived records.
//!
//! The files in `lake/schemas/` are the contract with other readers of the log. What is read is read by them; what is
//! written is written by hand, in their order, and compared with them in the tests.

use std::sync::LazyLock;

use depthlake_orderbook::record::RecordKind;
use serde_json::Value as Json;

use crate::log::Topic;

/// The schema of a topic's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Schema {
    BookTicker,
    Trade,
    Ohlcv1m,
    DeadLetter,
    FeedEvent,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// Whether it is a union with null.
    pub(super) nullable: bool,
}

/// The types the schemas use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text,
    Bytes,
    Int,
    Long,
    Double,
    Decimal(DecimalKind),
}

/// A decimal number of so many digits, `scale` of them behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DecimalKind {
    pub(super) precision: u32,
    pub(super) scale: u32,
}

pub(super) const PRICE: DecimalKind = DecimalKind { precision: 18, scale: 8 };
pub(super) const QUANTITY: DecimalKind = DecimalKind { precision: 28, scale: 8 };
/// A price times a quantity, exact.
pub(super) const AMOUNT: DecimalKind = DecimalKind { precision: 38, scale: 16 };

impl Schema {
    /// Every schema.
    pub const ALL: [Self; 5] =
        [Self::BookTicker, Self::Trade, Self::Ohlcv1m, Self::DeadLetter, Self::FeedEvent];

    /// The schema's id where no registry gives one. These numbers are in logs: never renumber.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::BookTicker => 1,
            Self::Trade => 2,
            Self::Ohlcv1m => 3,
            Self::DeadLetter => 4,
            Self::FeedEvent => 5,
        }
    }

    /// The schema as JSON, as a registry takes it.
    #[must_use]
    pub const fn json(self) -> &'static str {
        match self {
            Self::BookTicker => include_str!("../../schemas/book_ticker.v1.avsc"),
            Self::Trade => include_str!("../../schemas/trade.v1.avsc"),
            Self::Ohlcv1m => include_str!("../../schemas/ohlcv_1m.v1.avsc"),
            Self::DeadLetter => include_str!("../../schemas/dead_letter.v1.avsc"),
            Self::FeedEvent => include_str!("../../schemas/feed_event.v1.avsc"),
        }
    }

    /// The schema of the derived records of a kind.
    #[must_use]
    pub const fn of(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Book => Self::BookTicker,
            RecordKind::Trade => Self::Trade,
            RecordKind::Bar => Self::Ohlcv1m,
            RecordKind::DeadLetter => Self::DeadLetter,
            RecordKind::Feed => Self::FeedEvent,
        }
    }

    /// The schema of a topic's values; `None` where they are no Avro.
    #[must_use]
    pub const fn of_topic(topic: Topic) -> Option<Self> {
        match topic {
            Topic::BookTicker => Some(Self::BookTicker),
            Topic::Trade => Some(Self::Trade),
            Topic::Ohlcv1m => Some(Self::Ohlcv1m),
            Topic::DeadLetter => Some(Self::DeadLetter),
            Topic::FeedEvent => Some(Self::FeedEvent),
            Topic::RawOrderbook | Topic::RawTrade | Topic::Checkpoint => None,
        }
    }

    /// The fields in the order of the file.
    pub(super) fn fields(self) -> &'static [Field] {
        static FIELDS: LazyLock<[Vec<Field>; 5]> = LazyLock::new(|| Schema::ALL.map(parse));
        &FIELDS[self as usize]
    }
}

fn parse(schema: Schema) -> Vec<Field> {
    let parsed = serde_json::from_str::<Json>(schema.json()).ok();
    let fields = parsed.as_ref().and_then(|json| json["fields"].as_array()?.iter().map(field).collect());
    fields.expect("our own schemas are in the part of Avro that we read; a test reads them all")
}

fn field(json: &Json) -> Option<Field> {
    let name = json["name"].as_str()?.to_owned();
    match json["type"].as_array().map(Vec::as_slice) {
        None => Some(Field { name, kind: kind(&json["type"])?, nullable: false }),
        Some([null, value]) if null == "null" => Some(Field { name, kind: kind(value)?, nullable: true }),
        Some(_) => None,
    }
}

fn kind(json: &Json) -> Option<FieldKind> {
    match json.as_str() {
        Some("string") => Some(FieldKind::Text),
        Some("bytes") => Some(FieldKind::Bytes),
        Some("int") => Some(FieldKind::Int),
        Some("long") => Some(FieldKind::Long),
        Some("double") => Some(FieldKind::Double),
        Some(_) => None,
        None => decimal(json).map(FieldKind::Decimal),
    }
}

fn decimal(json: &Json) -> Option<DecimalKind> {
    if json["type"] != "bytes" || json["logicalType"] != "decimal" {
        return None;
    }
    let number = |key: &str| u32::try_from(json[key].as_u64()?).ok();
    let (precision, scale) = (number("precision")?, number("scale")?);
    (scale <= precision && precision <= AMOUNT.precision).then_some(DecimalKind { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_found_by_their_ids_and_topics() {
        for (index, schema) in Schema::ALL.into_iter().enumerate() {
            assert_eq!(schema as usize, index);
            assert_eq!(schema.id() as usize, index + 1);
        }
        let of_topics: Vec<_> = Topic::ALL.into_iter().filter_map(Schema::of_topic).collect();
        assert_eq!(of_topics, Schema::ALL);
    }

    #[test]
    fn every_file_is_read_as_avro_reads_it() {
        for schema in Schema::ALL {
            let apache_avro::Schema::Record(record) = apache_avro::Schema::parse_str(schema.json()).unwrap()
            else {
                panic!("{schema:?} is no record")
            };
            let names: Vec<_> = record.fields.iter().map(|field| &field.name).collect();
            assert_eq!(schema.fields().iter().map(|field| &field.name).collect::<Vec<_>>(), names);
            for field in &record.fields {
                assert!(field.doc.as_ref().is_some_and(|doc| doc.len() > 10), "{schema:?}.{}", field.name);
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_no_field() {
        for text in [
            r#"{"name": "a", "type": "float"}"#,
            r#"{"name": "a", "type": ["long", "null"]}"#,
            r#"{"name": "a", "type": ["null", "long", "string"]}"#,
            r#"{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 39, "scale": 0}}"#,
            r#"{"type": "long"}"#,
        ] {
            assert_eq!(field(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
