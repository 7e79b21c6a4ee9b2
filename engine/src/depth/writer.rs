//! Creating a depth file, and the shard's side of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use depthlake_orderbook::book::Book;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::DepthUpdate;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::error::DepthError;
use super::keeper::DepthKeeper;
use super::layout::{Geometry, Header, LAYOUT_VERSION, MAGIC, RING_ENTRIES};
use super::mapping::Mapping;
use super::record::{self, CHANGE_HEAD, Ground, Moment};
use super::region::{Region, store};
use super::whole::WholeBook;
use crate::board::BoardState;

/// Four gigabytes; far more symbols than any venue lists.
const MOST_REGIONS: usize = 4_096;

/// The only writer of one symbol's journal: it may move to another thread, but cannot be cloned.
#[derive(Debug)]
pub struct JournalWriter {
    region: Region,
    symbol: Symbol,
    /// The keeper was overtaken and wants the whole book.
    is_wanted: Arc<AtomicBool>,
    /// What the journal holds is the book, so a change may follow.
    is_whole: bool,
    moment: Moment,
    ground: Ground,
}

/// Creates a depth file at `path`, replacing the one there, if any, in one step. Every book begins empty and waiting.
///
/// Returns the keeper of the file, which must be kept [running](DepthKeeper::spawn), and the writers of the journals, in
/// the order of `symbols`.
///
/// # Errors
/// [`DepthError`] where a symbol is given twice, there are too many, or the file cannot be made.
pub fn create(
    path: &Path,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<(DepthKeeper, Vec<JournalWriter>), DepthError> {
    create_with(path, symbols, Geometry { ring_entries: RING_ENTRIES }, now)
}

pub(super) fn create_with(
    path: &Path,
    symbols: &[Symbol],
    geometry: Geometry,
    now: Timestamp,
) -> Result<(DepthKeeper, Vec<JournalWriter>), DepthError> {
    check(symbols)?;
    let draft = draft_path(path);
    let made = make_draft(&draft, symbols, geometry, now)
        .and_then(|made| fs::rename(&draft, path).map(|()| made))
        .map_err(|source| discard(&draft, path, source));
    let (mapping, writers) = made?;
    let kept =
        writers.iter().map(|writer| (writer.region.clone(), writer.symbol, Arc::clone(&writer.is_wanted)));
    Ok((DepthKeeper::new(mapping, kept), writers))
}

impl JournalWriter {
    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// Tells of a book that was just built from a snapshot: some nanoseconds a level.
    pub fn load(
        &mut self,
        instrument: &Instrument,
        book: &Book,
        event_time: Timestamp,
        receive_time: Timestamp,
    ) {
        self.is_whole = false;
        let update_id = book.update_id();
        self.moment = Moment { update_id, event_time, receive_time, ..self.moment };
        self.append_whole(instrument, book);
    }

    /// Tells of an update that was just applied to `book`: about a nanosecond a level, no allocation, no system call.
    ///
    /// The whole book is told instead where the journal does not hold it, as after a resync or a change of scales, where
    /// the update alone would fill half the journal, and where the keeper asked for it.
    pub fn apply(&mut self, instrument: &Instrument, book: &Book, update: &DepthUpdate) {
        let receive_time = update.provenance.received;
        let (update_id, event_time) = (update.last, update.event_time);
        self.moment = Moment { update_id, event_time, receive_time, ..self.moment };
        let (bids, asks) = (update.bids.len(), update.asks.len());
        let length = CHANGE_HEAD + bids + asks;
        let follows = self.is_whole
            && self.counts_as(instrument)
            && length <= self.region.geometry().base_entries()
            && !self.is_wanted.load(Relaxed);
        if !follows {
            return self.append_whole(instrument, book);
        }
        self.region.append(length, |places| {
            store(places, record::change_head(&self.moment, bids, asks).into_iter());
            store(places, update.bids.iter().copied().map(record::level_words));
            store(places, update.asks.iter().copied().map(record::level_words));
        });
    }

    /// Tells whether the book may be relied on, where that has changed. After a state in which there is no book, the next
    /// one is told as a whole.
    pub fn state(&mut self, state: BoardState) {
        self.is_whole &= !matches!(state, BoardState::Waiting | BoardState::Resyncing);
        if state == self.moment.state {
            return;
        }
        self.moment.state = state;
        self.region.append(CHANGE_HEAD, |places| {
            store(places, record::change_head(&self.moment, 0, 0).into_iter());
        });
    }

    fn append_whole(&mut self, instrument: &Instrument, book: &Book) {
        if !self.is_whole || !self.counts_as(instrument) {
            self.ground.epoch += 1;
        }
        (self.ground.price_scale, self.ground.quantity_scale) =
            (instrument.price_scale, instrument.quantity_scale);
        let whole = WholeBook::cut(book, self.moment, self.ground, self.region.geometry());
        self.region.append_whole(whole.entries(), |places| whole.store(places));
        self.is_whole = true;
        self.is_wanted.store(false, Relaxed);
    }

    fn counts_as(&self, instrument: &Instrument) -> bool {
        let scales: (Scale, Scale) = (self.ground.price_scale, self.ground.quantity_scale);
        scales == (instrument.price_scale, instrument.quantity_scale)
    }

    /// A writer of a journal that has nothing in it; says there that the book is waited for.
    fn begin(region: Region, symbol: Symbol) -> Self {
        let (moment, ground) = (Moment::default(), Ground::default());
        let head = record::whole_head(&moment, &ground, 0, 0);
        region.append_whole(head.len(), |places| store(places, head.into_iter()));
        let is_wanted = Arc::new(AtomicBool::new(false));
        Self { region, symbol, is_wanted, is_whole: false, moment, ground }
    }
}

fn check(symbols: &[Symbol]) -> Result<(), DepthError> {
    if symbols.len() > MOST_REGIONS {
        return Err(DepthError::TooManyRegions { count: symbols.len(), limit: MOST_REGIONS });
    }
    let mut sorted = symbols.to_vec();
    sorted.sort_unstable();
    let twice = sorted.iter().zip(sorted.iter().skip(1)).find(|(one, next)| one == next);
    twice.map_or(Ok(()), |(&symbol, _)| Err(DepthError::DuplicateSymbol { symbol }))
}

/// In the same folder, so that renaming it into place is one step.
fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", process::id()));
    path.with_file_name(name)
}

fn make_draft(
    draft: &Path,
    symbols: &[Symbol],
    geometry: Geometry,
    now: Timestamp,
) -> io::Result<(Arc<Mapping>, Vec<JournalWriter>)> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(draft)?;
    reserve(&mut file, geometry.control(symbols.len()))?;
    let mapping = Arc::new(Mapping::writable(&file)?);
    let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
    let header = mapping.header().ok_or_else(too_large)?;
    write_header(header, symbols.len(), geometry, now).ok_or_else(too_large)?;
    let mut writers = Vec::with_capacity(symbols.len());
    for (index, &symbol) in symbols.iter().enumerate() {
        let region = Region::new(&mapping, geometry, index).ok_or_else(too_large)?;
        region.set_symbol(symbol);
        writers.push(JournalWriter::begin(region, symbol));
    }
    Ok((mapping, writers))
}

/// Writes the zeros out instead of extending the file: a full disk must be an error here, where it can be reported,
/// and not a signal at the first store to a page that has no block.
fn reserve(file: &mut File, length: usize) -> io::Result<()> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut missing = length;
    while let Some(zeros) = ZEROS.get(..missing.min(ZEROS.len())).filter(|zeros| !zeros.is_empty()) {
        file.write_all(zeros)?;
        missing -= zeros.len();
    }
    Ok(())
}

/// `None` where a number does not fit its field.
fn write_header(header: &Header, regions: usize, geometry: Geometry, now: Timestamp) -> Option<()> {
    header.magic.store(MAGIC, Relaxed);
    header.layout_version.store(LAYOUT_VERSION, Relaxed);
    header.header_size.store(u32::try_from(size_of::<Header>()).ok()?, Relaxed);
    header.region_size.store(u64::try_from(geometry.region_size()).ok()?, Relaxed);
    header.region_count.store(u32::try_from(regions).ok()?, Relaxed);
    header.ring_entries.store(u32::try_from(geometry.ring_entries).ok()?, Relaxed);
    header.writer_pid.store(process::id(), Relaxed);
    header.started.store(now.0, Relaxed);
    header.heartbeat.store(now.0, Relaxed);
    Some(())
}

fn discard(draft: &Path, path: &Path, source: io::Error) -> DepthError {
    if let Err(error) = fs::remove_file(draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(draft = %draft.display(), %error, "cannot remove the draft of a depth file");
    }
    DepthError::Io { action: "create", path: path.to_owned(), source }
}
