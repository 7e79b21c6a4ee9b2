//! The versions of bars that landed chunks should have opened.
//!
//! A chunk's bar has a version of its own, or was believed already when it was landed: a version that says the same was
//! current then. A version that is gone leaves the hole in which it was believed; it is expected there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, TimestampMicrosecondType};
use arrow_array::{Array, PrimitiveArray, RecordBatch};
use arrow_select::concat::concat_batches;
use depthlake_orderbook::history::{ChunkKind, DailyBar, VenueBar};

use super::HistoryError;
use super::bars::{HistoricalBar, Key, Numbers, key};
use super::expected::{Given, Origins, is_among, rows_at, texts};
use super::rows::{Numbered, Sourced, sourced};
use crate::bitemporal::{END_OF_TIME, versions, with_ends};
use crate::table::Table;

/// How much later than a chunk was read what it is compared with may have been published, or closed, in microseconds: a chunk
/// waits for its commit, and clocks differ.
const SLACK: i64 = 600_000_000;

/// What a table of bars should have of chunks.
pub(super) fn expected_versions(
    table: Table,
    chunks: &Numbered<'_>,
    stored: &RecordBatch,
) -> Result<Given, HistoryError> {
    if table == Table::DailyBars {
        let bars: Vec<_> = sourced(chunks, |derived| &derived.records.daily_bars).collect();
        return expected_of::<DailyBar>(chunks, &bars, stored);
    }
    let bars: Vec<_> = sourced(chunks, |derived| &derived.records.bars).collect();
    expected_of::<VenueBar>(chunks, &bars, stored)
}

fn expected_of<B: HistoricalBar>(
    chunks: &Numbered<'_>,
    bars: &[Sourced<'_, B>],
    stored: &RecordBatch,
) -> Result<Given, HistoryError> {
    let table = B::TABLE;
    let unfit = HistoryError::rows(table);
    let stored_versions = Stored::of::<B>(stored)?;
    let mut believed: HashMap<&Key, Vec<usize>> = HashMap::new();
    for (row, key) in stored_versions.keys.iter().enumerate() {
        believed.entry(key).or_default().push(row);
    }
    let mut derived: BTreeMap<(Key, u64), Vec<Sourced<'_, B>>> = BTreeMap::new();
    for bar in bars {
        derived.entry((key(bar), bar.offset)).or_default().push(*bar);
    }
    let mut plan = Plan::default();
    for ((key, offset), bars) in &derived {
        let rows = believed.get(key).map_or(&[][..], Vec::as_slice);
        plan.add(&stored_versions, *offset, rows, bars);
    }
    // Bars that corrections made of trades name a chunk of trades.
    let has_bars = |offset: u64| {
        let chunk = chunks.iter().find(|(of, _)| *of == offset).map(|(_, derived)| derived.chunk.kind);
        !matches!(chunk, Some(ChunkKind::Trades | ChunkKind::AggregateTrades) | None)
    };
    let found = stored_versions.origins.rows_of(|offset| is_among(chunks, offset) && has_bars(offset));
    let facts = B::facts(&plan.bars)?;
    let expected = versions(table, &facts, &plan.since, &plan.until).map_err(&unfit)?;
    let (reclosed, ends): (Vec<_>, Vec<_>) = plan.reclosed.into_iter().unzip();
    let still_open = rows_at(table, stored, reclosed)?;
    let closed = with_ends(&still_open, &ends).map_err(&unfit)?;
    let schema = table.arrow_schema();
    Ok(Given {
        expected: concat_batches(&schema, &[expected, closed]).map_err(&unfit)?,
        found: concat_batches(&schema, &[rows_at(table, stored, found)?, still_open]).map_err(&unfit)?,
        copies: BTreeSet::new(),
    })
}

/// The versions that should be there.
struct Plan<'a, B> {
    bars: Vec<Sourced<'a, B>>,
    since: Vec<i64>,
    until: Vec<i64>,
    /// Rows of others that should have been closed by a version that is missing, with when.
    reclosed: BTreeMap<usize, i64>,
}

impl<B> Default for Plan<'_, B> {
    fn default() -> Self {
        Self { bars: Vec::new(), since: Vec::new(), until: Vec::new(), reclosed: BTreeMap::new() }
    }
}

impl<'a, B: HistoricalBar> Plan<'a, B> {
    /// What one chunk should have opened of one bar, of which `rows` are all versions.
    fn add(&mut self, stored: &Stored<'_>, offset: u64, rows: &[usize], bars: &[Sourced<'a, B>]) {
        let mut own: Vec<_> =
            rows.iter().copied().filter(|&row| stored.origins.offset(row) == Some(offset)).collect();
        own.sort_by_key(|&row| stored.since(row));
        let mut left: Vec<_> = bars.to_vec();
        left.dedup_by(|later, before| B::agree(&before.record.numbers(), &later.record.numbers()));
        let mut unlike = Vec::new();
        for row in own {
            let numbers = stored.numbers.get(row);
            match left.iter().position(|bar| Some(&bar.record.numbers()) == numbers) {
                Some(place) => self.keep(stored, row, left.remove(place)),
                None => unlike.push(row),
            }
        }
        for row in unlike {
            if left.is_empty() {
                break;
            }
            self.keep(stored, row, left.remove(0));
        }
        for bar in left {
            let was_believed = rows.iter().any(|&row| stored.was_believed(row, &bar));
            if !was_believed && !self.would_be_believed(&bar) {
                self.reopen(stored, rows, bar);
            }
        }
    }

    /// The versions planned for the bar of another chunk's bar, which come last: bars are planned in the order of their keys.
    fn of_same_bar(&self, bar: &Sourced<'a, B>) -> Range<usize> {
        let count = self.bars.iter().rev().take_while(|planned| key(planned) == key(bar)).count();
        self.bars.len() - count..self.bars.len()
    }

    /// Whether an earlier chunk's version would have said the same.
    fn would_be_believed(&self, bar: &Sourced<'a, B>) -> bool {
        let read = bar.chunk.received.microseconds();
        self.of_same_bar(bar).any(|place| {
            let says_the_same = |planned: &Sourced<'a, B>| {
                planned.offset != bar.offset && B::agree(&planned.record.numbers(), &bar.record.numbers())
            };
            self.bars.get(place).is_some_and(says_the_same)
                && self.until.get(place).is_some_and(|until| until.saturating_add(SLACK) > read)
        })
    }

    /// A version that is there, as it should be.
    fn keep(&mut self, stored: &Stored<'_>, row: usize, bar: Sourced<'a, B>) {
        self.open(bar, stored.since(row), stored.until(row));
    }

    /// A version that is not there: believed since the one before it was closed, until the next one was opened.
    fn reopen(&mut self, stored: &Stored<'_>, rows: &[usize], bar: Sourced<'a, B>) {
        let read = bar.chunk.received.microseconds();
        let mut opened: BTreeSet<_> = rows.iter().map(|&row| stored.since(row)).collect();
        opened.extend(self.of_same_bar(&bar).filter_map(|place| self.since.get(place)));
        let hole = rows.iter().map(|&row| stored.until(row));
        let hole = hole.filter(|end| *end >= read && *end != END_OF_TIME && !opened.contains(end)).min();
        let mut since = hole.unwrap_or(read);
        while opened.contains(&since) {
            since += 1;
        }
        let until = opened.range(since..).next().copied().unwrap_or(END_OF_TIME);
        for &row in rows {
            if stored.since(row) < since && since < stored.until(row) {
                self.reclosed.insert(row, since);
            }
        }
        for place in self.of_same_bar(&bar) {
            if let (Some(begins), Some(ends)) = (self.since.get(place), self.until.get_mut(place))
                && *begins < since
                && since < *ends
            {
                *ends = since;
            }
        }
        self.open(bar, since, until);
    }

    fn open(&mut self, bar: Sourced<'a, B>, since: i64, until: i64) {
        self.bars.push(bar);
        self.since.push(since);
        self.until.push(until);
    }
}

/// The versions that a table has of some bars.
struct Stored<'a> {
    keys: Vec<Key>,
    numbers: Vec<Numbers>,
    since: &'a PrimitiveArray<TimestampMicrosecondType>,
    until: &'a PrimitiveArray<TimestampMicrosecondType>,
    origins: Origins<'a>,
}

impl<'a> Stored<'a> {
    fn of<B: HistoricalBar>(rows: &'a RecordBatch) -> Result<Self, HistoryError> {
        let table = B::TABLE;
        let times = |column| {
            let found = rows.column_by_name(column).and_then(|column| column.as_primitive_opt());
            found.ok_or(HistoryError::Column { table, column })
        };
        let (symbols, opens) = (texts(table, rows, "symbol")?, times("open_time")?);
        let mut columns = Vec::with_capacity(B::COLUMNS.len());
        for column in B::COLUMNS {
            let found =
                rows.column_by_name(column).and_then(|found| found.as_primitive_opt::<Decimal128Type>());
            columns.push(found.ok_or(HistoryError::Column { table, column })?);
        }
        let numbers = |row| columns.iter().map(|of| of.is_valid(row).then(|| of.value(row))).collect();
        Ok(Self {
            keys: (0..rows.num_rows()).map(|row| (symbols.value(row).to_owned(), opens.value(row))).collect(),
            numbers: (0..rows.num_rows()).map(numbers).collect(),
            since: times("sys_from")?,
            until: times("sys_to")?,
            origins: Origins::of(table, rows)?,
        })
    }

    fn since(&self, row: usize) -> i64 {
        self.since.value(row)
    }

    fn until(&self, row: usize) -> i64 {
        self.until.value(row)
    }

    /// Whether a version of another said the same when a bar was landed, which then opened none.
    fn was_believed<B: HistoricalBar>(&self, row: usize, bar: &Sourced<'_, B>) -> bool {
        let read = bar.chunk.received.microseconds();
        self.origins.offset(row) != Some(bar.offset)
            && self.since(row) <= read.saturating_add(SLACK)
            && self.until(row).saturating_add(SLACK) > read
            && self.numbers.get(row).is_some_and(|numbers| B::agree(numbers, &bar.record.numbers()))
    }
}
