//! The lake of depthlake: a log of everything received and derived, and the Iceberg tables it is carried into.
//!
//! What the engine receives and derives goes into a [`log`]; a [`sink`] makes rows of its records ([`record`]) and appends
//! them to the [`table`]s, each in one atomic step over all tables ([`commit`]). Any engine that reads Iceberg reads them.
//!
//! Invariants:
//! - a record that the log has acknowledged survives whatever dies, and is never read before;
//! - a record is in its table once: rows and the offsets they come from are committed together or not at all;
//! - a row follows from its record and nothing else, so tables can be made again from the log;
//! - numbers are exact: decimals are widened from the instrument's scale, or refused, and never rounded;
//! - only [`commit`] touches manifests, metadata files and the catalog.
//!
//! ```
//! use std::num::NonZeroU16;
//! use std::sync::Arc;
//!
//! use depthlake_lake::commit::Lake;
//! use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, TopicPartition};
//! use depthlake_lake::record::{raw_record, topic_of_stream};
//! use depthlake_lake::sink::{Sink, SinkConfig};
//! use depthlake_lake::table::Table;
//! use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
//! use depthlake_orderbook::symbol::Symbol;
//! use depthlake_orderbook::time::Timestamp;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let log = Arc::new(EmbeddedLog::open(&folder.join("log"), &Options::new(NonZeroU16::MIN))?);
//! let received = Timestamp::from_milliseconds(1_723_161_255_208);
//! let envelope = Envelope::own(FrameKind::Trade, Some(Symbol::new("BTCUSDT")?), received);
//! let at = TopicPartition::new(topic_of_stream(RawStream::Trade), Partition(0));
//! log.append(at, &raw_record(&envelope, br#"{"e":"trade"}"#.as_slice().into()))?;
//! log.sync()?;
//!
//! let lake = Lake::open(&folder.join("catalog.db"), &folder.join("warehouse")).await?;
//! let mut sink = Sink::new(log, lake.clone(), SinkConfig::default());
//! let report = sink.commit_once().await?;
//! assert_eq!(report.rows[&Table::RawTrades], 1);
//! assert_eq!(lake.data_files(Table::RawTrades).await?.files.len(), 1);
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod bitemporal;
pub mod commit;
pub mod fail_points;
pub mod history;
pub mod log;
pub mod maintenance;
pub mod model;
pub mod reconcile;
pub mod record;
pub mod registry;
pub mod runs;
pub mod sink;
pub mod storage;
pub mod table;
pub mod tail;
pub mod warehouse;

/// The target of spans that are of use to who traces the program: those of what is slow and rare, never of a message.
pub const TRACED: &str = "depthlake_traces";
