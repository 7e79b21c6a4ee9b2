//! The declarations of the marts, to be read as tables. How their values are computed, their models say.

use super::Definition;
use super::Kind::{Double, Label, Long, Text, Time};
use super::definitions::{AMOUNT, PRICE, QUANTITY, SYMBOL, optional, required};

pub(super) const MART_OHLCV: Definition = Definition {
    namespace: "marts",
    name: "mart_ohlcv",
    comment: "One row for each bar as it is believed now, with returns and realised volatility",
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
        optional(
            "simple_return",
            Double,
            "close / close of the bar before - 1; null without one in the 60 minutes before",
        ),
        optional("log_return", Double, "Natural logarithm of 1 + simple_return"),
        optional(
            "realised_volatility_30m",
            Double,
            "Square root of the sum of squared log returns of 30 minutes * 525600 / 30: a year's; null where bars do not reach back so far",
        ),
        optional("realised_volatility_60m", Double, "The same of 60 minutes"),
        required("sys_from", Time, "Since when this version of the bar is believed"),
        required("bar_key", Text, "The key of that version in normalized.ohlcv_1m"),
    ],
    partition_by_day_of: "open_time",
    sorted_by: &["symbol", "open_time"],
};

pub(super) const MART_LIQUIDITY: Definition = Definition {
    namespace: "marts",
    name: "mart_liquidity",
    comment: "One row for each symbol and minute in which its book changed: means over time of what the book said",
    columns: &[
        SYMBOL,
        required("minute", Time, "Start of the minute"),
        required("updates", Long, "Events that changed the book"),
        required("covered_seconds", Double, "Seconds of the minute for which the book is known and live"),
        optional("spread_bps", Double, "Spread in basis points of the mid, mean over time"),
        optional("imbalance", Double, "Imbalance of the best five levels, from -1 to 1, mean over time"),
        optional(
            "bid_depth_5bps",
            Double,
            "Bids within 5 basis points of the mid, in quote currency, mean over time",
        ),
        optional("bid_depth_10bps", Double, "The same within 10 basis points"),
        optional("bid_depth_25bps", Double, "The same within 25 basis points"),
        optional(
            "ask_depth_5bps",
            Double,
            "Asks within 5 basis points of the mid, in quote currency, mean over time",
        ),
        optional("ask_depth_10bps", Double, "The same within 10 basis points"),
        optional("ask_depth_25bps", Double, "The same within 25 basis points"),
        optional("microprice", Double, "Microprice in quote currency, mean over time"),
        optional("last_microprice", Double, "Microprice after the minute's last event, in quote currency"),
    ],
    partition_by_day_of: "minute",
    sorted_by: &["symbol", "minute"],
};

pub(super) const MART_EXCHANGE_HEALTH: Definition = Definition {
    namespace: "marts",
    name: "mart_exchange_health",
    comment: "One row for each symbol and minute of receipt: how complete and how late its feed was",
    columns: &[
        SYMBOL,
        required("minute", Time, "Start of the minute of receipt"),
        required("messages", Long, "Frames received of the symbol"),
        required("gaps", Long, "Times that events were found to be missing"),
        required("resyncs", Long, "Times that the book became live on a new snapshot"),
        required(
            "seconds_stale",
            Double,
            "Seconds in which the symbol had been silent for longer than promised",
        ),
        optional(
            "watermark_lag_seconds",
            Double,
            "From the greatest event time received to the minute's end, in seconds",
        ),
        optional("receive_lag_p50_ms", Double, "Median of the time from event to receipt, in milliseconds"),
        optional("receive_lag_p99_ms", Double, "99th percentile of the same"),
        optional("event_lag_p50_ms", Double, "Median of the time from event to publication, in milliseconds"),
        optional("event_lag_p99_ms", Double, "99th percentile of the same"),
        required(
            "sla_status",
            Label,
            "ok, breached where a promise about books was missed, or no_data where no frame was received",
        ),
    ],
    partition_by_day_of: "minute",
    sorted_by: &["symbol", "minute"],
};
