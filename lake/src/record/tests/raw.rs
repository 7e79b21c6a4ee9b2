//! Raw messages there and back.

use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::symbol::Symbol;
use proptest::prelude::*;

use super::super::samples::envelope;
use super::*;

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

proptest! {
    #[test]
    fn raw_messages_are_kept_as_they_came(envelope in envelope(), payload: Vec<u8>, offset in 0..1_000_000_u64) {
        let record = raw_record(&envelope, payload.clone().into());
        prop_assert_eq!(Envelope::decode(&record.header, envelope.symbol), Some(envelope));
        for topic in [Topic::RawOrderbook, Topic::RawTrade] {
            let at = TopicPartition::new(topic, Partition(5));
            let Rows { batch, unusable, .. } = rows(at, &[stored(offset, record.clone())]).unwrap();
            prop_assert_eq!((batch.num_rows(), unusable), (1, vec![]));
            let mut expected = BTreeMap::from([
                ("topic", topic.name().to_owned()),
                ("partition", "5".to_owned()),
                ("offset", offset.to_string()),
                ("received_at", envelope.received.microseconds().to_string()),
                ("received_ns", envelope.received.0.to_string()),
                ("kind", envelope.kind.name().to_owned()),
                ("symbol", or_null(envelope.symbol)),
                ("event_time", or_null(envelope.event_time.map(Timestamp::microseconds))),
                ("payload", format!("{payload:?}")),
            ]);
            if topic == Topic::RawTrade {
                expected.insert("trade_id", or_null(envelope.first_id));
            } else {
                expected.insert("first_update_id", or_null(envelope.first_id));
                expected.insert("last_update_id", or_null(envelope.last_id));
            }
            let expected: BTreeMap<_, _> = expected.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
            prop_assert_eq!(cells(&batch, 0), expected);
        }
    }
}

#[test]
fn what_is_no_raw_message_is_handed_back() {
    let at = TopicPartition::new(Topic::RawTrade, Partition(0));
    let symbol = Symbol::new("BTCUSDT").ok();
    let good = raw_record(&Envelope::own(FrameKind::Trade, symbol, APPENDED_AT), Bytes::from_static(b"{}"));
    let headless = Record { header: Bytes::from_static(b"?"), ..good.clone() };
    let lower_case = Record { key: Bytes::from_static(b"btcusdt"), ..good.clone() };
    let records = [stored(7, headless), stored(8, good), stored(9, lower_case)];
    let Rows { batch, unusable, .. } = rows(at, &records).unwrap();
    assert_eq!(cells(&batch, 0)["offset"], "8");
    let found: Vec<_> = unusable.iter().map(|place| (place.offset.0, &place.fault, place.symbol)).collect();
    let envelope = Fault::Undecodable(DecodeError::Envelope { length: 1 });
    assert_eq!(found, [(7, &envelope, symbol), (9, &Fault::Undecodable(DecodeError::Key), None)]);
}
