//! What came by backfills: the chunks of `raw.history` against the rows that follow from them.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_ingest::history::derive;
use depthlake_lake::commit::PartitionOfTable;
use depthlake_lake::history::{DERIVED_TABLES, DerivedChunk, Given, HISTORY_TOPIC, given};
use depthlake_lake::reconcile::Layer;
use depthlake_lake::table::Table;
use depthlake_orderbook::history::{Chunk, ChunkKind, Source};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::judge::{Judge, literal_micros};
use super::rules;

const TABLE: Table = Table::RawHistory;

/// Chunks that are compared together; one has about a mebibyte of lines.
const WINDOW_CHUNKS: usize = 32;

/// A trade that was received live lies by the time at which the venue sent it, which is later, but never by so much: an hour,
/// in microseconds.
const SLACK: i64 = 3_600_000_000;

impl Judge<'_> {
    /// Compares the normalized tables with what `raw.history` gives.
    pub async fn history(&mut self) {
        if self.unreadable.contains(&TABLE) {
            return;
        }
        let windows = match self.windows().await {
            Ok(windows) => windows,
            Err(error) => {
                self.go_on(Err(error), &format!("what {TABLE} gives"), Layer::Normalized, &[TABLE]).await;
                return;
            }
        };
        for offsets in windows {
            match self.chunks(&offsets).await {
                Ok(chunks) => self.derived_of(&chunks).await,
                Err(error) => {
                    let what = format!("what offsets {} to {} of {TABLE} give", offsets.start, offsets.end);
                    self.go_on(Err(error), &what, Layer::Normalized, &[TABLE]).await;
                }
            }
        }
    }

    /// The offsets of the chunks that were received in the times looked at, a window at a time. Chunks that are lost are told.
    async fn windows(&mut self) -> Result<Vec<Range<i64>>> {
        let query = format!(r#"SELECT "offset", received_ns FROM {TABLE} ORDER BY 1"#);
        let batches = self.session.sql(&query).await?.collect().await?;
        let mut received: BTreeMap<i64, Timestamp> = BTreeMap::new();
        let mut next = 0;
        let mut lost = Vec::new();
        for batch in &batches {
            let (offsets, times) = (longs(batch, "offset")?, longs(batch, "received_ns")?);
            for (offset, time) in offsets.values().iter().zip(times.values()) {
                received.insert(*offset, Timestamp(*time));
                if *offset > next {
                    lost.push(next..*offset);
                }
                next = next.max(offset.saturating_add(1));
            }
        }
        let of = PartitionOfTable { table: TABLE, topic: HISTORY_TOPIC.to_owned(), partition: 0 };
        let end = self.lake.positions().await?.get(&of).copied().unwrap_or(0);
        let end = i64::try_from(end).unwrap_or(i64::MAX);
        if next < end {
            lost.push(next..end);
        }
        for offsets in lost {
            self.lost(TABLE, 0, &offsets).await?;
        }
        let disputed = self.disputed_offsets(TABLE, 0);
        received.retain(|offset, _| !disputed.contains(offset));
        received.retain(|_, time| self.scope.received.contains(time));
        let offsets: Vec<_> = received.into_keys().collect();
        let window = |offsets: &[i64]| Some(*offsets.first()?..offsets.last()?.saturating_add(1));
        Ok(offsets.chunks(WINDOW_CHUNKS).filter_map(window).collect())
    }

    /// The chunks of a window, with what follows from them, in the order of their offsets.
    async fn chunks(&self, offsets: &Range<i64>) -> Result<Vec<(u64, DerivedChunk)>> {
        let query = format!(
            r#"SELECT * FROM {TABLE} WHERE "offset" >= {} AND "offset" < {}"#,
            offsets.start, offsets.end
        );
        let rows = self.rows(TABLE, &query).await?;
        let disputed = self.disputed_offsets(TABLE, 0);
        let mut chunks = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let (offset, chunk) = chunk(&rows, row)?;
            let is_disputed = i64::try_from(offset).is_ok_and(|offset| disputed.contains(&offset));
            if !is_disputed && self.scope.received.contains(&chunk.received) {
                let records = derive(&chunk);
                chunks.insert(offset, DerivedChunk { chunk, records });
            }
        }
        Ok(chunks.into_iter().collect())
    }

    async fn derived_of(&mut self, chunks: &[(u64, DerivedChunk)]) {
        for table in DERIVED_TABLES {
            if self.unreadable.contains(&table) {
                continue;
            }
            let compared = self.derived_in(table, chunks).await;
            let what = format!("{table} of {TABLE}");
            self.go_on(compared, &what, Layer::Normalized, &[table]).await;
        }
    }

    async fn derived_in(&mut self, table: Table, chunks: &[(u64, DerivedChunk)]) -> Result<()> {
        let Some(rule) = rules::OF_HISTORY.iter().find(|rule| rule.table == table) else { return Ok(()) };
        let query = format!("SELECT * FROM {table} WHERE {}", concerned(table, chunks));
        let stored = self.rows(table, &query).await?;
        let Given { expected, found, copies } = given(table, chunks, &stored)?;
        self.settle(rule, &expected, &found, &copies).await
    }
}

/// The rows of a table that name one of the chunks or tell of the same trades or bars, as SQL.
fn concerned(table: Table, chunks: &[(u64, DerivedChunk)]) -> String {
    let offsets = || chunks.iter().map(|(offset, _)| *offset);
    let (first, last) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
    let mut told: BTreeMap<(Symbol, &'static str), Span> = BTreeMap::new();
    for (_, DerivedChunk { chunk, records }) in chunks {
        let mut note = |kind, id: i64, time: Timestamp| {
            let time = time.microseconds();
            told.entry((chunk.symbol, kind)).or_insert_with(|| Span::at(id, time)).reach(id, time);
        };
        match table {
            Table::Trades => records.trades.iter().for_each(|trade| {
                let kind = match chunk.kind {
                    ChunkKind::AggregateTrades => "agg_trade",
                    _ => "trade",
                };
                note(kind, trade.id.0.cast_signed(), trade.trade_time);
            }),
            Table::Bars => records.bars.iter().for_each(|bar| note("", 0, bar.open_time)),
            Table::DailyBars => records.daily_bars.iter().for_each(|bar| note("", 0, bar.day)),
            _ => {}
        }
    }
    let named = format!("(source_topic = '{HISTORY_TOPIC}' AND source_offset BETWEEN {first} AND {last})");
    let same = told.into_iter().map(|((symbol, kind), Span { ids, times })| {
        if table == Table::Trades {
            let (from, until) = (times.0.saturating_sub(SLACK), times.1.saturating_add(SLACK));
            format!(
                "(symbol = '{symbol}' AND kind = '{kind}' AND trade_id BETWEEN {} AND {} AND event_time BETWEEN {} AND {})",
                ids.0,
                ids.1,
                literal_micros(from),
                literal_micros(until)
            )
        } else {
            let (from, until) = (literal_micros(times.0), literal_micros(times.1));
            format!("(symbol = '{symbol}' AND open_time BETWEEN {from} AND {until})")
        }
    });
    [named].into_iter().chain(same).collect::<Vec<_>>().join(" OR ")
}

/// The least and the greatest number and time.
struct Span {
    ids: (i64, i64),
    times: (i64, i64),
}

impl Span {
    const fn at(id: i64, time: i64) -> Self {
        Self { ids: (id, id), times: (time, time) }
    }

    fn reach(&mut self, id: i64, time: i64) {
        self.ids = (self.ids.0.min(id), self.ids.1.max(id));
        self.times = (self.times.0.min(time), self.times.1.max(time));
    }
}

/// A row of `raw.history` as the chunk it holds.
fn chunk(rows: &RecordBatch, row: usize) -> Result<(u64, Chunk)> {
    let text = |name: &str| {
        let column = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.map(|column| column.value(row)).with_context(|| format!("{TABLE} has no texts in {name}"))
    };
    let long = |name: &str| Ok::<_, anyhow::Error>(longs(rows, name)?.value(row));
    let count = |name: &str| u64::try_from(long(name)?).with_context(|| format!("{name} of {TABLE}"));
    let offset = count("offset")?;
    let kind = text("kind")?;
    let kind = ChunkKind::ALL.into_iter().find(|known| known.name() == kind);
    let payload = rows.column_by_name("payload").and_then(|column| column.as_binary_opt::<i64>());
    let chunk = Chunk {
        kind: kind.with_context(|| format!("offset {offset} of {TABLE} is of no kind that is known"))?,
        symbol: Symbol::new(text("symbol")?).with_context(|| format!("offset {offset} of {TABLE}"))?,
        source: Source {
            name: text("source")?.to_owned(),
            member: text("member")?.to_owned(),
            sha256: text("sha256")?.to_owned(),
        },
        first_line: count("first_line")?,
        lines: count("lines")?,
        columns: text("columns")?.to_owned(),
        received: Timestamp(long("received_ns")?),
        payload: payload.with_context(|| format!("{TABLE} has no bytes"))?.value(row).to_vec(),
    };
    Ok((offset, chunk))
}

fn longs<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a arrow_array::Int64Array> {
    let column = rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.with_context(|| format!("{TABLE} has no numbers in {name}"))
}
