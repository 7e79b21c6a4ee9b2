//! What the board says of each book.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_engine::board::{BoardRow, BoardState, Reader};
use depthlake_orderbook::metrics::{Page, Source};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// A name for each state, as labels have it.
pub(crate) const fn state_name(state: BoardState) -> &'static str {
    match state {
        BoardState::Waiting => "waiting",
        BoardState::Live => "live",
        BoardState::Resyncing => "resyncing",
        BoardState::Stale => "stale",
        BoardState::Halted => "halted",
    }
}

const STATES: [BoardState; 5] =
    [BoardState::Waiting, BoardState::Live, BoardState::Resyncing, BoardState::Stale, BoardState::Halted];

/// Tells of the books of a board, that of a restarted writer where there is one.
#[derive(Debug)]
pub struct BoardFigures {
    path: PathBuf,
    reader: Mutex<Option<Reader>>,
}

impl BoardFigures {
    /// Of the board that is or will be at a path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, reader: Mutex::default() }
    }
}

impl Source for BoardFigures {
    fn tell(&self, page: &mut Page) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = reader.as_ref().and_then(|known| known.replacement().ok().flatten()) {
            *reader = Some(other);
        }
        if reader.is_none() {
            *reader = Reader::open(&self.path).ok();
        }
        let Some(reader) = &*reader else { return };
        let now = now();
        tell_writer(page, reader, now);
        for (symbol, slot) in reader.iter() {
            if let Ok(row) = reader.read(slot) {
                tell_book(page, symbol, &row.value, now);
            }
        }
    }
}

fn tell_writer(page: &mut Page, reader: &Reader, now: Timestamp) {
    page.gauge("depthlake_board_writer_alive", "1 while somebody writes the board.")
        .whole(&[], u64::from(reader.is_writer_alive(now)));
    page.gauge(
        "depthlake_board_heartbeat_timestamp_seconds",
        "When the board's writer last said that it is alive.",
    )
    .number(&[], seconds(reader.heartbeat().0));
    page.gauge("depthlake_board_started_timestamp_seconds", "When the board's writer started.")
        .number(&[], seconds(reader.started().0));
}

fn tell_book(page: &mut Page, symbol: Symbol, row: &BoardRow, now: Timestamp) {
    let of = [("symbol", symbol.as_str())];
    let states = page.gauge("depthlake_book_state", "1 for the state that a book is in, 0 for the others.");
    for state in STATES {
        let labels = [("symbol", symbol.as_str()), ("state", state_name(state))];
        states.whole(&labels, u64::from(state == row.state));
    }
    if row.receive_time.0 > 0 {
        page.gauge("depthlake_book_age_seconds", "Time since the last event applied to a book was received.")
            .number(&of, seconds((now - row.receive_time).max(0)));
    }
    let counters = &row.counters;
    page.counter("depthlake_book_updates_applied_total", "Depth events applied to a book.")
        .whole(&of, counters.events_applied);
    page.counter("depthlake_book_gaps_total", "Times that events of a book were missing.")
        .whole(&of, counters.gaps);
    page.counter("depthlake_book_resyncs_total", "Times that a book was built anew from a snapshot.")
        .whole(&of, counters.resyncs);
    page.counter("depthlake_book_dead_letters_total", "Messages about a book that could not be used.")
        .whole(&of, counters.dead_letters);
    let tickers = page.counter(
        "depthlake_book_ticker_comparisons_total",
        "Comparisons of best bid and ask with the venue's own at the same update, by outcome.",
    );
    for (outcome, count) in
        [("equal", counters.ticker_agreements), ("different", counters.ticker_disagreements)]
    {
        tickers.whole(&[("symbol", symbol.as_str()), ("outcome", outcome)], count);
    }
    tell_features(page, &of, row);
}

fn tell_features(page: &mut Page, of: &[(&'static str, &str)], row: &BoardRow) {
    let Some(features) = row.features else { return };
    let price = |units| row.price_scale.to_f64(units);
    page.gauge("depthlake_book_bid_price", "Best bid, in quote currency.")
        .number(of, price(features.touch.bid.price.0));
    page.gauge("depthlake_book_ask_price", "Best ask, in quote currency.")
        .number(of, price(features.touch.ask.price.0));
    page.gauge("depthlake_book_spread_basis_points", "Spread in basis points of the mid.")
        .number(of, features.spread_bps);
    let [_, imbalance, ..] = features.imbalance;
    if let Some(imbalance) = imbalance {
        page.gauge("depthlake_book_imbalance_ratio", "Imbalance of the best five levels, from -1 to 1.")
            .number(of, imbalance);
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "a double holds a time of now to a quarter of a microsecond")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
