//! Which of some trades are in the lake already.

use std::collections::HashSet;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_orderbook::history::HistoricalTrade;
use depthlake_orderbook::time::Timestamp;

use super::rows::{self, Numbered, Sourced, kind_name, sourced};
use super::{HistoryError, Landed};
use crate::commit::{Lake, StoredFile, TableChange};
use crate::table::Table;

/// Live rows are kept by the time the venue sent them, which is later than the trade, but never by so much: an hour.
const SLACK: i64 = 3_600_000_000;
const KEY_COLUMNS: [&str; 3] = ["symbol", "kind", "trade_id"];

/// Appends the trades that are not there yet, each once; `None` where there are none.
pub(super) async fn new_trades(
    lake: &Lake,
    chunks: &Numbered<'_>,
    landed: &mut Landed,
) -> Result<Option<TableChange>, HistoryError> {
    let trades: Vec<_> = sourced(chunks, |derived| &derived.records.trades).collect();
    let Some(wanted) = Wanted::of(&trades) else { return Ok(None) };
    let mut known = HashSet::new();
    for file in lake.data_files(Table::Trades).await?.files {
        if wanted.may_be_in(&file) {
            for rows in lake.read_columns(&file, Table::Trades, &KEY_COLUMNS).await? {
                wanted.collect(&rows, &mut known)?;
            }
        }
    }
    let new: Vec<_> = trades.iter().filter(|trade| known.insert(Key::of(trade))).copied().collect();
    landed.trades += new.len() as u64;
    landed.trades_known += (trades.len() - new.len()) as u64;
    if new.is_empty() {
        return Ok(None);
    }
    let rows = rows::trades(new.into_iter())?;
    Ok(Some(TableChange::append(Table::Trades, vec![rows], Vec::new())))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    symbol: String,
    kind: &'static str,
    id: i64,
}

impl Key {
    fn of(trade: &Sourced<'_, HistoricalTrade>) -> Self {
        Self {
            symbol: trade.chunk.symbol.as_str().to_owned(),
            kind: kind_name(trade.record.kind),
            id: trade.record.id.0.cast_signed(),
        }
    }
}

/// What is looked for: trades of some symbols within a span of time and of numbers.
#[derive(Debug)]
struct Wanted {
    symbols: HashSet<String>,
    /// Microseconds.
    times: (i64, i64),
    ids: (i64, i64),
}

impl Wanted {
    fn of(trades: &[Sourced<'_, HistoricalTrade>]) -> Option<Self> {
        let times = || trades.iter().map(|trade| Timestamp(trade.record.trade_time.0).microseconds());
        let ids = || trades.iter().map(|trade| trade.record.id.0.cast_signed());
        Some(Self {
            symbols: trades.iter().map(|trade| trade.chunk.symbol.as_str().to_owned()).collect(),
            times: (times().min()?, times().max()?),
            ids: (ids().min()?, ids().max()?),
        })
    }

    fn may_be_in(&self, file: &StoredFile) -> bool {
        let (from, to) = (self.times.0.saturating_sub(SLACK), self.times.1.saturating_add(SLACK));
        let in_time = file.times.is_none_or(|times| times.least <= to && from <= times.greatest);
        let has_symbol = file.symbols.as_ref().is_none_or(|bounds| {
            self.symbols.iter().any(|symbol| bounds.least <= *symbol && *symbol <= bounds.greatest)
        });
        in_time && has_symbol
    }

    fn collect(&self, rows: &RecordBatch, known: &mut HashSet<Key>) -> Result<(), HistoryError> {
        let texts = |column| {
            let found = rows.column_by_name(column).and_then(|found| found.as_string_opt::<i32>());
            found.ok_or(HistoryError::Column { table: Table::Trades, column })
        };
        let (symbols, kinds) = (texts("symbol")?, texts("kind")?);
        let ids = rows.column_by_name("trade_id").and_then(|found| found.as_primitive_opt::<Int64Type>());
        let ids = ids.ok_or(HistoryError::Column { table: Table::Trades, column: "trade_id" })?;
        for row in 0..ids.len() {
            let (symbol, id) = (symbols.value(row), ids.value(row));
            let kind = ["trade", "agg_trade"].into_iter().find(|kind| *kind == kinds.value(row));
            if let Some(kind) = kind
                && (self.ids.0..=self.ids.1).contains(&id)
                && self.symbols.contains(symbol)
            {
                known.insert(Key { symbol: symbol.to_owned(), kind, id });
            }
        }
        Ok(())
    }
}
