//! Dead letters of the sink's own: records of `market.dlq` about records that give no row.
//!
//! Their rows are written with the commit that passes the record they are about, so these are for those who read the
//! topic, and give no rows themselves: a header says so.

use bytes::Bytes;
use depthlake_orderbook::record::RecordKind;

use super::avro::DatumWriter;
use super::{Unusable, topic_of_kind};
use crate::log::{Record, StoredRecord, Topic, TopicPartition};

/// In place of a trigger, which it can never be taken for: it is too short.
const HEADER: &[u8] = b"sink";

/// The record about a place in the log that gives no row, and its topic.
pub(super) fn letter(schema_id: u32, unusable: &Unusable) -> (TopicPartition, Record) {
    let Unusable { at, offset, fault, symbol, time, payload } = unusable;
    let mut value = DatumWriter::new(schema_id);
    value.text(fault.name());
    value.text(&fault.to_string());
    value.optional(symbol.as_ref(), |to, symbol| to.text(symbol.as_str()));
    value.bytes(payload);
    value.long(time.0);
    value.text(at.topic.name());
    value.long(at.partition.0.into());
    value.long(i64::try_from(offset.0).unwrap_or(i64::MAX));
    value.optional(None::<i64>, DatumWriter::long);
    let key = symbol.map_or_else(Bytes::new, |symbol| Bytes::copy_from_slice(symbol.as_str().as_bytes()));
    let record = Record { key, header: Bytes::from_static(HEADER), value: value.finish() };
    (TopicPartition::new(topic_of_kind(RecordKind::DeadLetter), at.partition), record)
}

/// Whether the row of a record is written already.
pub(super) fn is_letter(at: TopicPartition, stored: &StoredRecord) -> bool {
    at.topic == Topic::DeadLetter && stored.record.header == HEADER
}
