//! One symbol's book, whoever writes it: reading goes on when a restarted writer has put a new board in place.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use depthlake_orderbook::symbol::Symbol;

use super::error::BoardError;
use super::reader::{Reader, SlotIndex};
use super::row::{BoardLadder, BoardRow, BoardTouch};
use super::seqlock::{Version, Versioned};
use super::waiting::{WaitBy, Waited};

/// Follows one symbol on the board at one path, through restarts of its writer.
///
/// ```no_run
/// use std::time::Duration;
///
/// use depthlake_engine::board::{Follower, WaitBy};
/// use depthlake_orderbook::symbol::Symbol;
///
/// let mut book = Follower::open("depthlake-data/board".as_ref(), Symbol::new("BTCUSDT")?)?;
/// loop {
///     println!("{:?}", book.touch()?.bid);
///     book.wait(WaitBy::Sleeping, Duration::from_secs(1))?;
/// }
/// # #[expect(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Follower {
    reader: Arc<Reader>,
    slot: SlotIndex,
    symbol: Symbol,
    seen: Option<Version>,
}

/// Why [`Follower::wait`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Followed {
    /// There is another version than the last one read.
    Changed,
    /// A restarted writer has put a new board in place, which is read from now on.
    Restarted,
    TimedOut,
    /// Nobody writes the board, and nobody has replaced it yet.
    WriterDead,
}

/// How often the board of a dead writer is looked at for its replacement.
const REPLACEMENT_INTERVAL: Duration = Duration::from_millis(50);

impl Follower {
    /// # Errors
    /// As [`Reader::open`], and [`BoardError::UnknownSymbol`].
    pub fn open(path: &Path, symbol: Symbol) -> Result<Self, BoardError> {
        Self::of(Arc::new(Reader::open(path)?), symbol)
    }

    /// Follows a symbol of a board that is open already.
    ///
    /// # Errors
    /// [`BoardError::UnknownSymbol`] where it has no such symbol.
    pub fn of(reader: Arc<Reader>, symbol: Symbol) -> Result<Self, BoardError> {
        match reader.find(symbol) {
            Some(slot) => Ok(Self { reader, slot, symbol, seen: None }),
            None => Err(BoardError::UnknownSymbol { path: reader.path().to_owned(), symbol }),
        }
    }

    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The board that is read at present.
    #[must_use]
    pub const fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// # Errors
    /// As [`Reader::read`].
    pub fn read(&mut self) -> Result<Versioned<BoardRow>, BoardError> {
        let copy = self.reader.read(self.slot);
        self.saw(copy)
    }

    /// # Errors
    /// As [`Reader::ladder`].
    pub fn ladder(&mut self) -> Result<Versioned<BoardLadder>, BoardError> {
        let copy = self.reader.ladder(self.slot);
        self.saw(copy)
    }

    /// # Errors
    /// As [`Reader::touch`].
    pub fn touch(&mut self) -> Result<Versioned<BoardTouch>, BoardError> {
        let copy = self.reader.touch(self.slot);
        self.saw(copy)
    }

    /// Waits until there is something else to read than what was read last, for `timeout` at most. Before anything was read
    /// there always is.
    ///
    /// # Errors
    /// As [`Follower::open`] on the board of a restarted writer.
    pub fn wait(&mut self, by: WaitBy, timeout: Duration) -> Result<Followed, BoardError> {
        let Some(seen) = self.seen else { return Ok(Followed::Changed) };
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            match self.reader.wait(self.slot, seen, by, left)? {
                Waited::Changed => return Ok(Followed::Changed),
                Waited::TimedOut => return Ok(Followed::TimedOut),
                Waited::WriterDead if self.refresh()? => return Ok(Followed::Restarted),
                Waited::WriterDead if left.is_zero() => return Ok(Followed::WriterDead),
                Waited::WriterDead => thread::sleep(left.min(REPLACEMENT_INTERVAL)),
            }
        }
    }

    /// Takes up the board of a restarted writer, if there is one, and says whether there was. [`Follower::wait`] does so
    /// by itself.
    ///
    /// # Errors
    /// As [`Follower::open`], on the other board.
    pub fn refresh(&mut self) -> Result<bool, BoardError> {
        let Some(reader) = self.reader.replacement()? else { return Ok(false) };
        *self = Self::of(Arc::new(reader), self.symbol)?;
        Ok(true)
    }

    /// A copy that failed counts too: what a dead writer left half-written is no news for ever.
    fn saw<T>(&mut self, copy: Result<Versioned<T>, BoardError>) -> Result<Versioned<T>, BoardError> {
        let version = copy.as_ref().map(|copy| copy.version);
        self.seen = version.or_else(|_| self.reader.version(self.slot)).ok();
        copy
    }
}
