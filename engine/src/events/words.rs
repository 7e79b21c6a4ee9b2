//! Events as words, and back.
//!
//! | word | holds |
//! | --- | --- |
//! | 0 | from the lowest bit: 32 bits symbol, 8 bits kind, 8 bits flags, 8 bits price scale, 8 bits quantity scale |
//! | 1 to 3 | event time, time of receipt, publish time |
//! | 4 on | by kind, as [`body`] and [`happening`] say |

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, TradeId, TradeKind, UpdateId};
use depthlake_orderbook::symbol::SymbolId;
use depthlake_orderbook::time::Timestamp;

use super::event::{Event, Happening, Scales};

/// The words of the longest event, in whole cache lines.
pub(super) const SLOT_WORDS: usize = 24;

const HEAD_WORDS: usize = 4;

const BOOK: u8 = 1;
const TRADE: u8 = 2;
const BAR: u8 = 3;
const GAP: u8 = 4;
const RESYNC: u8 = 5;

const HAS_BID: u8 = 1;
const HAS_ASK: u8 = 2;
const BY_BUYER: u8 = 1;
const IS_AGGREGATE: u8 = 2;
const HAS_EXPECTED: u8 = 1;
const HAS_RECEIVED: u8 = 2;

pub(super) type Words = [u64; SLOT_WORDS];

/// The words that an event of this first word has.
#[inline]
pub(super) const fn length(first: u64) -> usize {
    HEAD_WORDS
        + match kind(first) {
            BOOK => 5,
            TRADE => 6,
            BAR => 18,
            GAP => 2,
            _ => 1,
        }
}

/// The event's words; those beyond its [`length`] are zeros.
#[inline]
pub(super) fn encode(event: &Event) -> Words {
    let mut words = [0; SLOT_WORDS];
    let (kind, flags, scales) = body(&event.what, &mut words);
    let (price, quantity) =
        scales.map_or((0, 0), |scales| (scales.price.decimals(), scales.quantity.decimals()));
    let [s0, s1, s2, s3] = event.symbol.0.to_le_bytes();
    words[0] = u64::from_le_bytes([s0, s1, s2, s3, kind, flags, price, quantity]);
    words[1] = time_word(event.event_time);
    words[2] = time_word(event.receive_time);
    words[3] = time_word(event.publish_time);
    words
}

/// `None` for words that no event has.
#[inline]
pub(super) fn decode(words: &Words) -> Option<Event> {
    let [s0, s1, s2, s3, kind, flags, price, quantity] = words[0].to_le_bytes();
    let scales = Scales { price: Scale::new(price)?, quantity: Scale::new(quantity)? };
    Some(Event {
        symbol: SymbolId(u32::from_le_bytes([s0, s1, s2, s3])),
        event_time: time(words[1]),
        receive_time: time(words[2]),
        publish_time: time(words[3]),
        what: happening(kind, flags, scales, words)?,
    })
}

/// Fills in the words after the head; returns kind, flags and scales.
#[inline]
fn body(what: &Happening, words: &mut Words) -> (u8, u8, Option<Scales>) {
    match *what {
        Happening::Book { scales, update_id, bid, ask } => {
            let [bid_price, bid_quantity] = level_words(bid);
            let [ask_price, ask_quantity] = level_words(ask);
            fill(words, [update_id.0, bid_price, bid_quantity, ask_price, ask_quantity]);
            (BOOK, flag(bid.is_some(), HAS_BID) | flag(ask.is_some(), HAS_ASK), Some(scales))
        }
        Happening::Trade { scales, id, kind, price, quantity, taker, trade_time } => {
            let (first, last, aggregate) = match kind {
                TradeKind::Trade => (0, 0, 0),
                TradeKind::Aggregate { first, last } => (first.0, last.0, IS_AGGREGATE),
            };
            let amounts = [price.0.cast_unsigned(), quantity.0.cast_unsigned()];
            fill(words, [id.0, amounts[0], amounts[1], time_word(trade_time), first, last]);
            (TRADE, flag(taker == Taker::Buyer, BY_BUYER) | aggregate, Some(scales))
        }
        Happening::Bar { scales, ref bar } => {
            fill(words, bar_words(bar));
            (BAR, 0, Some(scales))
        }
        Happening::Gap { expected, received } => {
            fill(words, [expected.unwrap_or_default().0, received.unwrap_or_default().0]);
            (GAP, flag(expected.is_some(), HAS_EXPECTED) | flag(received.is_some(), HAS_RECEIVED), None)
        }
        Happening::Resync { update_id } => {
            fill(words, [update_id.0]);
            (RESYNC, 0, None)
        }
    }
}

#[inline]
fn happening(kind: u8, flags: u8, scales: Scales, words: &Words) -> Option<Happening> {
    let has = |flag: u8| flags & flag != 0;
    Some(match kind {
        BOOK => {
            let [update_id, bid_price, bid_quantity, ask_price, ask_quantity] = *body_of(words)?;
            Happening::Book {
                scales,
                update_id: UpdateId(update_id),
                bid: has(HAS_BID).then_some(level(bid_price, bid_quantity)),
                ask: has(HAS_ASK).then_some(level(ask_price, ask_quantity)),
            }
        }
        TRADE => {
            let [id, price, quantity, trade_time, first, last] = *body_of(words)?;
            let aggregate = TradeKind::Aggregate { first: TradeId(first), last: TradeId(last) };
            let Level { price, quantity } = level(price, quantity);
            Happening::Trade {
                scales,
                id: TradeId(id),
                kind: if has(IS_AGGREGATE) { aggregate } else { TradeKind::Trade },
                price,
                quantity,
                taker: if has(BY_BUYER) { Taker::Buyer } else { Taker::Seller },
                trade_time: time(trade_time),
            }
        }
        BAR => Happening::Bar { scales, bar: bar(body_of(words)?) },
        GAP => {
            let [expected, received] = *body_of(words)?;
            Happening::Gap {
                expected: has(HAS_EXPECTED).then_some(UpdateId(expected)),
                received: has(HAS_RECEIVED).then_some(UpdateId(received)),
            }
        }
        RESYNC => {
            let [update_id] = *body_of(words)?;
            Happening::Resync { update_id: UpdateId(update_id) }
        }
        _ => return None,
    })
}

#[inline]
fn bar_words(bar: &Bar) -> [u64; 18] {
    let [volume, volume_high] = halves(bar.volume);
    let [quote, quote_high] = halves(bar.quote_volume);
    let [buy, buy_high] = halves(bar.taker_buy_volume);
    let [buy_quote, buy_quote_high] = halves(bar.taker_buy_quote_volume);
    [
        time_word(bar.open_time),
        bar.open.0.cast_unsigned(),
        bar.high.0.cast_unsigned(),
        bar.low.0.cast_unsigned(),
        bar.close.0.cast_unsigned(),
        volume,
        volume_high,
        quote,
        quote_high,
        buy,
        buy_high,
        buy_quote,
        buy_quote_high,
        bar.trades,
        bar.first_trade.0,
        bar.last_trade.0,
        time_word(bar.event_time),
        time_word(bar.received),
    ]
}

#[inline]
fn bar(words: &[u64; 18]) -> Bar {
    let price = |word: usize| Price(words[word].cast_signed());
    let whole = |word: usize| whole(words[word], words[word + 1]);
    Bar {
        open_time: time(words[0]),
        open: price(1),
        high: price(2),
        low: price(3),
        close: price(4),
        volume: whole(5),
        quote_volume: whole(7),
        taker_buy_volume: whole(9),
        taker_buy_quote_volume: whole(11),
        trades: words[13],
        first_trade: TradeId(words[14]),
        last_trade: TradeId(words[15]),
        event_time: time(words[16]),
        received: time(words[17]),
    }
}

const fn kind(first: u64) -> u8 {
    first.to_le_bytes()[4]
}

#[inline]
fn flag(is_set: bool, flag: u8) -> u8 {
    if is_set { flag } else { 0 }
}

#[inline]
fn fill<const N: usize>(words: &mut Words, body: [u64; N]) {
    for (place, word) in words.iter_mut().skip(HEAD_WORDS).zip(body) {
        *place = word;
    }
}

#[inline]
fn body_of<const N: usize>(words: &Words) -> Option<&[u64; N]> {
    words.get(HEAD_WORDS..)?.first_chunk()
}

const fn time_word(time: Timestamp) -> u64 {
    time.0.cast_unsigned()
}

const fn time(word: u64) -> Timestamp {
    Timestamp(word.cast_signed())
}

#[inline]
fn level_words(level: Option<Level>) -> [u64; 2] {
    let Level { price, quantity } = level.unwrap_or_default();
    [price.0.cast_unsigned(), quantity.0.cast_unsigned()]
}

const fn level(price: u64, quantity: u64) -> Level {
    Level { price: Price(price.cast_signed()), quantity: Quantity(quantity.cast_signed()) }
}

/// The lower half first.
#[expect(clippy::cast_possible_truncation, reason = "into halves")]
const fn halves(value: i128) -> [u64; 2] {
    let bits = value.cast_unsigned();
    [bits as u64, (bits >> 64) as u64]
}

#[inline]
fn whole(low: u64, high: u64) -> i128 {
    (u128::from(low) | u128::from(high) << 64).cast_signed()
}
