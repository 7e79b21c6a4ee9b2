//! What chunks that are landed should have given, beside what is there.
//!
//! Not all that a chunk gives is landed: a trade that is there already does not come again, and neither does a bar that is
//! believed already. So what is expected of chunks depends on the rows that others have brought.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_select::take::take_record_batch;
use depthlake_orderbook::history::HistoricalTrade;

use super::rows::{self, Numbered, Sourced, kind_name, sourced};
use super::versions::expected_versions;
use super::{DerivedChunk, HISTORY_TOPIC, HistoryError};
use crate::table::Table;

/// What a table should have of some chunks, and what it has.
#[derive(Debug, Clone)]
pub struct Given {
    pub expected: RecordBatch,
    pub found: RecordBatch,
    /// Rows of `found` that the chunks do give, but which are there from elsewhere too.
    pub copies: BTreeSet<usize>,
}

/// The tables that chunks give rows of.
pub const DERIVED_TABLES: [Table; 4] = [Table::Trades, Table::Bars, Table::DailyBars, Table::DeadLetters];

/// Of one of [`DERIVED_TABLES`], what it should have of chunks with these offsets. `stored` are rows with the table's columns:
/// all that name one of these offsets, and all that tell of the same trades or bars.
///
/// # Errors
/// [`HistoryError::Column`] and [`HistoryError::Rows`] where `stored` has not the columns of the table.
pub fn given(
    table: Table,
    chunks: &[(u64, DerivedChunk)],
    stored: &RecordBatch,
) -> Result<Given, HistoryError> {
    let numbered: Vec<_> = chunks.iter().map(|(offset, chunk)| (*offset, chunk)).collect();
    match table {
        Table::Trades => expected_trades(&numbered, stored),
        Table::DeadLetters => {
            let found = Origins::of(table, stored)?.rows_of(|offset| is_among(&numbered, offset));
            let expected = rows::dead_letters(&numbered)?;
            Ok(Given { expected, found: rows_at(table, stored, found)?, copies: BTreeSet::new() })
        }
        table => expected_versions(table, &numbered, stored),
    }
}

/// Symbol, kind and number of a trade.
type TradeKey<'a> = (&'a str, &'a str, i64);

/// Each trade is there once: live, or else of the first chunk that has it.
fn expected_trades(chunks: &Numbered<'_>, stored: &RecordBatch) -> Result<Given, HistoryError> {
    let table = Table::Trades;
    let mut derived: BTreeMap<TradeKey<'_>, BTreeMap<u64, Sourced<'_, HistoricalTrade>>> = BTreeMap::new();
    for trade in sourced(chunks, |derived| &derived.records.trades) {
        let record = trade.record;
        let key = (trade.chunk.symbol.as_str(), kind_name(record.kind), record.id.0.cast_signed());
        derived.entry(key).or_default().entry(trade.offset).or_insert(trade);
    }
    let origins = Origins::of(table, stored)?;
    let keys = trade_keys(stored)?;
    let mut holders: HashMap<TradeKey<'_>, Vec<usize>> = HashMap::new();
    for (row, key) in keys.iter().enumerate() {
        holders.entry(*key).or_default().push(row);
    }
    let mut expected: BTreeMap<TradeKey<'_>, Sourced<'_, HistoricalTrade>> = BTreeMap::new();
    for (key, trades) in &derived {
        let rows = holders.get(key).map_or(&[][..], Vec::as_slice);
        if rows.iter().any(|&row| origins.is_live(row)) {
            continue;
        }
        // A row that names a chunk which does not give it holds nothing.
        let holds = |offset: &u64| trades.contains_key(offset) || !is_among(chunks, *offset);
        let first = rows.iter().filter_map(|&row| origins.offset(row)).filter(holds).min();
        let trade = match first {
            Some(offset) => trades.get(&offset),
            None => trades.values().next(),
        };
        expected.extend(trade.map(|trade| (*key, *trade)));
    }
    let found = origins.rows_of(|offset| is_among(chunks, offset));
    let is_copy = |row: usize| {
        let given = keys.get(row).and_then(|key| derived.get(key));
        given.zip(origins.offset(row)).is_some_and(|(trades, offset)| {
            let is_expected = keys.get(row).and_then(|key| expected.get(key)).map(|trade| trade.offset);
            trades.contains_key(&offset) && is_expected != Some(offset)
        })
    };
    let copies = found.iter().enumerate().filter(|(_, row)| is_copy(**row)).map(|(index, _)| index);
    Ok(Given {
        copies: copies.collect(),
        expected: rows::trades(expected.into_values())?,
        found: rows_at(table, stored, found)?,
    })
}

fn trade_keys(stored: &RecordBatch) -> Result<Vec<TradeKey<'_>>, HistoryError> {
    let (symbols, kinds) = (texts(Table::Trades, stored, "symbol")?, texts(Table::Trades, stored, "kind")?);
    let ids = numbers(Table::Trades, stored, "trade_id")?;
    Ok((0..stored.num_rows()).map(|row| (symbols.value(row), kinds.value(row), ids.value(row))).collect())
}

/// Where rows come from.
pub(super) struct Origins<'a> {
    topics: &'a StringArray,
    offsets: &'a Int64Array,
}

impl<'a> Origins<'a> {
    pub(super) fn of(table: Table, rows: &'a RecordBatch) -> Result<Self, HistoryError> {
        Ok(Self {
            topics: texts(table, rows, "source_topic")?,
            offsets: numbers(table, rows, "source_offset")?,
        })
    }

    /// The chunk that a row names.
    pub(super) fn offset(&self, row: usize) -> Option<u64> {
        let is_historical = self.topics.is_valid(row) && self.topics.value(row) == HISTORY_TOPIC;
        (is_historical && self.offsets.is_valid(row))
            .then(|| u64::try_from(self.offsets.value(row)).ok())
            .flatten()
    }

    fn is_live(&self, row: usize) -> bool {
        self.topics.is_null(row)
    }

    /// The rows that name one of the chunks wanted.
    pub(super) fn rows_of(&self, is_wanted: impl Fn(u64) -> bool) -> Vec<usize> {
        let names_one = |row: &usize| self.offset(*row).is_some_and(&is_wanted);
        (0..self.topics.len()).filter(names_one).collect()
    }
}

/// Chunks are in the order of their offsets.
pub(super) fn is_among(chunks: &Numbered<'_>, offset: u64) -> bool {
    chunks.binary_search_by_key(&offset, |(offset, _)| *offset).is_ok()
}

pub(super) fn rows_at(
    table: Table,
    rows: &RecordBatch,
    which: impl IntoIterator<Item = usize>,
) -> Result<RecordBatch, HistoryError> {
    let which = which.into_iter().filter_map(|row| u64::try_from(row).ok());
    take_record_batch(rows, &UInt64Array::from_iter_values(which)).map_err(HistoryError::rows(table))
}

fn named<'a>(
    table: Table,
    rows: &'a RecordBatch,
    column: &'static str,
) -> Result<&'a ArrayRef, HistoryError> {
    rows.column_by_name(column).ok_or(HistoryError::Column { table, column })
}

pub(super) fn texts<'a>(
    table: Table,
    rows: &'a RecordBatch,
    column: &'static str,
) -> Result<&'a StringArray, HistoryError> {
    named(table, rows, column)?.as_string_opt().ok_or(HistoryError::Column { table, column })
}

fn numbers<'a>(
    table: Table,
    rows: &'a RecordBatch,
    column: &'static str,
) -> Result<&'a Int64Array, HistoryError> {
    let column_of = named(table, rows, column)?.as_primitive_opt::<Int64Type>();
    column_of.ok_or(HistoryError::Column { table, column })
}
