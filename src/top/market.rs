//! The books of a board as they stood at the last look, with the rates between looks.

use std::path::Path;
use std::time::{Duration, Instant};

use depthlake_engine::board::{BoardError, BoardRow, BoardState, Reader};
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::columns::duration;

/// Rates are measured over at least this long, however often the screen is drawn.
pub const SHORTEST_RATE_WINDOW: Duration = Duration::from_secs(1);

/// All books of a board.
pub struct Market {
    reader: Reader,
    books: Vec<Book>,
    rates_begin: Instant,
}

/// One book as it stood at the last look.
pub struct Book {
    pub symbol: Symbol,
    pub row: BoardRow,
    /// `None` until two looks are far enough apart.
    pub events_per_second: Option<f64>,
    events_at_begin: u64,
}

/// Whether the board is being written.
pub enum Writer {
    Alive { pid: u32 },
    Dead { pid: u32, last_heartbeat: Timestamp },
}

impl Market {
    /// # Errors
    /// As [`Reader::open`] and [`Reader::read`].
    pub fn open(path: &Path) -> Result<Self, BoardError> {
        Self::of(Reader::open(path)?)
    }

    /// Looks at all books again, on the board of a restarted writer where there is one.
    ///
    /// # Errors
    /// As [`Reader::replacement`] and [`Reader::read`].
    pub fn refresh(&mut self) -> Result<(), BoardError> {
        if let Some(reader) = self.reader.replacement()? {
            *self = Self::of(reader)?;
            return Ok(());
        }
        self.read_all()?;
        self.measure_rates();
        Ok(())
    }

    pub fn books(&self) -> &[Book] {
        &self.books
    }

    pub fn writer(&self, now: Timestamp) -> Writer {
        let pid = self.reader.writer_pid();
        if self.reader.is_writer_alive(now) {
            Writer::Alive { pid }
        } else {
            Writer::Dead { pid, last_heartbeat: self.reader.heartbeat() }
        }
    }

    pub fn live(&self) -> usize {
        self.books.iter().filter(|book| book.row.state == BoardState::Live).count()
    }

    /// Of all books together; `None` until two looks are far enough apart.
    pub fn events_per_second(&self) -> Option<f64> {
        self.books.iter().map(|book| book.events_per_second).sum()
    }

    fn of(reader: Reader) -> Result<Self, BoardError> {
        let unread = |symbol: &Symbol| Book {
            symbol: *symbol,
            row: BoardRow::waiting(Scale::MAX, Scale::MAX),
            events_per_second: None,
            events_at_begin: 0,
        };
        let books = reader.symbols().iter().map(unread).collect();
        let mut market = Self { reader, books, rates_begin: Instant::now() };
        market.read_all()?;
        for book in &mut market.books {
            book.events_at_begin = book.row.counters.events_applied;
        }
        Ok(market)
    }

    fn read_all(&mut self) -> Result<(), BoardError> {
        for (slot, book) in self.reader.slots().zip(&mut self.books) {
            match self.reader.read(slot) {
                Ok(copy) => book.row = copy.value,
                // The writer was killed at that very moment. The header says that it is dead; what was known stands.
                Err(BoardError::HalfWritten { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn measure_rates(&mut self) {
        let elapsed = self.rates_begin.elapsed();
        if elapsed < SHORTEST_RATE_WINDOW {
            return;
        }
        for book in &mut self.books {
            let events = book.row.counters.events_applied;
            book.events_per_second = Some(rate(events.saturating_sub(book.events_at_begin), elapsed));
            book.events_at_begin = events;
        }
        self.rates_begin = Instant::now();
    }
}

impl Book {
    /// How long ago the last event was received, in nanoseconds; `None` before the first.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        (self.row.receive_time.0 > 0).then(|| (now - self.row.receive_time).max(0))
    }

    /// What rests within 10 basis points of the mid on both sides, in quote currency.
    pub fn depth_10bps(&self) -> Option<f64> {
        let features = self.row.features?;
        let [_, bid, _] = features.bid_depth;
        let [_, ask, _] = features.ask_depth;
        Some(bid? + ask?)
    }

    pub fn imbalance_5(&self) -> Option<f64> {
        let [_, of_five, ..] = self.row.features?.imbalance;
        of_five
    }
}

impl Writer {
    /// In words, e.g. `writer alive (pid 4711)`.
    pub fn text(&self, now: Timestamp) -> String {
        match self {
            Self::Alive { pid } => format!("writer alive (pid {pid})"),
            Self::Dead { pid, last_heartbeat } => {
                format!("writer dead (pid {pid}, silent for {})", duration((now - *last_heartbeat).max(0)))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for display")]
fn rate(events: u64, elapsed: Duration) -> f64 {
    events as f64 / elapsed.as_secs_f64()
}

#[cfg(test)]
pub mod tests {
    use depthlake_engine::board::{BoardWriter, FeedCounters, LastTrade, SlotSpec, SlotWriter};
    use depthlake_orderbook::decimal::{Price, Quantity};
    use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
    use depthlake_orderbook::features::Features;

    use super::*;

    pub const NOW: Timestamp = Timestamp(1_723_161_255_208_000_000);

    /// A board with `BTCUSDT` live, `ETHUSDT` resyncing and `XRPUSDT` not begun.
    pub struct TestBoard {
        _folder: tempfile::TempDir,
        pub writer: BoardWriter,
        pub slots: Vec<SlotWriter>,
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
            Self { _folder: folder, writer, slots }
        }

        pub fn open(&self) -> Market {
            Market::open(self.writer.path()).unwrap()
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
            receive_time: Timestamp(NOW.0 - 250_000_000),
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
    fn rates_count_the_events_between_looks() {
        let mut board = TestBoard::new();
        let mut market = board.open();
        assert_eq!((market.live(), market.events_per_second()), (1, None));
        let mut later = row(6_183_763, 0.42, BoardState::Live);
        later.counters.events_applied += 500;
        board.slots[0].write(&later);
        market.rates_begin = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        market.refresh().unwrap();
        let rate = market.events_per_second().unwrap();
        assert!((200.0..=250.0).contains(&rate), "{rate}");
        assert!((rate - market.books()[0].events_per_second.unwrap()).abs() < f64::EPSILON);
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
