//! Opening a depth file, from any thread of any process.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::book::DepthBook;
use super::error::DepthError;
use super::layout::{Geometry, Header, LAYOUT_VERSION, MAGIC};
use super::mapping::Mapping;
use super::region::Region;
use crate::board::{WRITER_SILENCE_LIMIT, process};

/// An open depth file. All of its methods may be called from many threads at once.
#[derive(Debug)]
pub struct DepthReader {
    mapping: Arc<Mapping>,
    path: PathBuf,
    file: FileIdentity,
    regions: Vec<Region>,
    symbols: Vec<Symbol>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl DepthReader {
    /// # Errors
    /// [`DepthError::Missing`] where there is no file yet, and others where it is no depth file that this version reads.
    pub fn open(path: &Path) -> Result<Self, DepthError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DepthError::Missing { path: path.to_owned() },
            _ => DepthError::Io { action: "open", path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        expect_at_least(path, metadata.len(), size_of::<Header>() as u64)?;
        let mapping = Arc::new(Mapping::read_only(&file).map_err(failed)?);
        let header =
            mapping.header().ok_or_else(|| too_short(path, metadata.len(), size_of::<Header>() as u64))?;
        let (geometry, count) = check_header(path, header)?;
        let length = geometry.control(count) as u64;
        expect(path, "length in bytes", metadata.len(), length)?;
        let region = |index| Region::new(&mapping, geometry, index);
        let regions: Option<Vec<Region>> = (0..count).map(region).collect();
        let regions = regions.ok_or_else(|| too_short(path, metadata.len(), length))?;
        let symbols = read_symbols(path, &regions)?;
        Ok(Self { path: path.to_owned(), file: FileIdentity::of(&metadata), mapping, regions, symbols })
    }

    /// A copy of the whole book of `symbol` as it is now.
    ///
    /// # Errors
    /// [`DepthError::UnknownSymbol`], and those of [`DepthBook::refresh`].
    pub fn copy(&self, symbol: Symbol) -> Result<DepthBook, DepthError> {
        let known = self.symbols.iter().zip(&self.regions).find(|(known, _)| **known == symbol);
        let unknown = || DepthError::UnknownSymbol { symbol, path: self.path.clone() };
        let (_, region) = known.ok_or_else(unknown)?;
        let mut book = DepthBook::new(region.clone(), symbol);
        book.refresh()?;
        Ok(book)
    }

    /// The file that a restarted writer put in the place of this one, or `None` where there is no other. Books copied from
    /// this one stay with it.
    ///
    /// # Errors
    /// As [`DepthReader::open`], for the other file.
    pub fn replacement(&self) -> Result<Option<Self>, DepthError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if FileIdentity::of(&metadata) == self.file => Ok(None),
            Ok(_) => Self::open(&self.path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DepthError::Io { action: "look at", path: self.path.clone(), source }),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Whether somebody still writes this file: not closed, heard of within [`WRITER_SILENCE_LIMIT`] of `now`, and its
    /// process there.
    #[must_use]
    pub fn is_writer_alive(&self, now: Timestamp) -> bool {
        let Some(header) = self.mapping.header() else { return false };
        let silence = u128::try_from(now - self.heartbeat()).unwrap_or(0);
        header.closed.load(Acquire) == 0
            && silence <= WRITER_SILENCE_LIMIT.as_nanos()
            && process::exists(self.writer_pid())
    }

    #[must_use]
    pub fn writer_pid(&self) -> u32 {
        self.mapping.header().map_or(0, |header| header.writer_pid.load(Relaxed))
    }

    /// When the writer started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        Timestamp(self.mapping.header().map_or(0, |header| header.started.load(Relaxed)))
    }

    /// When the writer last said that it is alive.
    #[must_use]
    pub fn heartbeat(&self) -> Timestamp {
        Timestamp(self.mapping.header().map_or(0, |header| header.heartbeat.load(Relaxed)))
    }
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The sizes in a header, and how many regions there are.
fn check_header(path: &Path, header: &Header) -> Result<(Geometry, usize), DepthError> {
    let found = header.magic.load(Acquire);
    if found != MAGIC {
        return Err(DepthError::NotDepth { path: path.to_owned(), found, expected: MAGIC });
    }
    let found = header.layout_version.load(Relaxed);
    if found != LAYOUT_VERSION {
        return Err(DepthError::Version { path: path.to_owned(), found, expected: LAYOUT_VERSION });
    }
    expect(path, "header size", header.header_size.load(Relaxed).into(), size_of::<Header>() as u64)?;
    let found = header.ring_entries.load(Relaxed);
    let geometry = Geometry::new(found as usize);
    let geometry = geometry.ok_or_else(|| damaged(path, "journal size", found.into(), RING_HINT))?;
    expect(path, "region size", header.region_size.load(Relaxed), geometry.region_size() as u64)?;
    Ok((geometry, header.region_count.load(Relaxed) as usize))
}

/// The journal size that this program writes, for a message about one that no program writes.
const RING_HINT: u64 = super::layout::RING_ENTRIES as u64;

fn expect(path: &Path, field: &'static str, found: u64, expected: u64) -> Result<(), DepthError> {
    if found == expected { Ok(()) } else { Err(damaged(path, field, found, expected)) }
}

fn expect_at_least(path: &Path, length: u64, least: u64) -> Result<(), DepthError> {
    if length >= least { Ok(()) } else { Err(too_short(path, length, least)) }
}

fn too_short(path: &Path, found: u64, expected: u64) -> DepthError {
    damaged(path, "length in bytes", found, expected)
}

fn damaged(path: &Path, field: &'static str, found: u64, expected: u64) -> DepthError {
    DepthError::Damaged { path: path.to_owned(), field, found, expected }
}

fn read_symbols(path: &Path, regions: &[Region]) -> Result<Vec<Symbol>, DepthError> {
    let symbol = |(region, found): (usize, String)| match Symbol::new(&found) {
        Ok(symbol) if symbol.as_str() == found => Ok(symbol),
        _ => Err(DepthError::DamagedSymbol { path: path.to_owned(), region, found }),
    };
    regions.iter().map(Region::symbol_text).enumerate().map(symbol).collect()
}
