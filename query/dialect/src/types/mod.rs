//! Trino's types: their names, and which Arrow type holds each.
//!
//! What Arrow cannot tell apart (`json`, `uuid`, `varchar(3)`, `timestamp(1)` …) travels as metadata of the Arrow field
//! under [`TYPE_KEY`], in Trino's own text. A field without it has the type that its Arrow type implies.

mod arrow;
mod parse;
mod text;

pub use parse::ParseTypeError;

/// The key of the Arrow field metadata that holds Trino's text of a type that Arrow lacks.
pub const TYPE_KEY: &str = "trino.type";

/// A type as Trino knows it. `Display` writes Trino's text of it, such as `timestamp(6) with time zone`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TrinoType {
    /// The type of `NULL` by itself.
    Unknown,
    Boolean,
    Tinyint,
    Smallint,
    Integer,
    Bigint,
    Real,
    Double,
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// Text, of at most `length` characters where that is known.
    Varchar {
        length: Option<u32>,
    },
    /// Text padded with spaces to a length.
    Char {
        length: u32,
    },
    Varbinary,
    Date,
    /// A time of day with `precision` digits behind the second.
    Time {
        precision: u8,
    },
    TimeWithTimeZone {
        precision: u8,
    },
    /// A date and time of no zone with `precision` digits behind the second.
    Timestamp {
        precision: u8,
    },
    /// An instant, shown in a zone.
    TimestampWithTimeZone {
        precision: u8,
    },
    IntervalYearToMonth,
    IntervalDayToSecond,
    Json,
    Uuid,
    IpAddress,
    Array(Box<TrinoType>),
    Map(Box<TrinoType>, Box<TrinoType>),
    Row(Vec<RowField>),
}

/// A field of a row type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowField {
    /// The name, where the field has one.
    pub name: Option<String>,
    pub r#type: TrinoType,
}
