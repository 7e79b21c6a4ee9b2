//! Figures of a run, as a line for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use depthlake_engine::latency::Stage;
use depthlake_engine::pipeline::Pipeline;
use depthlake_ingest::live::FeedReport;
use depthlake_ingest::sim::{self, VenueBook};
use depthlake_lake::commit::Lake;
use depthlake_lake::table::Table;
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::SyncState;
use serde::Serialize;

use super::deployment::Outcome;
use super::feed_source::FeedSource;
use super::resume::Resumed;

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub seconds: f64,
    /// Messages taken off the venue's streams and answers, ours included.
    pub frames: u64,
    pub disconnects: u64,
    pub resumed_messages: u64,
    pub resumed_records: u64,
    pub books: BTreeMap<String, BookSummary>,
    /// Rows of each table, all runs together; none where other processes carry them into the lake.
    pub rows: BTreeMap<String, u64>,
    pub latency_nanoseconds: BTreeMap<&'static str, LatencySummary>,
    /// Records that the ring towards the log had no room for at once; none was lost.
    pub spilled: u64,
    /// Frames that the simulated venue sent, where there was one.
    pub venue_frames: Option<u64>,
}

/// One book at the end.
#[derive(Debug, Serialize)]
pub struct BookSummary {
    pub is_live: bool,
    pub update_id: u64,
    pub applied: u64,
    pub gaps: u64,
    pub dead_letters: u64,
    pub tickers_agreed: u64,
    pub tickers_disagreed: u64,
    pub bars_agreed: u64,
    pub bars_disagreed: u64,
    /// Whether every level known equals the simulated venue's.
    pub equals_venue: Option<bool>,
}

#[derive(Debug, Serialize)]
pub struct LatencySummary {
    pub count: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Summary {
    pub async fn of(
        elapsed: Duration,
        source: &FeedSource,
        compared: Option<&sim::Venue>,
        report: &FeedReport,
        resumed: &Resumed,
        outcome: &Outcome,
        lake: Option<&Lake>,
    ) -> Result<Self> {
        let tables = match lake {
            Some(lake) => lake.tables().await?,
            None => Vec::new(),
        };
        Ok(Self {
            seconds: elapsed.as_secs_f64(),
            frames: report.frames,
            disconnects: report.disconnects,
            resumed_messages: resumed.messages,
            resumed_records: resumed.records,
            books: outcome
                .pipelines
                .values()
                .flat_map(|pipeline| books(pipeline, compared))
                .filter(|(symbol, _)| source.symbols.contains(symbol))
                .map(|(symbol, book)| (symbol.to_string(), book))
                .collect(),
            rows: tables.iter().map(|status| (status.table.to_string(), status.rows)).collect(),
            latency_nanoseconds: Stage::ALL
                .map(|stage| {
                    let percentile = |percent| outcome.latencies.percentile(stage, percent);
                    let summary = LatencySummary {
                        count: outcome.latencies.count(stage),
                        p50: percentile(50.0),
                        p99: percentile(99.0),
                        max: percentile(100.0),
                    };
                    (stage.name(), summary)
                })
                .into(),
            spilled: outcome.spilled,
            venue_frames: source
                .simulated
                .as_ref()
                .map(|venue| venue.counters().iter().map(|counter| counter.sent).sum()),
        })
    }

    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// 3 where figures of ours disagree with the venue's own, 1 where the venue gave no book.
    pub fn exit_code(&self) -> ExitCode {
        if self.books.values().all(|book| book.update_id == 0) {
            return ExitCode::FAILURE;
        }
        let disagrees = self.books.values().any(|book| {
            book.tickers_disagreed > 0
                || book.bars_disagreed > 0
                || (book.is_live && book.equals_venue == Some(false))
        });
        if disagrees { ExitCode::from(3) } else { ExitCode::SUCCESS }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |figure: fn(&BookSummary) -> u64| self.books.values().map(figure).sum::<u64>();
        write!(
            f,
            "{:.1} s: {} of {} books live, {} frames, {} gaps",
            self.seconds,
            self.books.values().filter(|book| book.is_live).count(),
            self.books.len(),
            self.frames,
            sum(|book| book.gaps),
        )?;
        if let Some(dead_letters) = self.rows.get(Table::DeadLetters.to_string().as_str()) {
            write!(f, ", {dead_letters} dead letters, {} rows in the lake", self.rows.values().sum::<u64>())?;
        }
        let (agreed, disagreed) = (sum(|book| book.tickers_agreed), sum(|book| book.tickers_disagreed));
        write!(
            f,
            "; best bid and ask equalled the venue's at {agreed} of {} shared updates",
            agreed + disagreed
        )?;
        let compared: Vec<bool> = self.books.values().filter_map(|book| book.equals_venue).collect();
        if !compared.is_empty() {
            let equal = compared.iter().filter(|&&equal| equal).count();
            write!(f, "; {equal} of {} last books equalled the venue's", compared.len())?;
        }
        Ok(())
    }
}

fn books<'a>(
    pipeline: &'a Pipeline,
    simulated: Option<&'a sim::Venue>,
) -> impl Iterator<Item = (Symbol, BookSummary)> + 'a {
    pipeline.books().map(move |(symbol, status)| {
        let bars = pipeline.kline_agreement(symbol);
        let live = pipeline.book(symbol);
        let venue = simulated.and_then(|venue| venue.book(symbol.as_str()));
        let summary = BookSummary {
            is_live: status.sync == SyncState::Live,
            update_id: live.map_or(0, |(_, book)| book.update_id().0),
            applied: status.applied,
            gaps: status.gaps,
            dead_letters: status.dead_letters,
            tickers_agreed: status.tickers.agreed,
            tickers_disagreed: status.tickers.disagreed,
            bars_agreed: bars.agreed,
            bars_disagreed: bars.disagreed,
            equals_venue: venue
                .map(|venue| live.is_some_and(|(instrument, book)| equals(symbol, instrument, book, &venue))),
        };
        (symbol, summary)
    })
}

/// Whether a book has each level of the venue's, as far as it can know them, and no other.
fn equals(symbol: Symbol, instrument: &Instrument, book: &Book, venue: &VenueBook) -> bool {
    let is_equal = book.update_id().0 == venue.last_update_id
        && side_equals(instrument, book, Side::Bid, &venue.bids)
        && side_equals(instrument, book, Side::Ask, &venue.asks);
    if !is_equal {
        tracing::warn!(%symbol, ?book, venue_update_id = venue.last_update_id, "a book differs from the venue's");
    }
    is_equal
}

fn side_equals(instrument: &Instrument, book: &Book, side: Side, venue: &[(String, String)]) -> bool {
    let parsed = venue.iter().map(|(price, quantity)| {
        let price = instrument.price_scale.price(price.as_bytes()).ok()?;
        Some((price, instrument.quantity_scale.quantity(quantity.as_bytes()).ok()?))
    });
    let Some(venue) = parsed.collect::<Option<Vec<_>>>() else { return false };
    let known = venue.into_iter().filter(|&(price, _)| book.is_known_to(side, price));
    let ours = book.levels(side).map(|level| (level.price, level.quantity));
    known.eq(ours.filter(|&(price, _)| book.is_known_to(side, price)))
}
