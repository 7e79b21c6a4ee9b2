//! The board at a path, whoever writes it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use depthlake_engine::board::{BoardError, Reader};
use depthlake_engine::clock;
use tracing::warn;

use super::board::{Board, RateWindow, Writer};

/// How often a [`MarketFollower`] looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The live books of a data folder. Clones share everything.
///
/// Reading ([`Market::board`]) takes no lock. Somebody has to look ([`Market::look`]) for the board to be found, for rates
/// to be measured, and for that of a restarted writer to be taken up: a [`MarketFollower`] in programs that serve.
#[derive(Debug, Clone)]
pub struct Market {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    board: ArcSwapOption<Board>,
    rates: Mutex<Option<RateWindow>>,
}

/// A thread that looks at a market until this is dropped.
#[derive(Debug)]
pub struct MarketFollower {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Market {
    /// The market whose board is, or will be, at `path`. Nothing is opened yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let shared = Shared { path: path.to_owned(), board: ArcSwapOption::empty(), rates: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// As [`Market::at`], and looks at once.
    ///
    /// # Errors
    /// As [`Market::look`].
    pub fn open(path: &Path) -> Result<Self, BoardError> {
        let market = Self::at(path);
        market.look()?;
        Ok(market)
    }

    /// Where the board is looked for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The board as of the last look; `None` where there was none.
    #[must_use]
    pub fn board(&self) -> Option<Arc<Board>> {
        self.shared.board.load_full()
    }

    /// Whether there is a board and somebody writes it.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.board().is_some_and(|board| matches!(board.writer(clock::now()), Writer::Alive { .. }))
    }

    /// Takes up the board, or that of a restarted writer, and measures rates where the last measurement is a second old.
    ///
    /// # Errors
    /// As [`Reader::open`] and [`Reader::replacement`].
    pub fn look(&self) -> Result<(), BoardError> {
        let mut rates = self.shared.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match self.board() {
            None => Some(Reader::open(&self.shared.path)?),
            Some(board) => board.reader().replacement()?,
        };
        if let Some(reader) = opened {
            let board = Board::of(reader);
            *rates = Some(board.begin_rates());
            self.shared.board.store(Some(Arc::new(board)));
        } else if let (Some(board), Some(window)) = (self.board(), rates.as_mut()) {
            board.measure_rates(window);
        }
        Ok(())
    }

    /// Looks from now on, on a thread of its own.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn follow(&self) -> io::Result<MarketFollower> {
        let stop = Arc::new(AtomicBool::new(false));
        let (market, stopped) = (self.clone(), Arc::clone(&stop));
        let look = move || {
            while !stopped.load(Ordering::Acquire) {
                match market.look() {
                    Ok(()) | Err(BoardError::Missing { .. }) => {}
                    Err(error) => warn!(%error, "the board cannot be read"),
                }
                thread::park_timeout(LOOK_INTERVAL);
            }
        };
        let thread = thread::Builder::new().name("market".to_owned()).spawn(look)?;
        Ok(MarketFollower { stop, thread: Some(thread) })
    }

    #[cfg(test)]
    pub(crate) fn age_rates(&self, by: Duration) {
        if let Some(window) = self.shared.rates.lock().unwrap().as_mut() {
            window.age(by);
        }
    }
}

impl Drop for MarketFollower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends by itself; a panic was told by its hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::samples::{NOW, SampleBoard, row};
    use depthlake_engine::board::{BoardState, BoardWriter};

    #[test]
    fn rates_count_the_events_between_looks() {
        let mut sample = SampleBoard::new();
        let market = Market::open(sample.path()).unwrap();
        let board = market.board().unwrap();
        assert!(board.quotes().all(|quote| quote.events_per_second.is_none()));
        let mut later = row(6_183_763, 0.42, BoardState::Live);
        later.counters.events_applied += 500;
        sample.slots[0].write(&later);
        market.age_rates(Duration::from_secs(2));
        market.look().unwrap();
        let quote = board.quotes().next().unwrap();
        let rate = quote.events_per_second.unwrap();
        assert!(rate > 0.0 && rate <= 250.0, "{rate}");
    }

    #[test]
    fn a_board_that_comes_later_and_that_of_a_restarted_writer_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        let market = Market::at(&path);
        assert!(matches!(market.look(), Err(BoardError::Missing { .. })));
        assert!(market.board().is_none() && !market.is_written());
        let specs = crate::live::samples::specs(["BTCUSDT"]);
        let (first, _slots) = BoardWriter::create(&path, &specs, NOW).unwrap();
        market.look().unwrap();
        let before = market.board().unwrap();
        let specs = crate::live::samples::specs(["SOLUSDT"]);
        let (second, _slots) = BoardWriter::create(&path, &specs, NOW).unwrap();
        market.look().unwrap();
        assert_eq!(market.board().unwrap().symbols()[0].as_str(), "SOLUSDT");
        assert_eq!(before.symbols()[0].as_str(), "BTCUSDT", "who holds the old one goes on with it");
        drop((first, second));
        assert!(!market.is_written());
    }
}
