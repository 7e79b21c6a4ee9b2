//! What does not fit is refused, whatever it is.

use depthlake_orderbook::event::TradeId;
use depthlake_orderbook::symbol::Symbol;
use proptest::prelude::*;

use super::super::samples::derived;
use super::*;

/// A trade at the greatest price of so many decimal places that fits decimal(18,8).
fn dearest_trade(decimals: u8) -> TradeRecord {
    let scale = Scale::new(decimals).unwrap();
    let instrument = Instrument::with_scales(Symbol::new("DEAR").unwrap(), scale, scale);
    let trade = Trade {
        id: TradeId(1),
        kind: TradeKind::Trade,
        price: Price(10_i64.pow(10 + u32::from(decimals)) - 1),
        quantity: Quantity(1),
        taker: Taker::Buyer,
        trade_time: APPENDED_AT,
        event_time: APPENDED_AT,
        provenance: Provenance { received: APPENDED_AT, offset: 0 },
    };
    TradeRecord { instrument, trade }
}

fn encoded(record: TradeRecord) -> Result<Record, EncodeError> {
    let trigger = Trigger { stream: RawStream::Trade, partition: 0, offset: 0, ordinal: 0 };
    encode(&trigger, &Derived::Trade(record)).map(|(_, record)| record)
}

#[test]
fn a_price_of_more_digits_than_the_column_has_is_refused() {
    for decimals in 0..=8 {
        let mut record = dearest_trade(decimals);
        encoded(record).unwrap();
        record.trade.price.0 += 1;
        let error = encoded(record).unwrap_err();
        assert_eq!(error.to_string(), "price = 10000000000 does not fit decimal(18,8)");
        record.trade.price = Price(i64::MIN);
        assert!(matches!(encoded(record), Err(EncodeError::Decimal { field: "price", .. })));
    }
}

#[test]
fn an_id_beyond_63_bits_is_refused() {
    let mut record = dearest_trade(0);
    record.trade.id = TradeId(1 << 63);
    assert_eq!(encoded(record), Err(EncodeError::Long { field: "trade_id", value: 1 << 63 }));
}

#[test]
fn a_bar_beyond_its_columns_is_refused() {
    let TradeRecord { instrument, trade } = dearest_trade(8);
    let mut bars = Bars::default();
    let bar = *bars.add(&trade, Watermark::default()).unwrap();
    let trigger = Trigger { stream: RawStream::Trade, partition: 0, offset: 0, ordinal: 0 };
    let field_refused = |change: &dyn Fn(&mut Bar)| {
        let mut bar = bar;
        change(&mut bar);
        let provenance = trade.provenance;
        encode(&trigger, &Derived::Bar(BarRecord { instrument, bar, provenance })).unwrap_err()
    };
    for limit in [10_i128.pow(38), i128::MAX, i128::MIN] {
        let error = field_refused(&|bar| bar.quote_volume = limit);
        assert!(matches!(error, EncodeError::Decimal { field: "quote_volume", .. }), "{error}");
        let error = field_refused(&|bar| bar.taker_buy_volume = limit);
        assert!(matches!(error, EncodeError::Decimal { field: "taker_buy_volume", .. }), "{error}");
    }
    assert_eq!(field_refused(&|bar| bar.volume = 0), EncodeError::NoVolume);
}

#[test]
fn a_value_of_another_schema_or_none_is_refused() {
    let good = encoded(dearest_trade(2)).unwrap();
    let at = TopicPartition::new(Topic::Ohlcv1m, Partition(1));
    let mut unframed = good.clone();
    unframed.value = good.value.slice(5..);
    let found = rows(at, &[stored(4, good), stored(5, unframed)]).unwrap().unusable;
    let text: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "market.agg.ohlcv_1m[1] offset 4: the value has the schema id 7, which is none of market.agg.ohlcv_1m",
            "market.agg.ohlcv_1m[1] offset 5: the value does not begin with a 0 byte and the 4 bytes of a schema id",
        ]
    );
}

#[test]
fn a_field_that_is_wrong_is_named() {
    let good = encoded(dearest_trade(2)).unwrap();
    let mut cut = good.clone();
    cut.value = good.value.slice(..7);
    let mut followed = good.clone();
    followed.value = [&good.value[..], b"??"].concat().into();
    let records = [stored(1, cut), stored(2, good), stored(3, followed)];
    let at = TopicPartition::new(Topic::Trade, Partition(0));
    let Rows { batch, unusable, .. } = rows(at, &records).unwrap();
    assert_eq!(batch.num_rows(), 1);
    let text: Vec<_> = unusable.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "market.normalized.trade[0] offset 1: field symbol ends too early",
            "market.normalized.trade[0] offset 3: 2 bytes follow the last field",
        ]
    );
    let letters = unusable_rows(&unusable).unwrap();
    assert_eq!(letters.num_rows(), 2);
    let letter = cells(&letters, 1);
    let expected = [
        ("reason", "undecodable".to_owned()),
        ("detail", "2 bytes follow the last field".to_owned()),
        ("symbol", "DEAR".to_owned()),
        ("payload", format!("{:?}", &records[2].record.value[..])),
        ("received_at", APPENDED_AT.microseconds().to_string()),
        ("published_at", APPENDED_AT.microseconds().to_string()),
        ("received_ns", APPENDED_AT.0.to_string()),
        ("source_topic", "market.normalized.trade".to_owned()),
        ("source_partition", "0".to_owned()),
        ("source_offset", "3".to_owned()),
        ("event_time", "null".to_owned()),
    ];
    assert_eq!(letter, expected.map(|(name, cell)| (name.to_owned(), cell)).into());
}

#[test]
fn a_checkpoint_is_not_for_the_lake() {
    let at = TopicPartition::new(Topic::Checkpoint, Partition(0));
    assert!(matches!(rows(at, &[]), Err(RowsError::NoTable { topic: Topic::Checkpoint })));
}

proptest! {
    #[test]
    fn a_value_cut_anywhere_is_refused((trigger, record) in derived(), at in any::<prop::sample::Index>()) {
        let (topic, mut encoded) = encode(&trigger, &record).unwrap();
        encoded.value.truncate(at.index(encoded.value.len()));
        let made = rows(TopicPartition::new(topic, Partition(0)), &[stored(0, encoded)]).unwrap();
        prop_assert_eq!((made.batch.num_rows(), made.unusable.len()), (0, 1));
    }

    /// Reads or refuses, and panics at nothing.
    #[test]
    fn spoilt_values_give_a_row_or_none(
        (trigger, record) in derived(),
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (topic, mut encoded) = encode(&trigger, &record).unwrap();
        let mut value = encoded.value.to_vec();
        for (at, byte) in spoilt {
            let at = at.index(value.len());
            value[at] = byte;
        }
        encoded.value = value.into();
        let made = rows(TopicPartition::new(topic, Partition(0)), &[stored(0, encoded)]).unwrap();
        prop_assert_eq!(made.batch.num_rows() + made.unusable.len(), 1);
    }
}
