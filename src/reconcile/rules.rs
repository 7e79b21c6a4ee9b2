//! Which rows of which table are the same row, and what may differ between them.

use depthlake_lake::reconcile::{Comparison, Layer};
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::RawStream;

/// How one table is compared with what the layer before gives.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub layer: Layer,
    pub table: Table,
    pub key: &'static [&'static str],
    /// Columns that tell when a row was made.
    pub ignored: &'static [&'static str],
    /// Which rows of the table the layer before gives, as SQL; the others come from elsewhere.
    pub given: &'static str,
}

impl Rule {
    pub fn comparison(&self, tolerance: f64) -> Comparison<'static> {
        Comparison { key: self.key, ignored: self.ignored, tolerance }
    }
}

/// The raw table of a stream.
pub const fn raw(stream: RawStream) -> Rule {
    let table = match stream {
        RawStream::Orderbook => Table::RawOrderbookDiffs,
        RawStream::Trade => Table::RawTrades,
    };
    Rule { layer: Layer::Raw, table, key: &["topic", "partition", "offset"], ignored: &[], given: "TRUE" }
}

/// The tables that a raw stream gives.
pub const fn normalized(stream: RawStream) -> &'static [Rule] {
    match stream {
        RawStream::Orderbook => &OF_ORDERBOOK,
        RawStream::Trade => &OF_TRADE,
    }
}

static OF_ORDERBOOK: [Rule; 3] = [
    derived(Table::BookTicker, &["symbol", "update_id", "source_offset"], "TRUE"),
    derived(Table::FeedEvents, &["kind", "symbol", "detail", "source_offset"], "TRUE"),
    derived(Table::DeadLetters, DEAD_LETTER, "source_topic = 'market.raw.orderbook' AND reason <> 'lost'"),
];

static OF_TRADE: [Rule; 3] = [
    derived(Table::Trades, &["symbol", "kind", "trade_id", "source_offset"], LIVE),
    Rule {
        ignored: &["published_at", "sys_from", "sys_to", "is_current", "bar_key"],
        ..derived(Table::Bars, &["symbol", "open_time"], FIRST_BELIEF)
    },
    derived(Table::DeadLetters, DEAD_LETTER, "source_topic = 'market.raw.trade' AND reason <> 'lost'"),
];

const DEAD_LETTER: &[&str] = &["reason", "symbol", "source_topic", "source_offset"];

/// Not from history.
const LIVE: &str = "source_topic IS NULL";

/// What was derived of a minute at first: later versions are corrections.
const FIRST_BELIEF: &str = "bar_key IN (SELECT min(bar_key) FROM normalized.ohlcv_1m WHERE source_topic IS NULL GROUP BY symbol, open_time)";

const fn derived(table: Table, key: &'static [&'static str], given: &'static str) -> Rule {
    Rule { layer: Layer::Normalized, table, key, ignored: &["published_at"], given }
}
