//! What the raw tables give: the rows that the normalized tables should hold, derived by the same pipeline as live ones.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use depthlake_engine::pipeline::{Output, Pipeline};
use depthlake_lake::log::{Offset, Partition, StoredRecord, TopicPartition};
use depthlake_lake::record::{Contracts, rows, table_of};
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::run::landing::encode_or_refuse;

/// The columns of a stream's raw table that deriving needs, as SQL.
pub const fn raw_columns(stream: RawStream) -> &'static str {
    match stream {
        RawStream::Orderbook => {
            r#""offset", received_ns, kind, symbol, event_time, payload, first_update_id AS first_id, last_update_id AS last_id"#
        }
        RawStream::Trade => {
            r#""offset", received_ns, kind, symbol, event_time, payload, trade_id AS first_id, CAST(NULL AS BIGINT) AS last_id"#
        }
    }
}

/// One raw stream of one partition, derived again.
pub struct Derivation {
    stream: RawStream,
    partition: u16,
    pipeline: Pipeline,
    /// When the rows count as published.
    published_at: Timestamp,
    records: BTreeMap<Table, Derivations>,
}

/// The records for one table.
struct Derivations {
    at: TopicPartition,
    stored: Vec<StoredRecord>,
}

impl Derivation {
    pub fn new(stream: RawStream, partition: u16, published_at: Timestamp) -> Self {
        Self { stream, partition, pipeline: Pipeline::new(partition), published_at, records: BTreeMap::new() }
    }

    /// Runs raw rows, in the order of their offsets, through the pipeline.
    pub fn add(&mut self, raw: &RecordBatch) -> Result<()> {
        let raw = RawRows::of(raw)?;
        for row in 0..raw.count {
            let Some((offset, envelope)) = raw.message(row) else { continue };
            let mut kept = Vec::new();
            let mut output = Kept(&mut kept);
            self.pipeline.frame(self.stream, offset, &envelope, raw.payloads.value(row), &mut output);
            for (trigger, record) in kept {
                self.keep(&trigger, &record)?;
            }
        }
        Ok(())
    }

    /// The rows derived since the last call, by table.
    pub fn take(&mut self) -> Result<BTreeMap<Table, RecordBatch>> {
        let taken = std::mem::take(&mut self.records);
        let derived = taken.into_iter().map(|(table, Derivations { at, stored })| {
            Ok((table, rows(at, &stored).with_context(|| format!("rows of {table}"))?.batch))
        });
        derived.collect()
    }

    fn keep(&mut self, trigger: &Trigger, record: &Derived) -> Result<()> {
        let (topic, record) = encode_or_refuse(&Contracts::own(), trigger, record)?;
        let Some(table) = table_of(topic) else { return Ok(()) };
        let at = TopicPartition::new(topic, Partition(self.partition));
        let kept = self.records.entry(table).or_insert_with(|| Derivations { at, stored: Vec::new() });
        let offset = Offset(kept.stored.len() as u64);
        kept.stored.push(StoredRecord { offset, appended_at: self.published_at, record });
        Ok(())
    }
}

struct Kept<'a>(&'a mut Vec<(Trigger, Derived)>);

impl Output for Kept<'_> {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        self.0.push((trigger, record));
    }
}

/// The columns of raw rows.
struct RawRows<'a> {
    count: usize,
    offsets: &'a Int64Array,
    received: &'a Int64Array,
    kinds: &'a StringViewArray,
    symbols: &'a StringViewArray,
    event_times: &'a TimestampMicrosecondArray,
    payloads: &'a BinaryViewArray,
    first_ids: &'a Int64Array,
    last_ids: &'a Int64Array,
}

impl<'a> RawRows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let column = |name: &'static str| {
            batch.column_by_name(name).with_context(|| format!("the raw rows have no column {name}"))
        };
        let longs = |name| {
            let column = column(name)?;
            column.as_primitive_opt::<Int64Type>().with_context(|| format!("raw column {name} is no bigint"))
        };
        let texts = |name| {
            let column = column(name)?;
            column.as_string_view_opt().with_context(|| format!("raw column {name} is no text"))
        };
        let event_times = column("event_time")?.as_primitive_opt::<TimestampMicrosecondType>();
        let payloads = column("payload")?.as_binary_view_opt();
        Ok(Self {
            count: batch.num_rows(),
            offsets: longs("offset")?,
            received: longs("received_ns")?,
            kinds: texts("kind")?,
            symbols: texts("symbol")?,
            event_times: event_times.context("raw column event_time is no timestamp")?,
            payloads: payloads.context("raw column payload is no bytes")?,
            first_ids: longs("first_id")?,
            last_ids: longs("last_id")?,
        })
    }

    /// The message of a row, with its offset; `None` where the row holds none of ours.
    fn message(&self, row: usize) -> Option<(u64, Envelope)> {
        let kind = FrameKind::ALL.into_iter().find(|kind| kind.name() == self.kinds.value(row))?;
        let symbol =
            if self.symbols.is_valid(row) { Some(Symbol::new(self.symbols.value(row)).ok()?) } else { None };
        let id = |ids: &Int64Array| ids.is_valid(row).then(|| u64::try_from(ids.value(row)).ok()).flatten();
        let event_time =
            self.event_times.is_valid(row).then(|| Timestamp(self.event_times.value(row) * 1_000));
        let envelope = Envelope {
            kind,
            symbol,
            received: Timestamp(self.received.value(row)),
            event_time,
            first_id: id(self.first_ids),
            last_id: id(self.last_ids),
        };
        Some((u64::try_from(self.offsets.value(row)).ok()?, envelope))
    }
}

/// The numbers of a column of 64-bit integers, or of narrower ones.
pub fn longs(batches: &[RecordBatch]) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for column in batches.iter().filter_map(|batch| batch.columns().first()) {
        let column = arrow_cast::cast(column, Int64Array::new_null(0).data_type())?;
        numbers.extend(column.as_primitive::<Int64Type>().iter().flatten());
    }
    Ok(numbers)
}
