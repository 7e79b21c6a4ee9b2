//! Creating a board and writing to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::error::BoardError;
use super::layout::{HEADER_SIZE, LAYOUT_VERSION, MAGIC, SLOT_SIZE};
use super::mapping::Mapping;
use super::notifier::Notifier;
use super::row::{BoardRow, BookPart, FeedPart, LastTrade};

/// How often the writer must call [`BoardWriter::heartbeat`].
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);

/// A board of 64 MiB; far more symbols than any venue lists.
const MOST_SLOTS: u32 = 65_535;

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSpec {
    pub symbol: Symbol,
    pub price_scale: Scale,
    pub quantity_scale: Scale,
}

/// The board as a whole: says that its writer is alive, and wakes readers who sleep until a slot changes, from a thread of
/// its own. Dropping it marks the board closed.
#[derive(Debug)]
pub struct BoardWriter {
    mapping: Arc<Mapping>,
    _notifier: Notifier,
    path: PathBuf,
}

/// The only writer of one slot: it may move to another thread, but cannot be cloned.
#[derive(Debug)]
pub struct SlotWriter {
    mapping: Arc<Mapping>,
    slot: usize,
    symbol: Symbol,
}

impl BoardWriter {
    /// Creates the board at `path`, replacing the one there, if any, in one step. Every slot begins as
    /// [`BoardRow::waiting`].
    ///
    /// Returns the board and the writers of its slots, in the order of `specs`.
    ///
    /// # Errors
    /// [`BoardError`] where a symbol is given twice, there are too many, or the file cannot be made.
    pub fn create(
        path: &Path,
        specs: &[SlotSpec],
        now: Timestamp,
    ) -> Result<(Self, Vec<SlotWriter>), BoardError> {
        let count = check(specs)?;
        let draft = draft_path(path);
        let mapping = match make_draft(&draft, specs, count, now) {
            Ok(mapping) => Arc::new(mapping),
            Err(source) => return Err(discard(&draft, path, source)),
        };
        let notifier =
            Notifier::spawn(Arc::clone(&mapping)).map_err(|source| discard(&draft, path, source))?;
        fs::rename(&draft, path).map_err(|source| discard(&draft, path, source))?;
        let slot_writer = |(slot, spec): (usize, &SlotSpec)| SlotWriter {
            mapping: Arc::clone(&mapping),
            slot,
            symbol: spec.symbol,
        };
        let writers = specs.iter().enumerate().map(slot_writer).collect();
        Ok((Self { mapping, _notifier: notifier, path: path.to_owned() }, writers))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the writer is alive at `now`; due every [`HEARTBEAT_INTERVAL`].
    pub fn heartbeat(&self, now: Timestamp) {
        self.mapping.header().heartbeat.store(now.0, Relaxed);
    }
}

impl Drop for BoardWriter {
    fn drop(&mut self) {
        self.mapping.header().closed.store(1, Release);
    }
}

impl SlotWriter {
    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// Publishes `row`: some hundred plain stores, nothing else.
    pub fn write(&mut self, row: &BoardRow) {
        if let Some(slot) = self.mapping.slots().get(self.slot) {
            slot.write(row);
        }
    }

    /// Publishes a change of the book, and leaves the rest of the row as it was: about a hundred stores.
    pub fn write_book(&mut self, book: &BookPart<'_>) {
        if let Some(slot) = self.mapping.slots().get(self.slot) {
            slot.write_book(book);
        }
    }

    /// Publishes how the feed stands, and leaves the rest of the row as it was: a dozen stores.
    pub fn write_feed(&mut self, feed: &FeedPart) {
        if let Some(slot) = self.mapping.slots().get(self.slot) {
            slot.write_feed(feed);
        }
    }

    /// Publishes a trade, and leaves the rest of the row as it was: six stores.
    pub fn write_trade(&mut self, trade: &LastTrade) {
        if let Some(slot) = self.mapping.slots().get(self.slot) {
            slot.write_trade(trade);
        }
    }
}

fn check(specs: &[SlotSpec]) -> Result<u32, BoardError> {
    let mut symbols: Vec<Symbol> = specs.iter().map(|spec| spec.symbol).collect();
    symbols.sort_unstable();
    if let Some(symbol) =
        symbols.windows(2).find_map(|pair| (pair.first() == pair.last()).then(|| pair.first())?)
    {
        return Err(BoardError::DuplicateSymbol { symbol: *symbol });
    }
    u32::try_from(specs.len())
        .ok()
        .filter(|count| *count <= MOST_SLOTS)
        .ok_or(BoardError::TooManySlots { count: specs.len(), limit: MOST_SLOTS })
}

/// In the same folder, so that renaming it into place is one step.
fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", process::id()));
    path.with_file_name(name)
}

fn make_draft(draft: &Path, specs: &[SlotSpec], count: u32, now: Timestamp) -> io::Result<Mapping> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(draft)?;
    reserve(&mut file, specs.len())?;
    let mapping = Mapping::writable(&file)?;
    let header = mapping.header();
    header.magic.store(MAGIC, Relaxed);
    header.layout_version.store(LAYOUT_VERSION, Relaxed);
    header.header_size.store(size_word(HEADER_SIZE), Relaxed);
    header.slot_size.store(size_word(SLOT_SIZE), Relaxed);
    header.slot_count.store(count, Relaxed);
    header.writer_pid.store(process::id(), Relaxed);
    header.started.store(now.0, Relaxed);
    header.heartbeat.store(now.0, Relaxed);
    for (slot, spec) in mapping.slots().iter().zip(specs) {
        slot.set_symbol(spec.symbol);
        slot.write(&BoardRow::waiting(spec.price_scale, spec.quantity_scale));
    }
    Ok(mapping)
}

/// Writes the zeros out instead of extending the file: a full disk must be an error here, where it can be reported,
/// and not a signal at the first store to a page that has no block.
fn reserve(file: &mut File, slots: usize) -> io::Result<()> {
    file.write_all(&[0; HEADER_SIZE])?;
    for _ in 0..slots {
        file.write_all(&[0; SLOT_SIZE])?;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "both sizes are asserted by the layout tests")]
const fn size_word(size: usize) -> u32 {
    size as u32
}

fn discard(draft: &Path, path: &Path, source: io::Error) -> BoardError {
    if let Err(error) = fs::remove_file(draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(draft = %draft.display(), %error, "cannot remove the draft of a board");
    }
    BoardError::Io { action: "create", path: path.to_owned(), source }
}
