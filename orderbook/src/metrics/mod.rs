//! Figures that a program gives of itself: cells that the thread at work writes and others read, and the page on which they
//! are told.
//!
//! Invariants:
//! - writing a cell neither allocates, locks nor waits, whoever reads it meanwhile;
//! - whoever counts something describes it as well: a [`Source`] names its figures, their units and what they mean, by
//!   Prometheus' conventions.
//!
//! ```
//! use depthlake_orderbook::metrics::{Page, SoleHistogram, Unit};
//!
//! let mut waits = SoleHistogram::default();
//! let reader = waits.reader();
//! waits.record(1_500_000);
//!
//! let mut page = Page::default();
//! let family = page.histogram("depthlake_wait_seconds", "How long somebody waited.", Unit::Nanoseconds);
//! family.distribution(&[], reader.snapshot());
//! assert_eq!(page.families()[0].name, "depthlake_wait_seconds");
//! ```

mod cells;
mod distribution;
mod page;

pub use cells::{Counter, Gauge, Histogram, HistogramReader, SoleCounter, SoleCounterReader, SoleHistogram};
pub use distribution::Distribution;
pub use page::{Family, Kind, Page, Sample, Source, Unit, Value};
