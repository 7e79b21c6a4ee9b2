//! Records of the log as rows of the table that keeps them.
//!
//! A row comes from one record, its place and its append time alone. A record that cannot be read gives no row and stops
//! no other: it is handed back as [`Unusable`] and kept as a row of `ops.dead_letters`.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field as ArrowField, Schema as ArrowSchema};
use bytes::Bytes;
use depthlake_orderbook::frame::Envelope;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use thiserror::Error;

use super::avro::DatumReader;
use super::columns::{Columns, Value};
use super::contracts::{Contracts, Readings};
use super::error::{DecodeError, RowsError};
use super::letter::is_letter;
use super::resolution::{Field, FieldKind};
use super::schema::Schema;
use super::table_of;
use crate::bitemporal;
use crate::log::{Offset, StoredRecord, Topic, TopicPartition};
use crate::registry::RegistryError;
use crate::table::Table;

/// What a run of records gives.
#[derive(Debug)]
pub struct Rows {
    /// Rows of the topic's table, in the order of the records.
    pub batch: RecordBatch,
    /// Of each row, the record that it was made of.
    pub offsets: Vec<Offset>,
    /// The records that gave none.
    pub unusable: Vec<Unusable>,
}

/// A place in the log that gives no row of its table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at} offset {offset}: {fault}")]
pub struct Unusable {
    pub at: TopicPartition,
    pub offset: Offset,
    pub fault: Fault,
    pub symbol: Option<Symbol>,
    /// When the record was appended, or found to be lost.
    pub time: Timestamp,
    /// The record's value; empty where it is lost.
    pub payload: Bytes,
}

/// Why a place in the log gives no row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    #[error("the records up to {next} (exclusive) are lost: the log was damaged there")]
    Lost { next: Offset },
    /// The offset is the broker's own then, for the log has none for it.
    #[error("another program has written it: it does not carry the number of a record of this log")]
    Foreign,
}

/// [`Contracts::rows`] of records with our own ids.
///
/// # Errors
/// Those of [`Contracts::rows`].
pub fn rows(at: TopicPartition, records: &[StoredRecord]) -> Result<Rows, RowsError> {
    Contracts::own().rows(at, records)
}

pub(super) fn rows_by(
    contracts: &Contracts,
    at: TopicPartition,
    records: &[StoredRecord],
) -> Result<Rows, RowsError> {
    let table = table_of(at.topic).ok_or(RowsError::NoTable { topic: at.topic })?;
    match Schema::of_topic(at.topic) {
        Some(schema) => derived_rows(contracts, at, schema, table, records),
        None => raw_rows(at, table, records).map_err(|source| RowsError::Columns { table, source }),
    }
}

/// Makes rows of `ops.dead_letters` of what gave no rows of its own.
///
/// # Errors
/// [`RowsError::Columns`] where the table does not take them, which the tests rule out.
pub fn unusable_rows(unusable: &[Unusable]) -> Result<RecordBatch, RowsError> {
    let made = || {
        let mut columns = Columns::new(Table::DeadLetters.arrow_schema(), unusable.len())?;
        for place in unusable {
            columns.push(dead_letter(place, &place.fault.to_string()));
        }
        columns.finish()
    };
    made().map_err(|source| RowsError::Columns { table: Table::DeadLetters, source })
}

impl Fault {
    /// The fault's name in the lake, beside the reasons of the engine's own dead letters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::Lost { .. } => "lost",
            Self::Foreign => "foreign",
        }
    }
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Field(usize),
    /// The end of the minute that begins at the time of this field.
    MinuteAfter(usize),
    AppendTime,
    /// Records of the log say nothing of it.
    Absent,
}

fn derived_rows(
    contracts: &Contracts,
    at: TopicPartition,
    schema: Schema,
    table: Table,
    records: &[StoredRecord],
) -> Result<Rows, RowsError> {
    let misfit = |source| RowsError::Columns { table, source };
    let told = match table {
        Table::Bars => bitemporal::facts_schema(table),
        _ => table.arrow_schema(),
    };
    let sources = sources(schema.fields(), table, &told).map_err(misfit)?;
    let mut columns = Columns::new(told, records.len()).map_err(misfit)?;
    let mut reader = ValueReader { contracts, schema, last: None };
    let (mut values, mut unusable) = (Vec::with_capacity(schema.fields().len()), Vec::new());
    let mut offsets = Vec::with_capacity(records.len());
    for stored in records.iter().filter(|stored| !is_letter(at, stored)) {
        let read = reader.read(&stored.record.value, &mut values);
        match read.map_err(|source| RowsError::Registry { topic: at.topic, source: Box::new(source) })? {
            Ok(()) => {
                columns.push(sources.iter().map(|source| source.value(&values, stored.appended_at)));
                offsets.push(stored.offset);
            }
            Err(error) => unusable.push(undecodable(at, stored, error)),
        }
    }
    let batch = columns.finish().map_err(misfit)?;
    let batch = if table == Table::Bars { bitemporal::opened(table, &batch).map_err(misfit)? } else { batch };
    Ok(Rows { batch, offsets, unusable })
}

fn raw_rows(at: TopicPartition, table: Table, records: &[StoredRecord]) -> Result<Rows, ArrowError> {
    let mut columns = Columns::new(table.arrow_schema(), records.len())?;
    let (mut offsets, mut unusable) = (Vec::with_capacity(records.len()), Vec::new());
    for stored in records {
        match read_raw(at, stored) {
            Ok(row) => {
                columns.push(row);
                offsets.push(stored.offset);
            }
            Err(error) => unusable.push(undecodable(at, stored, error)),
        }
    }
    Ok(Rows { batch: columns.finish()?, offsets, unusable })
}

/// The source of each of the table's columns that a record tells.
fn sources(fields: &[Field], table: Table, told: &ArrowSchema) -> Result<Vec<Source>, ArrowError> {
    let source = |column: &ArrowField| {
        let field = |name: &str| {
            let found = fields.iter().position(|field| field.name == name && fits(field, column));
            found.ok_or_else(|| {
                ArrowError::SchemaError(format!("no field {name} fits the column {table}.{}", column.name()))
            })
        };
        Ok(match column.name().as_str() {
            "published_at" => Source::AppendTime,
            "received_ns" => Source::Field(field("received_at")?),
            "close_time" => Source::MinuteAfter(field("open_time")?),
            "source_topic" if table != Table::DeadLetters => Source::Absent,
            name => Source::Field(field(name)?),
        })
    };
    told.fields().iter().map(|column| source(column)).collect()
}

fn fits(field: &Field, column: &ArrowField) -> bool {
    let same_type = match (field.kind, column.data_type()) {
        (FieldKind::Text, DataType::Utf8)
        | (FieldKind::Bytes, DataType::LargeBinary)
        | (FieldKind::Int, DataType::Int32)
        | (FieldKind::Long, DataType::Int64 | DataType::Timestamp(..))
        | (FieldKind::Double, DataType::Float64) => true,
        (FieldKind::Decimal(kind), &DataType::Decimal128(precision, scale)) => {
            kind.precision == u32::from(precision) && i64::from(kind.scale) == i64::from(scale)
        }
        _ => false,
    };
    same_type && (column.is_nullable() || !field.nullable)
}

impl Source {
    fn value<'a>(self, values: &[Value<'a>], appended_at: Timestamp) -> Value<'a> {
        match self {
            Self::Field(index) => values.get(index).copied().unwrap_or(Value::Null),
            Self::MinuteAfter(index) => {
                let start = values.get(index).and_then(|value| value.long());
                start.map_or(Value::Null, |start| Value::Long(Timestamp(start).next_minute().0))
            }
            Self::AppendTime => Value::Long(appended_at.0),
            Self::Absent => Value::Null,
        }
    }
}

/// Reads values that mostly have one schema id.
struct ValueReader<'a> {
    contracts: &'a Contracts,
    schema: Schema,
    last: Option<Readings>,
}

impl ValueReader<'_> {
    /// The outer error: whether it can be read cannot be said now.
    fn read<'a>(
        &mut self,
        value: &'a [u8],
        values: &mut Vec<Value<'a>>,
    ) -> Result<Result<(), DecodeError>, RegistryError> {
        let Some((id, datum)) = DatumReader::open(value) else { return Ok(Err(DecodeError::Framing)) };
        let readings = match self.last.take().filter(|last| last.id() == id) {
            Some(last) => last,
            None => self.contracts.readings(self.schema, id)?,
        };
        let read = readings.read(self.schema, datum, values);
        self.last = Some(readings);
        Ok(read)
    }
}

/// The row of a raw message, in the order of `raw.orderbook_diffs` or `raw.trades`, which differ in their ids.
fn read_raw(
    at: TopicPartition,
    stored: &StoredRecord,
) -> Result<impl Iterator<Item = Value<'_>>, DecodeError> {
    let StoredRecord { offset, record, .. } = stored;
    let symbol = symbol_of(&record.key)?;
    let length = record.header.len();
    let envelope = Envelope::decode(&record.header, None).ok_or(DecodeError::Envelope { length })?;
    let ids = match at.topic {
        Topic::RawTrade => [Some(envelope.first_id), None],
        _ => [Some(envelope.first_id), Some(envelope.last_id)],
    };
    let before = [
        Value::Text(at.topic.name()),
        Value::Int(at.partition.0.into()),
        long(offset.0),
        Value::Long(envelope.received.0),
        Value::Long(envelope.received.0),
        Value::Text(envelope.kind.name()),
        symbol.map_or(Value::Null, Value::Text),
    ];
    let event_time = envelope.event_time.map_or(Value::Null, |time| Value::Long(time.0));
    let ids = ids.into_iter().flatten().map(|id| id.map_or(Value::Null, long));
    Ok(before.into_iter().chain(ids).chain([event_time, Value::Bytes(&record.value)]))
}

/// The row of a place that gave no other, in the order of `ops.dead_letters`.
fn dead_letter<'a>(place: &'a Unusable, detail: &'a str) -> [Value<'a>; 11] {
    let time = Value::Long(place.time.0);
    [
        Value::Text(place.fault.name()),
        Value::Text(detail),
        place.symbol.as_ref().map_or(Value::Null, |symbol| Value::Text(symbol.as_str())),
        Value::Bytes(&place.payload),
        time,
        time,
        time,
        Value::Text(place.at.topic.name()),
        Value::Int(place.at.partition.0.into()),
        long(place.offset.0),
        // When the venue sent it is in the value that cannot be read.
        Value::Null,
    ]
}

fn undecodable(at: TopicPartition, stored: &StoredRecord, error: DecodeError) -> Unusable {
    let symbol = symbol_of(&stored.record.key).ok().flatten();
    Unusable {
        at,
        offset: stored.offset,
        fault: Fault::Undecodable(error),
        symbol: symbol.and_then(|text| Symbol::new(text).ok()),
        time: stored.appended_at,
        payload: stored.record.value.clone(),
    }
}

/// The symbol a key names; none where the key is empty.
fn symbol_of(key: &[u8]) -> Result<Option<&str>, DecodeError> {
    if key.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(key).map_err(|_| DecodeError::Key)?;
    match Symbol::new(text) {
        Ok(symbol) if symbol.as_str() == text => Ok(Some(text)),
        _ => Err(DecodeError::Key),
    }
}

/// An id or an offset; null beyond 63 bits, where neither the venue nor the log counts.
fn long(number: u64) -> Value<'static> {
    i64::try_from(number).map_or(Value::Null, Value::Long)
}
