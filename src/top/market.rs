//! The books of a board as they stood at the last look.

use std::path::Path;

use depthlake_engine::board::{BoardError, BoardRow, BoardState};
use depthlake_orderbook::time::Timestamp;
use depthlake_query::health::{self, Health, Status, Targets, judge};
use depthlake_query::live;

use super::columns::{duration, microseconds};

pub use depthlake_query::live::{Quote as Book, SHORTEST_RATE_WINDOW, Writer};

/// All books of a board.
pub struct Market {
    live: live::Market,
    books: Vec<Book>,
    /// By which it is judged how well the books are.
    targets: Targets,
}

impl Market {
    /// # Errors
    /// As [`live::Market::open`], and where a slot cannot be read.
    pub fn open(path: &Path, targets: Targets) -> Result<Self, BoardError> {
        let mut market = Self { live: live::Market::at(path), books: Vec::new(), targets };
        market.refresh()?;
        Ok(market)
    }

    /// Looks at all books again, on the board of a restarted writer where there is one.
    ///
    /// # Errors
    /// As [`live::Market::look`], and where a slot cannot be read.
    pub fn refresh(&mut self) -> Result<(), BoardError> {
        self.live.look()?;
        let Some(board) = self.live.board() else { return Ok(()) };
        let read = board.symbols().iter().filter_map(|&symbol| board.quote(symbol).transpose());
        self.books = read.collect::<Result<_, _>>()?;
        Ok(())
    }

    pub fn books(&self) -> &[Book] {
        &self.books
    }

    pub fn writer(&self, now: Timestamp) -> Writer {
        match self.live.board() {
            Some(board) => board.writer(now),
            None => Writer::Dead { pid: 0, last_heartbeat: now },
        }
    }

    pub fn live(&self) -> usize {
        self.books.iter().filter(|book| book.row.state == BoardState::Live).count()
    }

    /// How well the books are, by what is promised of them: that they are fresh, without many gaps, and agree with the venue.
    pub fn health(&self, now: Timestamp) -> Option<Health> {
        let seen = health::observe_engine(self.live.board()?.reader(), now);
        Some(judge(&seen, &self.targets, None))
    }

    /// The median over all books of the time from the last event at the venue to its receipt, in nanoseconds. Of clocks that
    /// differ it is off by as much.
    pub fn venue_lag(&self) -> Option<i64> {
        self.median(|row| (row.event_time.0 > 0).then_some(row.receive_time - row.event_time))
    }

    /// The median over all books of the time from receipt of the last event to its being on the board, in nanoseconds.
    pub fn processing_time(&self) -> Option<i64> {
        self.median(|row| Some(row.publish_time - row.receive_time))
    }

    /// Of the books that have received anything.
    fn median(&self, time: impl Fn(&BoardRow) -> Option<i64>) -> Option<i64> {
        let received = self.books.iter().map(|book| &book.row).filter(|row| row.receive_time.0 > 0);
        let mut times: Vec<i64> = received.filter_map(time).map(|time| time.max(0)).collect();
        let middle = times.len() / 2;
        (!times.is_empty()).then(|| *times.select_nth_unstable(middle).1)
    }

    /// What it takes from the venue to here, and from here to the board, in words; empty before anything came.
    pub fn latencies(&self) -> String {
        let lag = self.venue_lag().map(|time| format!("{} from venue", duration(time)));
        let processing = self.processing_time().map(|time| format!("{} to board", microseconds(time)));
        lag.into_iter().chain(processing).collect::<Vec<_>>().join(", ")
    }

    /// Of all books together; `None` until two looks are far enough apart.
    pub fn events_per_second(&self) -> Option<f64> {
        self.books.iter().map(|book| book.events_per_second).sum()
    }
}

/// How well the books are, in a word.
pub const fn word_of(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Ok) => "well",
        Some(Status::Degraded) => "not well",
        Some(Status::Failing) | None => "failing",
    }
}

/// In words, e.g. `writer alive (pid 4711)`.
pub fn text_of(writer: Writer, now: Timestamp) -> String {
    match writer {
        Writer::Alive { pid } => format!("writer alive (pid {pid})"),
        Writer::Dead { pid, last_heartbeat } => {
            format!("writer dead (pid {pid}, silent for {})", duration((now - last_heartbeat).max(0)))
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use depthlake_engine::board::{BoardWriter, FeedCounters, LastTrade, SlotSpec};
    use depthlake_orderbook::decimal::{Price, Quantity, Scale};
    use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
    use depthlake_orderbook::features::Features;
    use depthlake_orderbook::symbol::Symbol;
    use depthlake_query::health::ServiceLevelName;

    use super::*;

    pub const NOW: Timestamp = Timestamp(1_723_161_255_208_000_000);

    /// A board with `BTCUSDT` live, `ETHUSDT` resyncing and `XRPUSDT` not begun.
    pub struct TestBoard {
        _folder: tempfile::TempDir,
        pub writer: BoardWriter,
    }

    impl TestBoard {
        pub fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (writer, mut slots) = BoardWriter::create(
                &folder.path().join("board"),
                &specs(["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
                NOW,
            )
            .unwrap();
            slots[0].write(&row(6_183_763, 0.42, BoardState::Live));
            slots[1].write(&row(245_000, -0.9, BoardState::Resyncing));
            Self { _folder: folder, writer }
        }

        pub fn open(&self) -> Market {
            Market::open(self.writer.path(), Targets::default()).unwrap()
        }
    }

    fn specs<const N: usize>(symbols: [&str; N]) -> [SlotSpec; N] {
        let scale = Scale::new(2).unwrap();
        symbols.map(|text| SlotSpec {
            symbol: Symbol::new(text).unwrap(),
            price_scale: scale,
            quantity_scale: Scale::new(5).unwrap(),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub fn row(bid: i64, imbalance: f64, state: BoardState) -> BoardRow {
        let level = |price, rank| Level { price: Price(price), quantity: Quantity(150_000 * (rank + 1)) };
        let touch = Touch { bid: level(bid, 0), ask: level(bid + 1, 0) };
        BoardRow {
            state,
            epoch: 1,
            update_id: UpdateId(77),
            event_time: Timestamp(NOW.0 - 262_000_000),
            receive_time: Timestamp(NOW.0 - 250_000_000),
            publish_time: Timestamp(NOW.0 - 249_957_400),
            bids: (0..20).map(|rank| level(bid - rank, rank)).collect(),
            asks: (0..20).map(|rank| level(bid + 1 + rank, rank)).collect(),
            features: Some(Features {
                touch,
                mid: bid as f64 / 100.0 + 0.005,
                spread: Price(1),
                spread_bps: 10_000.0 / bid as f64,
                microprice: bid as f64 / 100.0 + 0.004,
                imbalance: [Some(imbalance); 4],
                bid_depth: [Some(600_000.0); 3],
                ask_depth: [Some(634_567.0); 3],
            }),
            last_trade: Some(LastTrade {
                price: Price(bid),
                quantity: Quantity(50_000),
                taker: Taker::Buyer,
                time: NOW,
            }),
            counters: FeedCounters { events_applied: 1_000, gaps: 3, ..FeedCounters::default() },
            ..BoardRow::waiting(Scale::new(2).unwrap(), Scale::new(5).unwrap())
        }
    }

    #[test]
    fn books_are_judged_by_what_is_promised_of_them() {
        let board = TestBoard::new();
        let status = |health: Health| health.level(ServiceLevelName::GapRate).unwrap().status;
        assert_eq!(board.open().health(NOW).map(status), Some(Status::Degraded), "three gaps of one book");
        let promised = |milliseconds| {
            let freshness = Duration::from_millis(milliseconds);
            let mut targets = Targets::default();
            targets.feed.freshness = freshness;
            let health = Market::open(board.writer.path(), targets).unwrap().health(NOW).unwrap();
            health.level(ServiceLevelName::Freshness).unwrap().target
        };
        assert_eq!([100, 200].map(promised).map(f64::to_bits), [100.0, 200.0].map(f64::to_bits));
        assert_eq!(board.open().venue_lag(), Some(12_000_000));
        assert_eq!(board.open().processing_time(), Some(42_600));
    }

    #[test]
    fn a_restarted_writer_is_followed() {
        let board = TestBoard::new();
        let mut market = board.open();
        assert!(matches!(market.writer(NOW), Writer::Alive { .. }));
        let (successor, _slots) = BoardWriter::create(board.writer.path(), &specs(["SOLUSDT"]), NOW).unwrap();
        market.refresh().unwrap();
        assert_eq!(market.books()[0].symbol.as_str(), "SOLUSDT");
        drop(successor);
        assert!(matches!(market.writer(NOW), Writer::Dead { last_heartbeat: NOW, .. }));
    }
}
