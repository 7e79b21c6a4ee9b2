//! Records whose content follows from their place, and the rows they must become.

use std::fmt::Write;
use std::num::NonZeroU16;

use depthlake_lake::log::{Partition, Record, Topic, TopicPartition};
use depthlake_lake::record::{encode, raw_record};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Provenance, Taker, Trade, TradeId, TradeKind};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{Derived, TradeRecord, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

pub const PARTITIONS: NonZeroU16 = NonZeroU16::new(2).unwrap();

const AUGUST_8: i64 = 1_723_075_200_000;
const DAY: u64 = 86_400_000;
/// One normalized record in so many cannot be decoded, and must be a dead letter.
const NONSENSE_EVERY: u64 = 97;

/// A row of the lake, as both readers tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub table: &'static str,
    pub partition: u16,
    pub offset: u64,
    pub content: String,
}

/// The topic partitions that are written to.
pub fn places() -> impl Iterator<Item = TopicPartition> {
    let partitions = 0..PARTITIONS.get();
    let topics = [Topic::RawOrderbook, Topic::RawTrade, Topic::Trade];
    topics.into_iter().flat_map(move |topic| {
        partitions.clone().map(move |number| TopicPartition::new(topic, Partition(number)))
    })
}

/// The record at a place.
pub fn record(at: TopicPartition, offset: u64) -> Record {
    let envelope = |kind| Envelope::own(kind, Some(symbol(offset)), time(offset));
    match at.topic {
        Topic::Trade if is_nonsense(offset) => {
            Record { value: payload(at, offset).into(), ..Record::default() }
        }
        Topic::Trade => {
            let stream = RawStream::Trade;
            let trigger = Trigger { stream, partition: at.partition.0, offset, ordinal: 0 };
            let (_, record) = encode(&trigger, &Derived::Trade(trade(offset))).unwrap();
            record
        }
        Topic::RawTrade => raw_record(&envelope(FrameKind::Trade), payload(at, offset).into()),
        _ => raw_record(&envelope(FrameKind::DepthUpdate), payload(at, offset).into()),
    }
}

/// The row that the record at a place becomes.
pub fn row(at: TopicPartition, offset: u64) -> Row {
    let raw = || format!("{} {}", symbol(offset), payload(at, offset));
    let (table, content) = match at.topic {
        Topic::Trade if is_nonsense(offset) => ("ops.dead_letters", payload(at, offset)),
        Topic::Trade => ("normalized.trades", traded(offset)),
        Topic::RawTrade => ("raw.trades", raw()),
        _ => ("raw.orderbook_diffs", raw()),
    };
    Row { table, partition: at.partition.0, offset, content }
}

const fn is_nonsense(offset: u64) -> bool {
    offset % NONSENSE_EVERY == NONSENSE_EVERY - 1
}

fn symbol(offset: u64) -> Symbol {
    Symbol::new(["BTCUSDT", "ETHUSDT", "XRPUSDT"][usize::try_from(offset % 3).unwrap()]).unwrap()
}

/// Mostly of one day, now and then of the next, so that tables get files in two partitions.
fn time(offset: u64) -> Timestamp {
    let later = if offset.is_multiple_of(50) { DAY } else { 0 };
    Timestamp::from_milliseconds(AUGUST_8 + i64::try_from(offset % 10_000_000 + later).unwrap())
}

/// From 20 to some 250 letters.
fn payload(at: TopicPartition, offset: u64) -> String {
    let mut random = Random::new(offset ^ (u64::from(at.partition.0) << 48) ^ ((at.topic as u64) << 56));
    let mut text = format!("{at} {offset} ");
    for _ in 0..random.below(15) {
        write!(text, "{:016x}", random.next()).unwrap();
    }
    text
}

fn trade(offset: u64) -> TradeRecord {
    let scale = |decimals| Scale::new(decimals).unwrap();
    let units = i64::try_from(offset).unwrap();
    let trade = Trade {
        id: TradeId(offset),
        kind: TradeKind::Trade,
        price: Price(6_000_000 + units),
        quantity: Quantity(1 + units),
        taker: if offset.is_multiple_of(2) { Taker::Buyer } else { Taker::Seller },
        trade_time: time(offset),
        event_time: time(offset),
        provenance: Provenance { received: time(offset), offset },
    };
    TradeRecord { instrument: Instrument::with_scales(symbol(offset), scale(2), scale(5)), trade }
}

/// What the columns of a trade say.
fn traded(offset: u64) -> String {
    let (price, quantity) = (6_000_000 + offset, 1 + offset);
    let side = if offset.is_multiple_of(2) { "buy" } else { "sell" };
    format!(
        "{} {offset} {}.{:02}000000 {}.{:05}000 {side}",
        symbol(offset),
        price / 100,
        price % 100,
        quantity / 100_000,
        quantity % 100_000
    )
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
