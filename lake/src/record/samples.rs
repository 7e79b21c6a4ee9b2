//! Records for tests: any that fit their schemas.

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Provenance, Taker, Touch, Trade, TradeId, TradeKind, UpdateId};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{
    BarRecord, BookRecord, DeadLetter, DeadLetterReason, Derived, FeedEvent, FeedEventKind, TradeRecord,
    Trigger,
};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use proptest::prelude::*;

/// Any derived record with its trigger.
pub(crate) fn derived() -> impl Strategy<Value = (Trigger, Derived)> {
    let record = prop_oneof![
        book().prop_map(Derived::Book),
        trade().prop_map(Derived::Trade),
        bar().prop_map(Derived::Bar),
        dead_letter().prop_map(Derived::DeadLetter),
        feed_event().prop_map(Derived::Feed),
    ];
    (trigger(), record)
}

/// Any time of 2024-08-08 and the day after, so that the rows of a table lie in two partitions.
fn time() -> impl Strategy<Value = Timestamp> {
    const AUGUST_8: i64 = 1_723_075_200_000_000_000;
    const DAY: i64 = 86_400_000_000_000;
    (AUGUST_8..AUGUST_8 + 2 * DAY).prop_map(Timestamp)
}

/// Any envelope of a raw message.
pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    let kind = prop::sample::select(FrameKind::ALL.as_slice());
    let id = || prop::option::of(id());
    (kind, prop::option::of(symbol()), time(), prop::option::of(time()), id(), id()).prop_map(
        |(kind, symbol, received, event_time, first_id, last_id)| Envelope {
            kind,
            symbol,
            received,
            event_time,
            first_id,
            last_id,
        },
    )
}

fn symbol() -> impl Strategy<Value = Symbol> {
    "[A-Z0-9]{1,12}(_PERP)?".prop_map(|text| Symbol::new(&text).unwrap())
}

fn id() -> impl Strategy<Value = u64> {
    0..=i64::MAX.unsigned_abs()
}

fn trigger() -> impl Strategy<Value = Trigger> {
    (stream(), any::<u16>(), id(), any::<u32>()).prop_map(|(stream, partition, offset, ordinal)| Trigger {
        stream,
        partition,
        offset,
        ordinal,
    })
}

fn stream() -> impl Strategy<Value = RawStream> {
    prop_oneof![Just(RawStream::Orderbook), Just(RawStream::Trade)]
}

fn provenance() -> impl Strategy<Value = Provenance> {
    (time(), id()).prop_map(|(received, offset)| Provenance { received, offset })
}

fn instrument() -> impl Strategy<Value = Instrument> {
    let scale = || (0..=8_u8).prop_map(|decimals| Scale::new(decimals).unwrap());
    (symbol(), scale(), scale())
        .prop_map(|(symbol, price, quantity)| Instrument::with_scales(symbol, price, quantity))
}

/// Any price that fits decimal(18,8).
fn price(instrument: &Instrument) -> impl Strategy<Value = Price> + use<> {
    (1..10_i64.pow(10 + u32::from(instrument.price_scale.decimals()))).prop_map(Price)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (0..=i64::MAX).prop_map(Quantity)
}

fn book() -> impl Strategy<Value = BookRecord> {
    let depth = || [(); 3].map(|()| prop::option::of(any::<f64>()));
    let figures =
        (any::<f64>(), any::<f64>(), any::<f64>(), prop::option::of(any::<f64>()), depth(), depth());
    let level = |instrument: &Instrument| {
        (price(instrument), quantity()).prop_map(|(price, quantity)| Level { price, quantity })
    };
    let touch = move |instrument: Instrument| {
        (Just(instrument), level(&instrument), level(&instrument))
            .prop_map(|(instrument, bid, ask)| (instrument, Touch { bid, ask }))
    };
    (instrument().prop_flat_map(touch), figures, id(), time(), provenance()).prop_map(
        |(
            (instrument, touch),
            (mid, spread_bps, microprice, imbalance_5, bid_depth, ask_depth),
            update_id,
            event_time,
            provenance,
        )| {
            BookRecord {
                instrument,
                update_id: UpdateId(update_id),
                touch,
                mid,
                spread_bps,
                microprice,
                imbalance_5,
                bid_depth,
                ask_depth,
                event_time,
                provenance,
            }
        },
    )
}

fn trade() -> impl Strategy<Value = TradeRecord> {
    let kind = prop_oneof![
        Just(TradeKind::Trade),
        (id(), id())
            .prop_map(|(first, last)| TradeKind::Aggregate { first: TradeId(first), last: TradeId(last) })
    ];
    let taker = prop_oneof![Just(Taker::Buyer), Just(Taker::Seller)];
    let priced = instrument().prop_flat_map(|instrument| (Just(instrument), price(&instrument)));
    (priced, (id(), kind, quantity(), taker), time(), time(), provenance()).prop_map(
        |((instrument, price), (id, kind, quantity, taker), trade_time, event_time, provenance)| {
            TradeRecord {
                instrument,
                trade: Trade {
                    id: TradeId(id),
                    kind,
                    price,
                    quantity,
                    taker,
                    trade_time,
                    event_time,
                    provenance,
                },
            }
        },
    )
}

fn bar() -> impl Strategy<Value = BarRecord> {
    let numbers = |instrument: Instrument| {
        let (prices, quantities) =
            (u32::from(instrument.price_scale.decimals()), u32::from(instrument.quantity_scale.decimals()));
        let price = || price(&instrument);
        let volume = || 1..10_i128.pow(20 + quantities);
        let amount = || 0..10_i128.pow(22 + prices + quantities);
        (Just(instrument), [price(), price(), price(), price()], [volume(), volume()], [amount(), amount()])
    };
    (instrument().prop_flat_map(numbers), [id(), id(), id()], time(), time(), provenance()).prop_map(
        |((instrument, [open, high, low, close], volumes, amounts), ids, open_time, time, provenance)| {
            let bar = Bar {
                open_time: open_time.minute(),
                open,
                high,
                low,
                close,
                volume: volumes[0],
                quote_volume: amounts[0],
                trades: ids[0],
                taker_buy_volume: volumes[1],
                taker_buy_quote_volume: amounts[1],
                first_trade: TradeId(ids[1]),
                last_trade: TradeId(ids[2]),
                event_time: time,
                received: provenance.received,
            };
            BarRecord { instrument, bar, provenance }
        },
    )
}

fn dead_letter() -> impl Strategy<Value = DeadLetter> {
    use DeadLetterReason::{
        Inexact, LateTrade, Malformed, Oversized, UnknownMessage, UnknownSymbol, WrongType,
    };
    let reason = prop::sample::select(
        [Malformed, WrongType, Oversized, Inexact, UnknownSymbol, UnknownMessage, LateTrade].as_slice(),
    );
    let text = (any::<String>(), any::<Vec<u8>>());
    (reason, text, prop::option::of(symbol()), stream(), prop::option::of(time()), provenance()).prop_map(
        |(reason, (detail, payload), symbol, stream, event_time, provenance)| DeadLetter {
            reason,
            detail,
            symbol,
            stream,
            payload,
            event_time,
            provenance,
        },
    )
}

fn feed_event() -> impl Strategy<Value = FeedEvent> {
    use FeedEventKind::{
        Disconnect, Gap, InstrumentChange, Reconnect, Resync, SessionStart, Stale, TickerDisagreement,
    };
    let kind = prop::sample::select(
        [SessionStart, Gap, Resync, Disconnect, Reconnect, Stale, InstrumentChange, TickerDisagreement]
            .as_slice(),
    );
    let ids = (prop::option::of(id()), prop::option::of(id()));
    let times = (prop::option::of(time()), prop::option::of(0..i64::MAX));
    (kind, prop::option::of(symbol()), any::<String>(), ids, times, provenance()).prop_map(
        |(kind, symbol, detail, (expected, received), (event_time, not_live), provenance)| FeedEvent {
            kind,
            symbol,
            detail,
            expected: expected.map(UpdateId),
            received: received.map(UpdateId),
            event_time,
            not_live,
            provenance,
        },
    )
}
