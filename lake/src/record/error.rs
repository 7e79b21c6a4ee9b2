//! Why a record cannot be written or read.

use arrow_schema::ArrowError;
use depthlake_orderbook::decimal::ExactDecimal;
use thiserror::Error;

use crate::log::Topic;
use crate::registry::RegistryError;
use crate::table::Table;

/// Why a derived record does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    #[error("{field} = {value} does not fit decimal({precision},{scale})")]
    Decimal { field: &'static str, value: ExactDecimal, precision: u32, scale: u32 },
    #[error("{field} = {value} does not fit 63 bits")]
    Long { field: &'static str, value: u64 },
    #[error("a bar without volume has no vwap")]
    NoVolume,
}

/// Why a record of the log gives no row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("the value does not begin with a 0 byte and the 4 bytes of a schema id")]
    Framing,
    #[error("the value has the schema id {found}, which is none of {topic}")]
    Schema { found: u32, topic: Topic },
    #[error("the value has the schema id {id}, whose records cannot be read: {reason}")]
    Unreadable { id: u32, reason: String },
    #[error("field {field} {defect}")]
    Field { field: String, defect: Defect },
    #[error("{count} bytes follow the last field")]
    Trailing { count: usize },
    #[error("the header of {length} bytes is no envelope of a raw message")]
    Envelope { length: usize },
    #[error("the key is no symbol")]
    Key,
}

/// Why no rows can be made of records, whatever is in them.
#[derive(Debug, Error)]
pub enum RowsError {
    #[error("no table keeps the records of {topic}")]
    NoTable { topic: Topic },
    #[error("a schema id of {topic} cannot be looked up")]
    Registry { topic: Topic, source: Box<RegistryError> },
    #[error("cannot make rows of {table}")]
    Columns { table: Table, source: ArrowError },
}

/// What is wrong with a field of an Avro datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Defect {
    #[error("ends too early")]
    Short,
    #[error("is no number of 64 bits")]
    Varint,
    #[error("is no number of 32 bits")]
    Int,
    #[error("has a negative length")]
    Length,
    #[error("is not UTF-8")]
    Text,
    #[error("has branch {found} of a union of {branches}")]
    Branch { found: i64, branches: usize },
    #[error("is no number of {precision} digits")]
    Decimal { precision: u32 },
}
