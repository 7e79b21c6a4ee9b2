//! Opening a board and reading it, from any thread of any process.

use std::fs::{self, File, Metadata};
use std::hint;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::error::BoardError;
use super::layout::{HEADER_SIZE, Header, LAYOUT_VERSION, MAGIC, SLOT_SIZE, Slot};
use super::mapping::Mapping;
use super::process;
use super::row::{BoardLadder, BoardRow, BoardTouch};
use super::seqlock::{Version, Versioned};
use super::slot::DamagedField;

/// A writer whose last heartbeat is older than this is taken for dead.
pub const WRITER_SILENCE_LIMIT: Duration = Duration::from_secs(3);

/// Attempts made at full speed; a write takes much less time than these.
const SPINS: u32 = 128;

/// How long a living writer may leave a slot half-written, as when the system takes its core away, before a reader
/// gives up.
const PATIENCE: Duration = Duration::from_secs(1);

/// An open board. All of its methods may be called from many threads at once.
#[derive(Debug)]
pub struct Reader {
    mapping: Mapping,
    path: PathBuf,
    file: FileIdentity,
    symbols: Vec<Symbol>,
    number: u32,
}

/// A slot of the [`Reader`] that gave it, and of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotIndex {
    slot: usize,
    reader: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl Reader {
    /// # Errors
    /// [`BoardError::Missing`] where there is no file yet, and others where it is no board that this version reads.
    pub fn open(path: &Path) -> Result<Self, BoardError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => BoardError::Missing { path: path.to_owned() },
            _ => BoardError::Io { action: "open", path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.len() < HEADER_SIZE as u64 {
            expect(path, "length in bytes", metadata.len(), HEADER_SIZE as u64)?;
        }
        let mapping = Mapping::read_only(&file).map_err(failed)?;
        check_header(path, mapping.header(), metadata.len())?;
        let symbols = read_symbols(path, &mapping)?;
        let identity = FileIdentity::of(&metadata);
        Ok(Self { mapping, path: path.to_owned(), file: identity, symbols, number: next_reader_number() })
    }

    /// The board that a restarted writer put in the place of this one, or `None` where there is no other.
    ///
    /// Slots of this reader are not valid for the other, whose symbols may differ.
    ///
    /// # Errors
    /// As [`Reader::open`], for the other board.
    pub fn replacement(&self) -> Result<Option<Self>, BoardError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if FileIdentity::of(&metadata) == self.file => Ok(None),
            Ok(_) => Self::open(&self.path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BoardError::Io { action: "look at", path: self.path.clone(), source }),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All symbols, in the order of [`Reader::slots`].
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// All slots, in the order of [`Reader::symbols`].
    #[must_use]
    pub fn slots(&self) -> impl ExactSizeIterator<Item = SlotIndex> + use<> {
        let reader = self.number;
        (0..self.symbols.len()).map(move |slot| SlotIndex { slot, reader })
    }

    /// All symbols with their slots.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Symbol, SlotIndex)> {
        self.symbols.iter().copied().zip(self.slots())
    }

    #[must_use]
    pub fn find(&self, symbol: Symbol) -> Option<SlotIndex> {
        let slot = self.symbols.iter().position(|known| *known == symbol)?;
        Some(SlotIndex { slot, reader: self.number })
    }

    /// The version of the last write to a slot, for those who want to know whether there is news. One word is loaded.
    ///
    /// # Errors
    /// [`BoardError::ForeignSlot`] for a slot of another reader.
    #[inline]
    pub fn version(&self, slot: SlotIndex) -> Result<Version, BoardError> {
        Ok(self.slot(slot)?.0.sequence.version())
    }

    /// A copy of everything in a slot, as one write left it.
    ///
    /// # Errors
    /// [`BoardError::ForeignSlot`] for a slot of another reader, [`BoardError::HalfWritten`] where the writer stopped
    /// in the middle of a write, [`BoardError::DamagedSlot`] where something else wrote to the file.
    pub fn read(&self, slot: SlotIndex) -> Result<Versioned<BoardRow>, BoardError> {
        let mut value = BoardRow::waiting(Scale::MAX, Scale::MAX);
        Ok(Versioned { version: self.read_into(slot, &mut value)?, value })
    }

    /// As [`Reader::read`], into a row of the caller's: what that held is lost, even on an error.
    ///
    /// # Errors
    /// As [`Reader::read`].
    #[inline]
    pub fn read_into(&self, slot: SlotIndex, row: &mut BoardRow) -> Result<Version, BoardError> {
        Ok(self.settled(slot, |slot| slot.try_read(row))?.version)
    }

    /// Only the levels of both sides, with what tells their state and units.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn ladder(&self, slot: SlotIndex) -> Result<Versioned<BoardLadder>, BoardError> {
        let mut value = BoardLadder::waiting(Scale::MAX, Scale::MAX);
        Ok(Versioned { version: self.ladder_into(slot, &mut value)?, value })
    }

    /// As [`Reader::ladder`], into a ladder of the caller's: what that held is lost, even on an error.
    ///
    /// # Errors
    /// As [`Reader::read`].
    #[inline]
    pub fn ladder_into(&self, slot: SlotIndex, ladder: &mut BoardLadder) -> Result<Version, BoardError> {
        Ok(self.settled(slot, |slot| slot.try_ladder(ladder))?.version)
    }

    /// Only the best bid and ask with their state: one cache line, a few nanoseconds.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn touch(&self, slot: SlotIndex) -> Result<Versioned<BoardTouch>, BoardError> {
        self.settled(slot, Slot::try_touch)
    }

    /// Whether somebody still writes this board: not closed, heard of within [`WRITER_SILENCE_LIMIT`] of `now`, and
    /// its process there.
    #[must_use]
    pub fn is_writer_alive(&self, now: Timestamp) -> bool {
        let silence = u128::try_from(now - self.heartbeat()).unwrap_or(0);
        self.mapping.header().closed.load(Acquire) == 0
            && silence <= WRITER_SILENCE_LIMIT.as_nanos()
            && process::exists(self.writer_pid())
    }

    #[must_use]
    pub fn writer_pid(&self) -> u32 {
        self.mapping.header().writer_pid.load(Relaxed)
    }

    /// When the writer started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        Timestamp(self.mapping.header().started.load(Relaxed))
    }

    /// When the writer last said that it is alive.
    #[must_use]
    pub fn heartbeat(&self) -> Timestamp {
        Timestamp(self.mapping.header().heartbeat.load(Relaxed))
    }

    #[inline]
    pub(super) fn slot(&self, index: SlotIndex) -> Result<(&Slot, Symbol), BoardError> {
        let place = self.mapping.slots().get(index.slot).zip(self.symbols.get(index.slot));
        match place {
            Some((slot, &symbol)) if index.reader == self.number => Ok((slot, symbol)),
            _ => Err(BoardError::ForeignSlot),
        }
    }

    #[inline]
    fn settled<T>(
        &self,
        index: SlotIndex,
        mut attempt: impl FnMut(&Slot) -> Option<Versioned<Result<T, DamagedField>>>,
    ) -> Result<Versioned<T>, BoardError> {
        let (slot, symbol) = self.slot(index)?;
        let mut attempted = || attempt(slot);
        let copy = match attempted() {
            Some(copy) => copy,
            None => self.retry(attempted).ok_or(BoardError::HalfWritten { symbol })?,
        };
        match copy.value {
            Ok(value) => Ok(Versioned { version: copy.version, value }),
            Err(DamagedField { field, found }) => Err(BoardError::DamagedSlot { symbol, field, found }),
        }
    }

    #[cold]
    fn retry<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
        for _ in 0..SPINS {
            if let Some(copy) = attempt() {
                return Some(copy);
            }
            hint::spin_loop();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Asked before the attempt, so that a write finished just before the end is not taken for half a write.
            let last = Instant::now() >= deadline || !process::exists(self.writer_pid());
            let copy = attempt();
            if copy.is_some() || last {
                return copy;
            }
            thread::yield_now();
        }
    }
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

fn check_header(path: &Path, header: &Header, length: u64) -> Result<(), BoardError> {
    let found = header.magic.load(Acquire);
    if found != MAGIC {
        return Err(BoardError::NotABoard { path: path.to_owned(), found, expected: MAGIC });
    }
    let found = header.layout_version.load(Relaxed);
    if found != LAYOUT_VERSION {
        return Err(BoardError::Version { path: path.to_owned(), found, expected: LAYOUT_VERSION });
    }
    expect(path, "header size", header.header_size.load(Relaxed).into(), HEADER_SIZE as u64)?;
    expect(path, "slot size", header.slot_size.load(Relaxed).into(), SLOT_SIZE as u64)?;
    let slots = u64::from(header.slot_count.load(Relaxed));
    expect(path, "length in bytes", length, HEADER_SIZE as u64 + slots * SLOT_SIZE as u64)
}

fn expect(path: &Path, field: &'static str, found: u64, expected: u64) -> Result<(), BoardError> {
    if found == expected {
        return Ok(());
    }
    Err(BoardError::Damaged { path: path.to_owned(), field, found, expected })
}

fn read_symbols(path: &Path, mapping: &Mapping) -> Result<Vec<Symbol>, BoardError> {
    let symbol = |(slot, found): (usize, String)| match Symbol::new(&found) {
        Ok(symbol) if symbol.as_str() == found => Ok(symbol),
        _ => Err(BoardError::DamagedSymbol { path: path.to_owned(), slot, found }),
    };
    mapping.slots().iter().map(Slot::symbol_text).enumerate().map(symbol).collect()
}

/// Tells the readers of this process apart, and so their slots.
fn next_reader_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Relaxed)
}
