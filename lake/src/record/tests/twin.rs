//! Derived records there and back.

use apache_avro::types::Value as Avro;
use apache_avro::{from_avro_datum, to_avro_datum};
use proptest::prelude::*;

use super::super::samples::derived;
use super::*;

/// The Confluent frame.
pub(super) const FRAME: usize = 5;

/// What a cell of the table shows of a field. Columns of times keep microseconds.
pub(super) fn shown(column: &str, value: &Avro) -> String {
    match value {
        Avro::Union(_, value) => shown(column, value),
        Avro::Null => "null".to_owned(),
        Avro::String(text) => text.clone(),
        Avro::Bytes(bytes) => format!("{bytes:?}"),
        Avro::Int(number) => number.to_string(),
        Avro::Long(time) if column.ends_with("_at") || column.ends_with("_time") => {
            time.div_euclid(1_000).to_string()
        }
        Avro::Long(number) => number.to_string(),
        Avro::Double(number) => number.to_string(),
        Avro::Decimal(decimal) => {
            let bytes = Vec::try_from(decimal).unwrap();
            let sign = if bytes[0] < 0x80 { 0 } else { -1 };
            bytes.iter().fold(sign, |units: i128, &byte| units << 8 | i128::from(byte)).to_string()
        }
        other => panic!("no schema has {other:?}"),
    }
}

/// The row that a record's fields make, with what the log adds.
pub(super) fn expected_row(fields: Vec<(String, Avro)>, table: Table) -> BTreeMap<String, String> {
    let mut row: BTreeMap<_, _> =
        fields.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
    row.insert("published_at".to_owned(), APPENDED_AT.microseconds().to_string());
    if table == Table::Bars {
        row.extend(version_of(&row));
    }
    if matches!(table, Table::Trades | Table::Bars) {
        // Only rows that came another way than through the log tell where from.
        row.insert("source_topic".to_owned(), "null".to_owned());
    }
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("received_at", value) if table != Table::Bars => {
                row.insert("received_ns".to_owned(), shown("received_ns", &value));
            }
            ("open_time", Avro::Long(open)) => {
                row.insert("close_time".to_owned(), (open / 1_000 + 60_000_000).to_string());
            }
            _ => {}
        }
    }
    row
}

/// The first version of a bar.
fn version_of(bar: &BTreeMap<String, String>) -> [(String, String); 6] {
    let (open, since): (i64, i64) = (bar["open_time"].parse().unwrap(), APPENDED_AT.microseconds());
    [
        ("valid_from", open.to_string()),
        ("valid_to", (open + 60_000_000).to_string()),
        ("sys_from", since.to_string()),
        ("sys_to", "253402214400000000".to_owned()),
        ("is_current", "true".to_owned()),
        ("bar_key", format!("{}-{}-{since}", bar["symbol"], open / 1_000_000)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// Doubles that a different order of operations may have made.
fn close(ours: &str, theirs: &str) -> bool {
    let (ours, theirs): (f64, f64) = (ours.parse().unwrap(), theirs.parse().unwrap());
    (ours - theirs).abs() <= theirs.abs() * 1e-14
}

proptest! {
    #[test]
    fn what_is_written_is_what_avro_reads_and_writes((trigger, record) in derived()) {
        let (topic, encoded) = encode(&trigger, &record).unwrap();
        let schema = Schema::of_topic(topic).unwrap();
        prop_assert_eq!(&encoded.value[..FRAME], [&[0][..], &schema.id(Version::LATEST).to_be_bytes()].concat());
        let (avro, mut datum) = (apache_avro::Schema::parse_str(schema.json(Version::LATEST)).unwrap(), &encoded.value[FRAME..]);
        let Avro::Record(mut fields) = from_avro_datum(&avro, &mut datum, None).unwrap() else { panic!("no record") };
        prop_assert!(datum.is_empty());
        let mut twin = expected(&trigger, &record);
        for ((name, ours), (_, theirs)) in fields.iter_mut().zip(&mut twin) {
            if name == "vwap" {
                prop_assert!(close(&shown("vwap", ours), &shown("vwap", theirs)), "{ours:?} {theirs:?}");
                *theirs = ours.clone();
            }
        }
        prop_assert_eq!(&fields, &twin);
        prop_assert_eq!(&encoded.value[FRAME..], to_avro_datum(&avro, Avro::Record(twin)).unwrap());
    }

    #[test]
    fn rows_show_what_was_recorded(recorded in prop::collection::vec(derived(), 1..8)) {
        let mut topics: BTreeMap<Topic, Vec<(Vec<_>, StoredRecord)>> = BTreeMap::new();
        for (trigger, record) in recorded {
            let (topic, encoded) = encode(&trigger, &record).unwrap();
            prop_assert_eq!(decode_trigger(&encoded.header), Some(trigger));
            let records = topics.entry(topic).or_default();
            records.push((expected(&trigger, &record), stored(records.len() as u64, encoded)));
        }
        for (topic, records) in topics {
            let (twins, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
            let Rows { batch, unusable, .. } = rows(TopicPartition::new(topic, Partition(3)), &records).unwrap();
            prop_assert_eq!((batch.num_rows(), unusable), (records.len(), vec![]));
            for (row, fields) in twins.into_iter().enumerate() {
                let (mut ours, twin) = (cells(&batch, row), expected_row(fields, table_of(topic).unwrap()));
                if let (Some(vwap), Some(exact)) = (ours.get_mut("vwap"), twin.get("vwap")) {
                    prop_assert!(close(vwap, exact), "{vwap} {exact}");
                    vwap.clone_from(exact);
                }
                prop_assert_eq!(ours, twin);
            }
        }
    }
}
