//! What is read from the lake now and then, to be told with what is live: the venue's entry of each pair, its price a day
//! ago, and the last bars until there are as many as are kept.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, TimestampNanosecondType};
use depthlake_engine::clock;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;
use tracing::debug;

use super::bars::{self, bars_of_rows};
use super::rows::{ask, text_at, times};
use super::state::{ApiState, Shared};
use crate::error::QueryError;
use crate::json_text::rfc3339;
use crate::live::{BAR_MINUTES, LiveBar, Older};

const INTERVAL: Duration = Duration::from_secs(10);
/// Entries and prices of a day ago change slowly.
const ROUNDS_OF_REFERENCES: u64 = 6;
const DAY: i64 = 86_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// What is known of pairs besides their books. Reading takes no lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct References(Arc<ArcSwap<HashMap<Symbol, Reference>>>);

/// What is known of one pair besides its book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    pub(crate) price_a_day_ago: Option<f64>,
    pub(crate) instrument: Option<Arc<Entry>>,
}

/// The venue's entry of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) base: Option<String>,
    pub(crate) quote: Option<String>,
    pub(crate) tick_size: Option<String>,
    pub(crate) step_size: Option<String>,
}

impl References {
    pub(crate) fn price_a_day_ago(&self, symbol: Symbol) -> Option<f64> {
        self.0.load().get(&symbol).and_then(|known| known.price_a_day_ago)
    }

    pub(crate) fn entry(&self, symbol: Symbol) -> Option<Arc<Entry>> {
        self.0.load().get(&symbol).and_then(|known| known.instrument.clone())
    }
}

/// Reads now and again, until the state is gone. What cannot be read now is read later.
pub(crate) async fn keep(state: Weak<Shared>) {
    for round in 0_u64.. {
        let Some(shared) = state.upgrade() else { return };
        let state = ApiState::of(shared);
        if round == 0 || !state.hears_events || !state.bars.short().is_empty() {
            tolerate("bars", fill_bars(&state).await);
        }
        if round % ROUNDS_OF_REFERENCES == 0 {
            read_references(&state).await;
        }
        drop(state);
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn read_references(state: &ApiState) {
    let prices = tolerate("prices a day ago", prices_a_day_ago(state).await);
    let entries = tolerate("instruments", entries(state).await);
    let mut known = HashMap::clone(&state.references.0.load_full());
    for (symbol, price) in prices.into_iter().flatten() {
        known.entry(symbol).or_default().price_a_day_ago = Some(price);
    }
    for (symbol, entry) in entries.into_iter().flatten() {
        known.entry(symbol).or_default().instrument = Some(Arc::new(entry));
    }
    state.references.0.store(Arc::new(known));
}

fn tolerate<T>(what: &str, read: Result<T, QueryError>) -> Option<T> {
    read.inspect_err(|error| debug!(%error, what, "not read from the lake yet")).ok()
}

/// The last bars of every symbol into the read model: those that are not known yet, or, where nobody else tells of bars, all.
async fn fill_bars(state: &ApiState) -> Result<(), QueryError> {
    let newest = ask(state, "SELECT max(open_time) AS newest FROM normalized.ohlcv_1m").await?;
    let newest = newest.first().and_then(newest_time);
    let minutes = i64::try_from(BAR_MINUTES).unwrap_or(i64::MAX);
    let from = newest.map(|newest| Timestamp(newest.0.saturating_sub(2 * minutes * MINUTE)));
    for (symbol, bars) in match from {
        Some(from) => bars_since(state, from).await?,
        None => HashMap::new(),
    } {
        if state.hears_events {
            state.bars.fill(symbol, bars);
        } else {
            for bar in bars {
                state.bars.put(symbol, bar);
            }
        }
    }
    tell_of_older(state, from).await
}

async fn bars_since(state: &ApiState, from: Timestamp) -> Result<HashMap<Symbol, Vec<LiveBar>>, QueryError> {
    let sql = format!(
        "SELECT {} FROM normalized.ohlcv_1m WHERE is_current AND open_time >= TIMESTAMP '{}' ORDER BY open_time",
        bars::COLUMNS,
        sql_time(from)
    );
    let mut by_symbol: HashMap<Symbol, Vec<_>> = HashMap::new();
    for batch in ask(state, &sql).await? {
        for (symbol, bar) in bars_of_rows(&batch) {
            by_symbol.entry(symbol).or_default().push(bar);
        }
    }
    Ok(by_symbol)
}

/// Tells the read model of which symbols that it has few bars of the lake has some from before a time.
async fn tell_of_older(state: &ApiState, from: Option<Timestamp>) -> Result<(), QueryError> {
    let short = state.bars.short();
    let mut with_older = HashSet::new();
    if let (Some(from), false) = (from, short.is_empty()) {
        let names: Vec<_> = short.iter().map(|symbol| format!("'{symbol}'")).collect();
        let sql = format!(
            "SELECT DISTINCT symbol FROM normalized.ohlcv_1m WHERE symbol IN ({}) AND open_time < TIMESTAMP '{}'",
            names.join(", "),
            sql_time(from)
        );
        for batch in ask(state, &sql).await? {
            with_older.extend((0..batch.num_rows()).filter_map(|row| symbol_at(&batch, row)));
        }
    }
    for symbol in short {
        let older = if with_older.contains(&symbol) { Older::Some } else { Older::None };
        state.bars.set_older(symbol, older);
    }
    Ok(())
}

fn newest_time(batch: &RecordBatch) -> Option<Timestamp> {
    let times = times(batch, "newest")?;
    let times = times.as_primitive_opt::<TimestampNanosecondType>()?;
    (!times.is_empty() && times.is_valid(0)).then(|| Timestamp(times.value(0)))
}

/// Each symbol's first price within the ten minutes that began a day ago.
async fn prices_a_day_ago(state: &ApiState) -> Result<Vec<(Symbol, f64)>, QueryError> {
    let from = Timestamp(clock::now().0.saturating_sub(DAY));
    let until = Timestamp(from.0.saturating_add(10 * MINUTE));
    let sql = format!(
        "SELECT symbol, open FROM normalized.ohlcv_1m WHERE is_current AND open_time >= TIMESTAMP '{}'
            AND open_time < TIMESTAMP '{}' ORDER BY open_time DESC",
        sql_time(from),
        sql_time(until)
    );
    let mut prices = Vec::new();
    for batch in ask(state, &sql).await? {
        let Some(open) =
            batch.column_by_name("open").and_then(|open| open.as_primitive_opt::<Decimal128Type>())
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            if let Some(symbol) = symbol_at(&batch, row) {
                prices.push((symbol, price(open.value(row))));
            }
        }
    }
    Ok(prices)
}

#[expect(clippy::cast_precision_loss, reason = "for a relative change")]
fn price(units: i128) -> f64 {
    units as f64 / 1e8
}

/// The venue's last entry of each symbol.
async fn entries(state: &ApiState) -> Result<Vec<(Symbol, Entry)>, QueryError> {
    let sql = "SELECT symbol, payload FROM (
            SELECT symbol, payload, row_number() OVER (PARTITION BY symbol ORDER BY received_ns DESC) AS place
            FROM raw.orderbook_diffs WHERE kind = 'instrument'
        ) AS entries WHERE place = 1";
    let mut entries = Vec::new();
    for batch in ask(state, sql).await? {
        let payload =
            batch.column_by_name("payload").and_then(|payload| cast(payload, &DataType::LargeBinary).ok());
        let Some(payload) = payload.as_ref().and_then(|payload| payload.as_binary_opt::<i64>()) else {
            continue;
        };
        for row in 0..batch.num_rows() {
            if let (Some(symbol), Some(entry)) = (symbol_at(&batch, row), Entry::parse(payload.value(row))) {
                entries.push((symbol, entry));
            }
        }
    }
    Ok(entries)
}

pub(crate) fn symbol_at(batch: &RecordBatch, row: usize) -> Option<Symbol> {
    text_at(batch, "symbol", row).and_then(|text| Symbol::new(&text).ok())
}

/// A time as a literal of SQL has it.
pub(crate) fn sql_time(time: Timestamp) -> String {
    let mut text = rfc3339(time).replace('T', " ");
    text.truncate(text.len().saturating_sub(1));
    let _ = write!(text, " UTC");
    text
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry {
    base_asset: Option<String>,
    quote_asset: Option<String>,
    #[serde(default)]
    filters: Vec<WireFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFilter {
    filter_type: String,
    tick_size: Option<String>,
    step_size: Option<String>,
}

impl Entry {
    fn parse(payload: &[u8]) -> Option<Self> {
        let wire: WireEntry = serde_json::from_slice(payload).ok()?;
        let filter = |name: &str| wire.filters.iter().find(|filter| filter.filter_type == name);
        Some(Self {
            tick_size: filter("PRICE_FILTER").and_then(|filter| filter.tick_size.as_deref()).map(trimmed),
            step_size: filter("LOT_SIZE").and_then(|filter| filter.step_size.as_deref()).map(trimmed),
            base: wire.base_asset,
            quote: wire.quote_asset,
        })
    }
}

/// A decimal text without zeros at its end.
fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_venue_are_read() {
        let entry = Entry::parse(
            br#"{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","filters":[
                {"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","stepSize":"1.00000000"}]}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        let expected =
            Entry { base: text("BTC"), quote: text("USDT"), tick_size: text("0.01"), step_size: text("1") };
        assert_eq!(entry, Some(expected));
        assert_eq!(Entry::parse(b"[]"), None);
    }
}
