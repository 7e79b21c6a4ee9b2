//! The declarations of all tables, to be read as tables.

use super::Kind::{Boolean, Bytes, Double, Int, Label, Long, Text, Time};
use super::{Column, Definition, Kind, Presence};

pub(super) const PRICE: Kind = Kind::Decimal { precision: 18, scale: 8 };
pub(super) const QUANTITY: Kind = Kind::Decimal { precision: 28, scale: 8 };
/// A price times a quantity, exact.
pub(super) const AMOUNT: Kind = Kind::Decimal { precision: 38, scale: 16 };

pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    Column { name, kind, presence: Presence::Required, doc }
}

pub(super) const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    Column { name, kind, presence: Presence::Optional, doc }
}

pub(super) const SYMBOL: Column = required("symbol", Label, "The venue's name of the instrument, upper case");
const SYMBOL_IF_KNOWN: Column = optional(
    "symbol",
    Label,
    "The venue's name of the instrument, upper case; null where the message does not tell",
);
const EVENT_TIME: Column =
    required("event_time", Time, "When the venue sent the event, by the venue's clock");
const EVENT_TIME_IF_KNOWN: Column = optional(
    "event_time",
    Time,
    "When the venue sent the event, by the venue's clock; null where it does not tell",
);
const RECEIVED_AT: Column = required(
    "received_at",
    Time,
    "When the frame was received, by the receiver's clock, cut to microseconds",
);
pub(super) const RECEIVED_NS: Column =
    required("received_ns", Long, "When the frame was received, in nanoseconds since 1970-01-01 UTC");
pub(super) const PUBLISHED_AT: Column =
    required("published_at", Time, "When the row was derived and published to the log");
pub(super) const TOPIC: Column =
    required("topic", Label, "The topic of the log in which the frame was received");
pub(super) const PARTITION: Column = required("partition", Int, "The partition of the topic");
pub(super) const OFFSET: Column =
    required("offset", Long, "The offset in the partition; with topic and partition the row's key");
const PAYLOAD_AS_RECEIVED: Column = required("payload", Bytes, "The bytes of the frame, never changed");
const SOURCE_PARTITION: Column =
    required("source_partition", Int, "The partition of the raw topic from which the row was derived");
const SOURCE_OFFSET: Column =
    required("source_offset", Long, "The offset of the raw frame from which the row was derived");
const SOURCE_TOPIC: Column = optional(
    "source_topic",
    Label,
    "The topic of the raw record: market.raw.history for what was not received live; null for the live topic",
);

pub(super) const RAW_ORDERBOOK_DIFFS: Definition = Definition {
    namespace: "raw",
    name: "orderbook_diffs",
    comment: "One row for each frame of a depth or best-bid-and-ask stream and each REST snapshot, exactly as received",
    columns: &[
        TOPIC,
        PARTITION,
        OFFSET,
        RECEIVED_AT,
        RECEIVED_NS,
        required("kind", Label, "What the frame is, such as depth diff, snapshot or book ticker"),
        SYMBOL_IF_KNOWN,
        optional("first_update_id", Long, "The first update id the frame covers (U of the venue)"),
        optional(
            "last_update_id",
            Long,
            "The last update id the frame covers (u or lastUpdateId of the venue)",
        ),
        EVENT_TIME_IF_KNOWN,
        PAYLOAD_AS_RECEIVED,
    ],
    partition_by_day_of: "received_at",
    sorted_by: &["symbol", "received_at"],
};

pub(super) const RAW_TRADES: Definition = Definition {
    namespace: "raw",
    name: "trades",
    comment: "One row for each frame of a trade or aggregate-trade stream, exactly as received",
    columns: &[
        TOPIC,
        PARTITION,
        OFFSET,
        RECEIVED_AT,
        RECEIVED_NS,
        required("kind", Label, "What the frame is: trade or aggregate trade"),
        SYMBOL_IF_KNOWN,
        optional("trade_id", Long, "The venue's number of the trade or of the aggregate"),
        EVENT_TIME_IF_KNOWN,
        PAYLOAD_AS_RECEIVED,
    ],
    partition_by_day_of: "received_at",
    sorted_by: &["symbol", "received_at"],
};

pub(super) const BOOK_TICKER: Definition = Definition {
    namespace: "normalized",
    name: "book_ticker",
    comment: "One row for each depth event applied to a book: best bid and ask after it, with the features of that state",
    columns: &[
        SYMBOL,
        EVENT_TIME,
        RECEIVED_AT,
        PUBLISHED_AT,
        RECEIVED_NS,
        required("update_id", Long, "The book's update id after the event that changed it"),
        required("bid", PRICE, "Best bid price, in quote currency"),
        required("bid_quantity", QUANTITY, "Quantity resting at the best bid, in base currency"),
        required("ask", PRICE, "Best ask price, in quote currency"),
        required("ask_quantity", QUANTITY, "Quantity resting at the best ask, in base currency"),
        required("mid", Double, "(bid + ask) / 2, in quote currency"),
        required("spread", PRICE, "ask - bid, in quote currency"),
        required("spread_bps", Double, "spread / mid, in basis points"),
        required(
            "microprice",
            Double,
            "(bid * ask_quantity + ask * bid_quantity) / (bid_quantity + ask_quantity)",
        ),
        optional(
            "imbalance_5",
            Double,
            "(B - A) / (B + A) of the quantities of the best five levels, from -1 to 1; null where they are not known",
        ),
        SOURCE_PARTITION,
        SOURCE_OFFSET,
        optional(
            "bid_depth_5bps",
            Double,
            "Quote currency resting on the bid side within 5 basis points of the mid; null where the book is not known that far",
        ),
        optional("bid_depth_10bps", Double, "The same within 10 basis points"),
        optional("bid_depth_25bps", Double, "The same within 25 basis points"),
        optional(
            "ask_depth_5bps",
            Double,
            "Quote currency resting on the ask side within 5 basis points of the mid; null where the book is not known that far",
        ),
        optional("ask_depth_10bps", Double, "The same within 10 basis points"),
        optional("ask_depth_25bps", Double, "The same within 25 basis points"),
    ],
    partition_by_day_of: "event_time",
    sorted_by: &["symbol", "event_time"],
};

pub(super) const TRADES: Definition = Definition {
    namespace: "normalized",
    name: "trades",
    comment: "One row for each trade, or each aggregate of the trades of one taker order at one price",
    columns: &[
        SYMBOL,
        EVENT_TIME,
        required("trade_time", Time, "When the trade was made, by the venue's clock"),
        RECEIVED_AT,
        PUBLISHED_AT,
        RECEIVED_NS,
        required("kind", Label, "trade, or agg_trade for an aggregate"),
        required("trade_id", Long, "The venue's number of the trade or of the aggregate"),
        optional("first_trade_id", Long, "The first trade of an aggregate; null for a trade"),
        optional("last_trade_id", Long, "The last trade of an aggregate; null for a trade"),
        required("price", PRICE, "Price, in quote currency"),
        required("quantity", QUANTITY, "Quantity, in base currency"),
        required("taker_side", Label, "The side that crossed the spread: buy or sell"),
        SOURCE_PARTITION,
        SOURCE_OFFSET,
        optional(
            "quote_quantity",
            AMOUNT,
            "price * quantity, in quote currency; null where it has more digits than the column",
        ),
        SOURCE_TOPIC,
    ],
    partition_by_day_of: "event_time",
    sorted_by: &["symbol", "event_time"],
};

pub(super) const BARS: Definition = Definition {
    namespace: "normalized",
    name: "ohlcv_1m",
    comment: "One row for each version of a bar: of a symbol and minute of trade time in which there were trades, what we believed from sys_from until sys_to",
    columns: &[
        SYMBOL,
        required("open_time", Time, "Start of the minute, inclusive"),
        required("close_time", Time, "End of the minute, exclusive"),
        required("open", PRICE, "Price of the first trade, in quote currency"),
        required("high", PRICE, "Highest price, in quote currency"),
        required("low", PRICE, "Lowest price, in quote currency"),
        required("close", PRICE, "Price of the last trade, in quote currency"),
        required("volume", QUANTITY, "Quantity traded, in base currency"),
        required("quote_volume", AMOUNT, "Sum of price * quantity, in quote currency"),
        required("vwap", Double, "quote_volume / volume, in quote currency"),
        required("trades", Long, "Number of trades"),
        required("taker_buy_volume", QUANTITY, "Quantity traded with the buyer as taker, in base currency"),
        required(
            "taker_buy_quote_volume",
            AMOUNT,
            "Quote volume traded with the buyer as taker, in quote currency",
        ),
        required("event_time", Time, "When the venue sent the bar's last trade, by the venue's clock"),
        required("received_at", Time, "When the bar's last trade was received, by the receiver's clock"),
        PUBLISHED_AT,
        required("source_partition", Int, "The partition of the raw topic whose record closed the bar"),
        required("source_offset", Long, "The offset of the raw record that closed the bar"),
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
        optional(
            "first_trade_id",
            Long,
            "The venue's number of the first trade; of an aggregate, that of its first part",
        ),
        optional(
            "last_trade_id",
            Long,
            "The venue's number of the last trade; of an aggregate, that of its last part",
        ),
        SOURCE_TOPIC,
    ],
    partition_by_day_of: "open_time",
    sorted_by: &["symbol", "open_time"],
};

pub(super) const DEAD_LETTERS: Definition = Definition {
    namespace: "ops",
    name: "dead_letters",
    comment: "One row for each message that could not be used, with the reason and its bytes",
    columns: &[
        required("reason", Label, "Why the message was refused, one of few words"),
        required("detail", Text, "What exactly was wrong with it"),
        SYMBOL_IF_KNOWN,
        required("payload", Bytes, "The bytes of the message, never changed"),
        RECEIVED_AT,
        PUBLISHED_AT,
        RECEIVED_NS,
        required("source_topic", Label, "The topic from which the message came"),
        required("source_partition", Int, "The partition of that topic"),
        required("source_offset", Long, "The offset of the message in that partition"),
        EVENT_TIME_IF_KNOWN,
    ],
    partition_by_day_of: "received_at",
    sorted_by: &["symbol", "received_at"],
};

pub(super) const FEED_EVENTS: Definition = Definition {
    namespace: "ops",
    name: "feed_events",
    comment: "One row for each gap, resynchronisation, reconnect or silence of a feed, with what was lost",
    columns: &[
        required("kind", Label, "What happened, such as gap, resync, reconnect or stale"),
        SYMBOL_IF_KNOWN,
        required("detail", Text, "What happened, in a sentence"),
        optional("expected_update_id", Long, "Of a gap: the update id that should have come"),
        optional("received_update_id", Long, "Of a gap: the update id that came instead"),
        optional("lost_updates", Long, "Of a gap: how many update ids are missing"),
        EVENT_TIME_IF_KNOWN,
        RECEIVED_AT,
        PUBLISHED_AT,
        RECEIVED_NS,
        SOURCE_PARTITION,
        SOURCE_OFFSET,
        optional(
            "not_live_ns",
            Long,
            "Of a resync: how long the book had not been live, from receipt to receipt, in nanoseconds",
        ),
    ],
    partition_by_day_of: "received_at",
    sorted_by: &["symbol", "received_at"],
};

pub(super) const RECON_BREAKS: Definition = Definition {
    namespace: "ops",
    name: "recon_breaks",
    comment: "One row for each difference that a reconciliation found between a layer and the one before it",
    columns: &[
        required("found_at", Time, "When the reconciliation that found it began"),
        required("layer", Label, "The layer that was looked at: raw, normalized or marts"),
        required("class", Label, "MISSING, DUPLICATE, VALUE_DRIFT or SCHEMA_DRIFT"),
        required("table_name", Label, "The table, with its namespace"),
        required("key", Text, "The columns of the row's key with their values; of a schema, the column"),
        optional(
            "column_name",
            Label,
            "The column whose value or type differs; null where the whole row does",
        ),
        optional("expected", Text, "The value or type that the layer before gives"),
        optional("found", Text, "The value or type that is there"),
        optional("relative_difference", Double, "|found - expected| / |expected| of a measure"),
        required("detail", Text, "What is wrong, in a sentence"),
        optional("repaired_at", Time, "When the same run put it right; null where it did not"),
    ],
    partition_by_day_of: "found_at",
    sorted_by: &["table_name", "found_at"],
};
