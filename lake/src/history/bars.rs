//! Historical bars against the versions there are.

use std::collections::{HashMap, HashSet};

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use depthlake_orderbook::history::{DailyBar, VenueBar};
use depthlake_orderbook::time::Timestamp;

use super::rows::{self, Numbered, Sourced, sourced};
use super::{HistoryError, Landed};
use crate::bitemporal::{self, Revision};
use crate::commit::{Lake, StoredFile, TableChange};
use crate::table::Table;

/// A bar's symbol and the beginning of its time, in microseconds.
pub(super) type Key = (String, i64);
/// The exact numbers of a bar, in the units of the table's columns.
pub(super) type Numbers = Vec<Option<i128>>;

/// Two quote volumes are the same that differ by less than the venue prints: its last place, in units of 10⁻¹⁶.
const VENUE_PLACE: i128 = 100_000_000;
const BAR_NUMBERS: [&str; 8] =
    ["open", "high", "low", "close", "volume", "taker_buy_volume", "quote_volume", "taker_buy_quote_volume"];
/// The numbers of [`BAR_NUMBERS`] that the venue prints with fewer places than they have.
const FIRST_CUT_NUMBER: usize = 6;
const DAILY_NUMBERS: [&str; 6] = ["open", "high", "low", "close", "adjusted_close", "volume"];

/// A kind of historical bar.
pub(super) trait HistoricalBar: Copy {
    const TABLE: Table;
    const COLUMNS: &'static [&'static str];

    fn open_time(&self) -> Timestamp;
    fn numbers(&self) -> Numbers;
    /// Whether both say the same of a bar.
    fn agree(ours: &Numbers, theirs: &Numbers) -> bool;
    fn facts(bars: &[Sourced<'_, Self>]) -> Result<RecordBatch, HistoryError>;
}

impl HistoricalBar for VenueBar {
    const TABLE: Table = Table::Bars;
    const COLUMNS: &'static [&'static str] = &BAR_NUMBERS;

    fn open_time(&self) -> Timestamp {
        self.open_time
    }

    fn numbers(&self) -> Numbers {
        let numbers = [
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.taker_buy_volume,
            self.quote_volume,
            self.taker_buy_quote_volume,
        ];
        numbers.map(Some).to_vec()
    }

    /// The number of trades does not count: a stream of aggregates counts these, and the venue what they are made of.
    fn agree(ours: &Numbers, theirs: &Numbers) -> bool {
        ours.iter().zip(theirs).enumerate().all(|(index, pair)| match pair {
            (Some(ours), Some(theirs)) if index >= FIRST_CUT_NUMBER => {
                ours.abs_diff(*theirs) < VENUE_PLACE.unsigned_abs()
            }
            (ours, theirs) => ours == theirs,
        })
    }

    fn facts(bars: &[Sourced<'_, Self>]) -> Result<RecordBatch, HistoryError> {
        rows::bar_facts(bars.iter().copied())
    }
}

impl HistoricalBar for DailyBar {
    const TABLE: Table = Table::DailyBars;
    const COLUMNS: &'static [&'static str] = &DAILY_NUMBERS;

    fn open_time(&self) -> Timestamp {
        self.day
    }

    fn numbers(&self) -> Numbers {
        vec![
            Some(self.open),
            Some(self.high),
            Some(self.low),
            Some(self.close),
            self.adjusted_close,
            Some(self.volume),
        ]
    }

    fn agree(ours: &Numbers, theirs: &Numbers) -> bool {
        ours == theirs
    }

    fn facts(bars: &[Sourced<'_, Self>]) -> Result<RecordBatch, HistoryError> {
        rows::daily_facts(bars.iter().copied())
    }
}

/// What the minutes of the chunks change of their table; `None` where they say nothing new.
pub(super) async fn revised_minutes(
    lake: &Lake,
    chunks: &Numbered<'_>,
    landed: &mut Landed,
) -> Result<Option<TableChange>, HistoryError> {
    let bars: Vec<_> = sourced(chunks, |derived| &derived.records.bars).collect();
    revise(lake, &bars, landed).await
}

/// As [`revised_minutes`], of the trading days.
pub(super) async fn revised_days(
    lake: &Lake,
    chunks: &Numbered<'_>,
    landed: &mut Landed,
) -> Result<Option<TableChange>, HistoryError> {
    let bars: Vec<_> = sourced(chunks, |derived| &derived.records.daily_bars).collect();
    revise(lake, &bars, landed).await
}

async fn revise<B: HistoricalBar>(
    lake: &Lake,
    bars: &[Sourced<'_, B>],
    landed: &mut Landed,
) -> Result<Option<TableChange>, HistoryError> {
    if bars.is_empty() {
        return Ok(None);
    }
    let keys: HashSet<Key> = bars.iter().map(key).collect();
    let mut stored = Vec::new();
    for file in files_of(lake, B::TABLE, &keys).await? {
        let rows = lake.read_rows(&file, B::TABLE).await?;
        stored.push((file, rows));
    }
    let mut current = Current::of::<B>(&stored, &keys)?;
    let facts: Vec<_> = bars.iter().filter(|bar| current.takes(bar, landed)).copied().collect();
    if facts.is_empty() {
        return Ok(None);
    }
    let facts = B::facts(&facts)?;
    let touched = stored.into_iter().enumerate().filter(|(index, _)| current.touched.contains(index));
    let (files, rows): (Vec<_>, Vec<_>) = touched.map(|(_, file)| file).unzip();
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    let Revision { kept, opened, .. } =
        bitemporal::revise(B::TABLE, &rows, &facts).map_err(HistoryError::rows(B::TABLE))?;
    let added: Vec<_> = kept.into_iter().chain([opened]).collect();
    Ok(Some(if files.is_empty() {
        TableChange::append(B::TABLE, added, Vec::new())
    } else {
        TableChange::overwrite(B::TABLE, files, added)
    }))
}

/// The files that may hold versions of these bars.
async fn files_of(lake: &Lake, table: Table, keys: &HashSet<Key>) -> Result<Vec<StoredFile>, HistoryError> {
    let times = || keys.iter().map(|(_, time)| *time);
    let (from, to) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    // Only the minutes' table is partitioned by the time of its bars.
    let is_by_time = table == Table::Bars;
    let mut files = lake.data_files(table).await?.files;
    files.retain(|file| {
        let in_time =
            !is_by_time || file.times.is_none_or(|times| times.least <= to && from <= times.greatest);
        let has_symbol = file.symbols.as_ref().is_none_or(|bounds| {
            keys.iter().any(|(symbol, _)| bounds.least <= *symbol && *symbol <= bounds.greatest)
        });
        in_time && has_symbol
    });
    Ok(files)
}

pub(super) fn key<B: HistoricalBar>(bar: &Sourced<'_, B>) -> Key {
    (bar.chunk.symbol.as_str().to_owned(), bar.record.open_time().microseconds())
}

/// What is believed of each bar, by the files and by the facts taken so far.
struct Current {
    believed: HashMap<Key, Belief>,
    /// The files whose versions the facts close.
    touched: HashSet<usize>,
}

struct Belief {
    numbers: Numbers,
    /// The files that hold current versions of it: one, or more where two writers came at once.
    files: Vec<usize>,
}

impl Current {
    fn of<B: HistoricalBar>(
        stored: &[(StoredFile, Vec<RecordBatch>)],
        keys: &HashSet<Key>,
    ) -> Result<Self, HistoryError> {
        let mut believed: HashMap<Key, Belief> = HashMap::new();
        for (file, (_, batches)) in stored.iter().enumerate() {
            for rows in batches {
                for (key, numbers) in current_rows::<B>(rows, keys)? {
                    match believed.get_mut(&key) {
                        Some(belief) => belief.files.push(file),
                        None => {
                            believed.insert(key, Belief { numbers, files: vec![file] });
                        }
                    }
                }
            }
        }
        Ok(Self { believed, touched: HashSet::new() })
    }

    /// Whether a bar says something new; it is believed from then on.
    fn takes<B: HistoricalBar>(&mut self, bar: &Sourced<'_, B>, landed: &mut Landed) -> bool {
        let (key, numbers) = (key(bar), bar.record.numbers());
        let Some(belief) = self.believed.get_mut(&key) else {
            landed.bars += 1;
            self.believed.insert(key, Belief { numbers, files: Vec::new() });
            return true;
        };
        if belief.files.len() < 2 && B::agree(&belief.numbers, &numbers) {
            landed.bars_known += 1;
            return false;
        }
        landed.bars_corrected += 1;
        self.touched.extend(belief.files.drain(..));
        belief.numbers = numbers;
        true
    }
}

/// The current versions of the wanted bars among some rows.
fn current_rows<B: HistoricalBar>(
    rows: &RecordBatch,
    keys: &HashSet<Key>,
) -> Result<Vec<(Key, Numbers)>, HistoryError> {
    let lacking = |column| HistoryError::Column { table: B::TABLE, column };
    let symbols = rows.column_by_name("symbol").and_then(|found| found.as_string_opt::<i32>());
    let symbols = symbols.ok_or(lacking("symbol"))?;
    let opens = rows.column_by_name("open_time");
    let opens = opens.and_then(|found| found.as_primitive_opt::<TimestampMicrosecondType>());
    let opens = opens.ok_or(lacking("open_time"))?;
    let is_current = rows.column_by_name("is_current").and_then(|found| found.as_boolean_opt());
    let is_current = is_current.ok_or(lacking("is_current"))?;
    let mut numbers = Vec::with_capacity(B::COLUMNS.len());
    for column in B::COLUMNS {
        let found = rows.column_by_name(column).and_then(|found| found.as_primitive_opt::<Decimal128Type>());
        numbers.push(found.ok_or(lacking(column))?);
    }
    let mut found = Vec::new();
    for row in (0..rows.num_rows()).filter(|&row| is_current.value(row)) {
        let key = (symbols.value(row).to_owned(), opens.value(row));
        if keys.contains(&key) {
            let values = numbers.iter().map(|column| column.is_valid(row).then(|| column.value(row)));
            found.push((key, values.collect()));
        }
    }
    Ok(found)
}
