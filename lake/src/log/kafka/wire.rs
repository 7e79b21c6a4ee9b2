//! A record of the log as a message of the broker.
//!
//! Key and value are those of the record. One message header holds the rest: the record's offset in the log (8 bytes,
//! little-endian), its append time (nanoseconds, 8 bytes), and the record's own header. So a message says itself which
//! record it is, wherever the broker has put it and however often.

use bytes::{Buf, Bytes};
use depthlake_orderbook::time::Timestamp;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

use crate::log::{Foreign, Offset, RECORD_LIMIT, Record, StoredRecord};

/// The name of the header.
pub(super) const HEADER: &str = "depthlake";
const FIXED: usize = 16;

/// The most bytes that a message with the largest record has, with what the broker adds.
pub(super) const MESSAGE_LIMIT: usize = RECORD_LIMIT + 64 * 1024;

/// The message header of a record.
pub(super) fn header(stored: &StoredRecord) -> OwnedHeaders {
    let own = &stored.record.header;
    let mut bytes = Vec::with_capacity(FIXED + own.len());
    bytes.extend_from_slice(&stored.offset.0.to_le_bytes());
    bytes.extend_from_slice(&stored.appended_at.0.to_le_bytes());
    bytes.extend_from_slice(own);
    OwnedHeaders::new_with_capacity(1).insert(Header { key: HEADER, value: Some(&bytes) })
}

/// The record in a message; `None` where a message is none of ours.
pub(super) fn record(message: &impl Message) -> Option<StoredRecord> {
    let headers = message.headers()?;
    let ours = headers.iter().find(|header| header.key == HEADER)?;
    let mut bytes = ours.value.filter(|bytes| bytes.len() >= FIXED)?;
    let offset = Offset(bytes.get_u64_le());
    let appended_at = Timestamp(bytes.get_i64_le());
    let part = |part: Option<&[u8]>| part.map_or_else(Bytes::new, Bytes::copy_from_slice);
    let record = Record {
        key: part(message.key()),
        header: Bytes::copy_from_slice(bytes),
        value: part(message.payload()),
    };
    Some(StoredRecord { offset, appended_at, record })
}

/// A message that is no record.
pub(super) fn foreign(message: &impl Message, broker_offset: u64) -> Foreign {
    let milliseconds = message.timestamp().to_millis().unwrap_or_default();
    let value = message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice);
    Foreign { broker_offset, time: Timestamp(milliseconds.saturating_mul(1_000_000)), value }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::OwnedMessage;

    use super::*;

    fn message(headers: Option<OwnedHeaders>) -> OwnedMessage {
        let payload = Some(b"value".to_vec());
        let timestamp = rdkafka::Timestamp::NotAvailable;
        OwnedMessage::new(payload, None, "topic".to_owned(), timestamp, 0, 7, headers)
    }

    #[test]
    fn a_message_says_which_record_it_is() {
        let own = Record { header: Bytes::from_static(b"own"), ..Record::default() };
        let stored = StoredRecord { offset: Offset(1 << 40), appended_at: Timestamp(-5), record: own };
        let found = record(&message(Some(header(&stored)))).unwrap();
        assert_eq!((found.offset, found.appended_at), (Offset(1 << 40), Timestamp(-5)));
        assert_eq!((found.record.header.as_ref(), found.record.value.as_ref()), (&b"own"[..], &b"value"[..]));
    }

    #[test]
    fn a_message_of_another_program_is_no_record() {
        assert_eq!(record(&message(None)), None);
        let short = OwnedHeaders::new().insert(Header { key: HEADER, value: Some(&[0; FIXED - 1]) });
        assert_eq!(record(&message(Some(short))), None);
        let other = OwnedHeaders::new().insert(Header { key: "other", value: Some(&[0; FIXED]) });
        assert_eq!(record(&message(Some(other))), None);
    }
}
