//! Records as the log holds them, and as rows of the lake's tables.
//!
//! What the engine derives becomes Avro in the Confluent wire format, one schema a topic ([`Schema`]); a raw message stays
//! as it came, beside its envelope. Every row of a table is made of one record and of nothing else but the record's place
//! in the log and its append time, so the same records always give the same rows.
//!
//! Numbers are exact on the whole way: an integer at the instrument's scale is widened to the decimal of its column, or
//! refused. Nothing is rounded.

mod avro;
mod avro_schema;
pub(crate) mod columns;
mod contracts;
mod datum;
mod error;
mod letter;
mod resolution;
mod rows;
mod schema;
mod trigger;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
pub(crate) mod tests;

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::record::{Derived, RecordKind, Trigger};

pub(crate) use avro_schema::RecordSchema;
pub use avro_schema::SchemaError;
pub use contracts::Contracts;
pub use error::{DecodeError, Defect, EncodeError, RowsError};
pub use resolution::Incompatibility;
pub(crate) use resolution::{check_readable, why_not_read};
pub use rows::{Fault, Rows, Unusable, rows, unusable_rows};
pub use schema::{Schema, Version};
pub use trigger::{TRIGGER_LENGTH, decode_trigger, encode_trigger};

use crate::log::{Record, Topic};
use crate::table::Table;
use avro::DatumWriter;

/// The topic of a stream of raw messages.
#[must_use]
pub const fn topic_of_stream(stream: RawStream) -> Topic {
    match stream {
        RawStream::Orderbook => Topic::RawOrderbook,
        RawStream::Trade => Topic::RawTrade,
    }
}

/// The topic of the derived records of a kind.
#[must_use]
pub const fn topic_of_kind(kind: RecordKind) -> Topic {
    match kind {
        RecordKind::Book => Topic::BookTicker,
        RecordKind::Trade => Topic::Trade,
        RecordKind::Bar => Topic::Ohlcv1m,
        RecordKind::DeadLetter => Topic::DeadLetter,
        RecordKind::Feed => Topic::FeedEvent,
    }
}

/// The table that keeps the records of a topic; `None` for what is not for the lake.
#[must_use]
pub const fn table_of(topic: Topic) -> Option<Table> {
    match topic {
        Topic::RawOrderbook => Some(Table::RawOrderbookDiffs),
        Topic::RawTrade => Some(Table::RawTrades),
        Topic::BookTicker => Some(Table::BookTicker),
        Topic::Trade => Some(Table::Trades),
        Topic::Ohlcv1m => Some(Table::Bars),
        Topic::DeadLetter => Some(Table::DeadLetters),
        Topic::FeedEvent => Some(Table::FeedEvents),
        Topic::Checkpoint => None,
    }
}

/// [`Contracts::encode`] with our own ids.
///
/// # Errors
/// Those of [`Contracts::encode`].
pub fn encode(trigger: &Trigger, record: &Derived) -> Result<(Topic, Record), EncodeError> {
    Contracts::own().encode(trigger, record)
}

fn encode_with(schema_id: u32, trigger: &Trigger, record: &Derived) -> Result<Record, EncodeError> {
    let mut value = DatumWriter::new(schema_id);
    datum::write(trigger, record, &mut value)?;
    let key = match record {
        Derived::Book(book) => Some(book.instrument.symbol),
        Derived::Trade(trade) => Some(trade.instrument.symbol),
        Derived::Bar(bar) => Some(bar.instrument.symbol),
        Derived::DeadLetter(letter) => letter.symbol,
        Derived::Feed(event) => event.symbol,
    };
    Ok(Record {
        key: key.map_or_else(Bytes::new, |symbol| Bytes::copy_from_slice(symbol.as_str().as_bytes())),
        header: Bytes::copy_from_slice(&encode_trigger(trigger)),
        value: value.finish(),
    })
}

/// A raw message as the log takes it: the symbol is the key, the envelope the header, and the value is the payload as it
/// came.
#[must_use]
pub fn raw_record(envelope: &Envelope, payload: Bytes) -> Record {
    let symbol = envelope.symbol.as_ref();
    Record {
        key: symbol.map_or_else(Bytes::new, |symbol| Bytes::copy_from_slice(symbol.as_str().as_bytes())),
        header: Bytes::copy_from_slice(&envelope.encode()),
        value: payload,
    }
}
