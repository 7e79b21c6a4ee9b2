//! The declarations of the tables of what was not received live.

use super::Kind::{Boolean, Bytes, Int, Label, Long, Text, Time};
use super::definitions::{
    OFFSET, PARTITION, PUBLISHED_AT, QUANTITY, RECEIVED_NS, SYMBOL, TOPIC, optional, required,
};
use super::{Definition, Kind};

/// Prices of stocks, adjusted ones too, which are quotients with many places.
const STOCK_PRICE: Kind = Kind::Decimal { precision: 38, scale: 18 };

pub(super) const RAW_HISTORY: Definition = Definition {
    namespace: "raw",
    name: "history",
    comment: "One row for each run of lines of a historical file, and each answer of a REST interface, exactly as read",
    columns: &[
        TOPIC,
        PARTITION,
        OFFSET,
        required("received_at", Time, "When it was read or received, by our clock, cut to microseconds"),
        RECEIVED_NS,
        required("kind", Label, "What it holds: klines, agg_trades, trades, klines_answer or daily_bars"),
        SYMBOL,
        required("source", Text, "The name of the file, or the address of the request"),
        required("member", Text, "The file inside the archive; empty where the source is none"),
        required("sha256", Text, "SHA-256 of the whole file or answer, in hexadecimal"),
        required("first_line", Long, "The number of the first line within the file, from 1"),
        required("lines", Long, "The number of lines"),
        required("columns", Label, "The names of the columns, by commas; empty for an answer"),
        required("payload", Bytes, "The bytes of the lines, never changed"),
    ],
    partition_by_day_of: "received_at",
    sorted_by: &["symbol", "received_at"],
};

/// Partitioned by when it was published: a file a trading day would hold a row.
pub(super) const DAILY_BARS: Definition = Definition {
    namespace: "normalized",
    name: "ohlcv_1d",
    comment: "One row for each version of a stock's trading day: what we believed of it from sys_from until sys_to",
    columns: &[
        SYMBOL,
        required("open_time", Time, "Midnight UTC of the exchange's date"),
        required("close_time", Time, "Midnight UTC of the day after"),
        required("open", STOCK_PRICE, "Price of the first trade, in the currency of the listing"),
        required("high", STOCK_PRICE, "Highest price, in the currency of the listing"),
        required("low", STOCK_PRICE, "Lowest price, in the currency of the listing"),
        required("close", STOCK_PRICE, "Price of the last trade, in the currency of the listing"),
        optional(
            "adjusted_close",
            STOCK_PRICE,
            "The close, adjusted for splits and dividends that came later",
        ),
        required("volume", QUANTITY, "Shares traded"),
        required("received_at", Time, "When it was read, by our clock"),
        PUBLISHED_AT,
        required("source_partition", Int, "The partition of the raw topic from which the row was derived"),
        required("source_offset", Long, "The offset of the raw record from which the row was derived"),
        required("valid_from", Time, "Since when the bar is true in the world: its open time"),
        required("valid_to", Time, "Until when the bar is true in the world, exclusive: its close time"),
        required("sys_from", Time, "Since when we believe this version: when it was published"),
        required(
            "sys_to",
            Time,
            "Until when we believed this version, exclusive; 9999-12-31 where we still do",
        ),
        required("is_current", Boolean, "Whether we still believe this version; true of one version a bar"),
        required(
            "bar_key",
            Text,
            "The version's key: symbol, open time in seconds and sys_from in microseconds since 1970-01-01 UTC",
        ),
        required("source_topic", Label, "The topic of the raw record: market.raw.history"),
    ],
    partition_by_day_of: "published_at",
    sorted_by: &["symbol", "open_time"],
};
