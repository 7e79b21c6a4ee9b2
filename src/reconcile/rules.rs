//! Which rows of which table are the same row, and what may differ between them.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_lake::log::{Offset, Topic, TopicPartition};
use depthlake_lake::reconcile::{Comparison, Layer};
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::RawStream;

use super::pair::Pair;

/// How one table is compared with what the layer before gives.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub pair: Pair,
    pub table: Table,
    pub key: &'static [&'static str],
    /// Columns that tell when a row was made.
    pub ignored: &'static [&'static str],
    /// Which rows of the table the layer before gives, as SQL; the others come from elsewhere.
    pub given: &'static str,
    /// The topic of the log whose records give the rows; `None` where they are derived again.
    pub topic: Option<Topic>,
}

impl Rule {
    pub const fn layer(&self) -> Layer {
        self.pair.layer()
    }

    /// The name of what is compared.
    pub fn name(&self) -> String {
        match self.topic {
            Some(topic) if self.pair == Pair::NormalizedWithLog => topic.name().to_owned(),
            _ => self.table.to_string(),
        }
    }

    /// Whether the rows are versions of bars that were received live.
    pub fn has_versions(&self) -> bool {
        self.table == Table::Bars && self.pair != Pair::NormalizedWithHistory
    }

    /// Whether a row may be there that is not given: other records may give it, read before or after.
    pub fn may_have_more(&self) -> bool {
        self.pair == Pair::NormalizedWithLog
    }

    /// Where the table has the rows of some of the log's records, as SQL; `None` where no rows come of them.
    pub fn place(&self, at: TopicPartition, offsets: Range<Offset>, rows: &RecordBatch) -> Option<String> {
        if self.pair == Pair::RawWithLog {
            return Some(format!(
                r#"topic = '{}' AND partition = {} AND "offset" >= {} AND "offset" < {}"#,
                at.topic, at.partition, offsets.start, offsets.end
            ));
        }
        let sources = rows.column_by_name("source_offset")?.as_primitive_opt::<Int64Type>()?;
        let (first, last) = (sources.values().iter().min()?, sources.values().iter().max()?);
        let partition = at.partition;
        Some(format!("source_partition = {partition} AND source_offset BETWEEN {first} AND {last}"))
    }

    pub fn comparison(&self, tolerance: f64) -> Comparison<'static> {
        Comparison { key: self.key, ignored: self.ignored, tolerance }
    }
}

/// The raw table of a stream.
pub const fn raw(stream: RawStream) -> Rule {
    let (table, topic) = match stream {
        RawStream::Orderbook => (Table::RawOrderbookDiffs, Topic::RawOrderbook),
        RawStream::Trade => (Table::RawTrades, Topic::RawTrade),
    };
    let key = &["topic", "partition", "offset"];
    Rule { pair: Pair::RawWithLog, table, key, ignored: &[], given: "TRUE", topic: Some(topic) }
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
    derived(
        Table::DeadLetters,
        DEAD_LETTER,
        "source_topic = 'market.raw.orderbook' AND reason NOT IN ('lost', 'foreign')",
    ),
];

static OF_TRADE: [Rule; 3] = [
    derived(Table::Trades, &["symbol", "kind", "trade_id", "source_offset"], LIVE),
    Rule { ignored: BELIEF, ..derived(Table::Bars, &["symbol", "open_time"], LIVE) },
    derived(
        Table::DeadLetters,
        DEAD_LETTER,
        "source_topic = 'market.raw.trade' AND reason NOT IN ('lost', 'foreign')",
    ),
];

/// The tables that the log's topics of derived records give.
pub static LANDED: [Rule; 5] = [
    landed(Topic::BookTicker, Table::BookTicker, &["symbol", "update_id", "source_offset"], "TRUE"),
    landed(Topic::FeedEvent, Table::FeedEvents, &["kind", "symbol", "detail", "source_offset"], "TRUE"),
    landed(Topic::DeadLetter, Table::DeadLetters, DEAD_LETTER, "TRUE"),
    landed(Topic::Trade, Table::Trades, &["symbol", "kind", "trade_id", "source_offset"], LIVE),
    Rule {
        ignored: BELIEF,
        ..landed(Topic::Ohlcv1m, Table::Bars, &["symbol", "open_time", "source_offset"], LIVE)
    },
];

/// The tables that `raw.history` gives. Several chunks may tell of one trade or bar, so a row's chunk is part of its key.
pub static OF_HISTORY: [Rule; 4] = [
    of_history(Table::Trades, &["symbol", "kind", "trade_id", "source_topic", "source_offset"]),
    of_history(Table::Bars, VERSION),
    of_history(Table::DailyBars, VERSION),
    of_history(Table::DeadLetters, &["reason", "symbol", "detail", "source_topic", "source_offset"]),
];

const VERSION: &[&str] = &["symbol", "open_time", "sys_from", "source_topic", "source_offset"];

const DEAD_LETTER: &[&str] = &["reason", "symbol", "source_topic", "source_offset"];

/// Of a bar, when it was believed.
const BELIEF: &[&str] = &["published_at", "sys_from", "sys_to", "is_current", "bar_key"];

/// Not from history.
const LIVE: &str = "source_topic IS NULL";

/// What was derived of a minute at first: later versions are corrections.
pub const FIRST_BELIEF: &str = "bar_key IN (SELECT min(bar_key) FROM normalized.ohlcv_1m WHERE source_topic IS NULL GROUP BY symbol, open_time)";

const fn derived(table: Table, key: &'static [&'static str], given: &'static str) -> Rule {
    Rule { pair: Pair::NormalizedWithRaw, table, key, ignored: &["published_at"], given, topic: None }
}

const fn of_history(table: Table, key: &'static [&'static str]) -> Rule {
    Rule { pair: Pair::NormalizedWithHistory, table, key, ignored: &[], given: "TRUE", topic: None }
}

const fn landed(topic: Topic, table: Table, key: &'static [&'static str], given: &'static str) -> Rule {
    Rule { pair: Pair::NormalizedWithLog, topic: Some(topic), ..derived(table, key, given) }
}
