//! The tables of the lake: their columns, partitions, order and meaning.
//!
//! Each table is declared once, in `definitions`. Its Iceberg schema is made from the declaration and its Arrow
//! schema from the Iceberg schema, so the three cannot disagree. Times are UTC, microseconds in `timestamptz` columns;
//! `received_ns` keeps the full nanoseconds. Every table is partitioned by the day of its partition column, which is
//! never null, and sorted by symbol and time.

mod definitions;
mod history;
mod layout;
mod marts;

use std::fmt;
use std::str::FromStr;

use arrow_schema::SchemaRef;
use thiserror::Error;

pub(crate) use layout::{iceberg_schema, partition_spec, properties, sort_order};

/// A table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `raw.orderbook_diffs`: one row a frame of a depth stream or a REST snapshot, as it came.
    RawOrderbookDiffs,
    /// `raw.trades`: one row a frame of a trade stream, as it came.
    RawTrades,
    /// `raw.history`: one row a part of a historical file or answer, as it came.
    RawHistory,
    /// `normalized.book_ticker`: one row a change of a book's touch, with its features.
    BookTicker,
    /// `normalized.trades`: one row a trade.
    Trades,
    /// `normalized.ohlcv_1m`: one row a symbol and minute with trades.
    Bars,
    /// `normalized.ohlcv_1d`: one row a version of a stock's trading day.
    DailyBars,
    /// `ops.dead_letters`: one row a message that could not be used.
    DeadLetters,
    /// `ops.feed_events`: one row a gap, resynchronisation, reconnect or silence of a feed.
    FeedEvents,
    /// `ops.recon_breaks`: one row a difference that a reconciliation found.
    ReconBreaks,
    /// `marts.mart_ohlcv`: one row a bar as it is believed now.
    MartOhlcv,
    /// `marts.mart_liquidity`: one row a symbol and minute of its book.
    MartLiquidity,
    /// `marts.mart_exchange_health`: one row a symbol and minute of its feed.
    MartExchangeHealth,
}

/// A text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no table is called {name:?}; there are {}", Table::ALL.map(|table| table.to_string()).join(", "))]
pub struct UnknownTable {
    pub name: String,
}

impl Table {
    /// Every table of the lake.
    pub const ALL: [Self; 13] = [
        Self::RawOrderbookDiffs,
        Self::RawTrades,
        Self::RawHistory,
        Self::BookTicker,
        Self::Trades,
        Self::Bars,
        Self::DailyBars,
        Self::DeadLetters,
        Self::FeedEvents,
        Self::ReconBreaks,
        Self::MartOhlcv,
        Self::MartLiquidity,
        Self::MartExchangeHealth,
    ];

    /// The Iceberg namespace: `raw`, `normalized`, `ops` or `marts`.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        self.definition().namespace
    }

    /// The name inside the namespace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// What a row of the table means.
    #[must_use]
    pub const fn comment(self) -> &'static str {
        self.definition().comment
    }

    /// The Arrow schema of the table's rows, with Iceberg's field ids: what batches to append must have.
    #[must_use]
    pub fn arrow_schema(self) -> SchemaRef {
        layout::arrow_schema(self)
    }

    /// The time column by whose UTC day the rows are partitioned.
    #[must_use]
    pub const fn partition_column(self) -> &'static str {
        self.definition().partition_by_day_of
    }

    pub(crate) const fn definition(self) -> &'static Definition {
        match self {
            Self::RawOrderbookDiffs => &definitions::RAW_ORDERBOOK_DIFFS,
            Self::RawTrades => &definitions::RAW_TRADES,
            Self::RawHistory => &history::RAW_HISTORY,
            Self::BookTicker => &definitions::BOOK_TICKER,
            Self::Trades => &definitions::TRADES,
            Self::Bars => &definitions::BARS,
            Self::DailyBars => &history::DAILY_BARS,
            Self::DeadLetters => &definitions::DEAD_LETTERS,
            Self::FeedEvents => &definitions::FEED_EVENTS,
            Self::ReconBreaks => &definitions::RECON_BREAKS,
            Self::MartOhlcv => &marts::MART_OHLCV,
            Self::MartLiquidity => &marts::MART_LIQUIDITY,
            Self::MartExchangeHealth => &marts::MART_EXCHANGE_HEALTH,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace(), self.name())
    }
}

impl FromStr for Table {
    type Err = UnknownTable;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|table| table.to_string() == name);
        found.ok_or_else(|| UnknownTable { name: name.to_owned() })
    }
}

/// The declaration of a table.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) comment: &'static str,
    pub(crate) columns: &'static [Column],
    /// The required time column by whose UTC day the rows are partitioned.
    pub(crate) partition_by_day_of: &'static str,
    /// The columns the rows of a file are sorted by, ascending, nulls first.
    pub(crate) sorted_by: &'static [&'static str],
}

/// One column of a [`Definition`].
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    /// What the value means, with its unit.
    pub(crate) doc: &'static str,
}

/// The type of a column, and with it how Parquet encodes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of few distinct values.
    Label,
    /// Text that differs from row to row.
    Text,
    Boolean,
    Int,
    Long,
    Double,
    /// Microseconds since 1970 UTC.
    Time,
    Bytes,
    Decimal {
        precision: u32,
        scale: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_parse_back() {
        for table in Table::ALL {
            assert_eq!(table.to_string().parse(), Ok(table));
        }
        let unknown = "raw.trade".parse::<Table>().unwrap_err();
        assert!(unknown.to_string().contains("raw.trades"), "{unknown}");
    }

    #[test]
    fn every_column_is_declared_once_and_documented() {
        for table in Table::ALL {
            let definition = table.definition();
            let mut names = HashSet::new();
            for column in definition.columns {
                assert!(names.insert(column.name), "{table}.{} is declared twice", column.name);
                assert!(column.doc.len() > 10, "{table}.{} lacks a doc", column.name);
            }
            let partition =
                definition.columns.iter().find(|c| c.name == definition.partition_by_day_of).unwrap();
            assert_eq!((partition.kind, partition.presence), (Kind::Time, Presence::Required), "{table}");
            assert!(definition.sorted_by.iter().all(|name| names.contains(name)), "{table}");
        }
    }
}
