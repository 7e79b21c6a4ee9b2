//! A board for tests, written by the real writer.

use std::path::Path;

use depthlake_engine::board::{
    BoardRow, BoardState, BoardWriter, FeedCounters, LastTrade, SlotSpec, SlotWriter,
};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp(1_723_161_255_208_000_000);

/// A board with `BTCUSDT` live, `ETHUSDT` resyncing and `XRPUSDT` not begun.
pub(crate) struct SampleBoard {
    _folder: tempfile::TempDir,
    pub(crate) writer: BoardWriter,
    pub(crate) slots: Vec<SlotWriter>,
}

impl SampleBoard {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let specs = specs(["BTCUSDT", "ETHUSDT", "XRPUSDT"]);
        let now = depthlake_engine::clock::now();
        let (writer, mut slots) = BoardWriter::create(&folder.path().join("board"), &specs, now).unwrap();
        slots[0].write(&row(6_183_763, 0.42, BoardState::Live));
        slots[1].write(&row(245_000, -0.9, BoardState::Resyncing));
        Self { _folder: folder, writer, slots }
    }

    pub(crate) fn path(&self) -> &Path {
        self.writer.path()
    }
}

pub(crate) fn specs<const N: usize>(symbols: [&str; N]) -> [SlotSpec; N] {
    symbols.map(|text| SlotSpec {
        symbol: Symbol::new(text).unwrap(),
        price_scale: Scale::new(2).unwrap(),
        quantity_scale: Scale::new(5).unwrap(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn row(bid: i64, imbalance: f64, state: BoardState) -> BoardRow {
    let level = |price, rank| Level { price: Price(price), quantity: Quantity(150_000 * (rank + 1)) };
    BoardRow {
        state,
        epoch: 1,
        update_id: UpdateId(77),
        event_time: Timestamp(NOW.0 - 251_000_000),
        receive_time: Timestamp(NOW.0 - 250_000_000),
        publish_time: Timestamp(NOW.0 - 249_999_000),
        bids: (0..20).map(|rank| level(bid - rank, rank)).collect(),
        asks: (0..20).map(|rank| level(bid + 1 + rank, rank)).collect(),
        features: Some(Features {
            touch: Touch { bid: level(bid, 0), ask: level(bid + 1, 0) },
            mid: bid as f64 / 100.0 + 0.005,
            spread: Price(1),
            spread_bps: 10_000.0 / bid as f64,
            microprice: bid as f64 / 100.0 + 0.004,
            imbalance: [Some(imbalance); 4],
            bid_depth: [Some(600_000.0); 3],
            ask_depth: [Some(634_567.0); 3],
        }),
        last_trade: Some(LastTrade {
            price: Price(bid),
            quantity: Quantity(50_000),
            taker: Taker::Buyer,
            time: NOW,
        }),
        counters: FeedCounters { events_applied: 1_000, gaps: 3, ..FeedCounters::default() },
        ..BoardRow::waiting(Scale::new(2).unwrap(), Scale::new(5).unwrap())
    }
}
