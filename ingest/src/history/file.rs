//! Files of historical data: found, looked through, and read as chunks.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use depthlake_orderbook::history::{Chunk, ChunkKind, Source};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use super::derive::derive;
use super::error::HistoryError;
use super::excerpt::excerpt;
use super::last_line::{LastLine, Lines};
use super::lines::{CHUNK_BYTES, LineChunk, LineChunks, LineError};
use super::name::{ArchiveName, stem, stock};
use super::recognition::{columns, kind};

/// What files are meant to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One-minute bars of the venue.
    Klines,
    /// Trades or aggregated trades; the file tells which.
    Trades,
    /// Daily bars of stocks.
    DailyBars,
}

/// A file that was looked through and can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFile {
    path: PathBuf,
    members: Vec<Member>,
}

/// A table of lines: the file itself, or one within an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub source: Source,
    pub symbol: Symbol,
    pub kind: ChunkKind,
    /// Bytes, unpacked.
    pub bytes: u64,
    columns: String,
    /// Its place in the archive.
    index: Option<usize>,
}

/// A table as it was found.
struct Table {
    index: Option<usize>,
    member: String,
    bytes: u64,
    first_line: Vec<u8>,
    /// The last line, where it lacks its end and can be told.
    unended: Option<LastLine>,
}

const READ_BUFFER: usize = 256 * 1024;
/// More than a header or a line of values has.
const LONGEST_FIRST_LINE: u64 = 64 * 1024;

/// The `.csv` and `.zip` files among `paths` and in the folders among them, at any depth, each once and in the order of
/// their dates where their names end in one, so that what many symbols have of a day comes together.
///
/// # Errors
/// [`HistoryError::Read`] for a path that is not there or a folder that cannot be listed.
pub fn files_below(paths: &[PathBuf]) -> Result<Vec<PathBuf>, HistoryError> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if metadata.is_dir() {
            collect(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    files.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let date = stem(&name).splitn(3, '-').nth(2).unwrap_or_default().to_owned();
        (date, path.clone())
    });
    files.dedup();
    Ok(files)
}

impl HistoryFile {
    /// Looks a file through: its checksum where a `.CHECKSUM` file lies beside it, else the checksums inside an archive; its
    /// symbol, from its name or as `symbol` says; its columns.
    ///
    /// # Errors
    /// [`HistoryError`] where it cannot be used.
    pub fn open(path: &Path, content: Content, symbol: Option<Symbol>) -> Result<Self, HistoryError> {
        let (sha256, is_vouched_for) = checksum(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = Source { name, member: String::new(), sha256 };
        let is_archive = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        let tables =
            if is_archive { tables_in_archive(path, is_vouched_for)? } else { vec![plain_table(path)?] };
        if tables.is_empty() {
            return Err(HistoryError::NoMembers { path: path.to_owned() });
        }
        let members = tables.into_iter().map(|table| Member::new(table, &source, content, symbol));
        Ok(Self { path: path.to_owned(), members: members.collect::<Result<_, _>>()? })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tables in it.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads a member as chunks of whole lines, from line `from_line` on, the first being 1. `read_at` tells the time each
    /// chunk was read; `take` takes it, and ends the reading by an error of its own.
    ///
    /// # Errors
    /// [`HistoryError`] where the file has changed or cannot be read any more, and what `take` gives.
    pub fn read<E: From<HistoryError>>(
        &self,
        member: &Member,
        from_line: u64,
        read_at: impl Fn() -> Timestamp,
        mut take: impl FnMut(Chunk) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut chunk = |lines: LineChunk| {
            take(Chunk {
                kind: member.kind,
                symbol: member.symbol,
                source: member.source.clone(),
                first_line: lines.first_line,
                lines: lines.lines,
                columns: member.columns.clone(),
                received: read_at(),
                payload: lines.bytes,
            })
        };
        let Some(index) = member.index else {
            let file = File::open(&self.path).map_err(|source| unreadable(&self.path, source))?;
            return self.chunks(file, member, from_line, &mut chunk);
        };
        let mut archive = open_archive(&self.path)?;
        let entry = archive.by_index(index).map_err(|error| broken(&self.path, &error))?;
        self.chunks(BufReader::with_capacity(READ_BUFFER, entry), member, from_line, &mut chunk)
    }

    fn chunks<E: From<HistoryError>>(
        &self,
        reader: impl Read,
        member: &Member,
        from_line: u64,
        take: &mut impl FnMut(LineChunk) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut chunks = LineChunks::new(reader, from_line, CHUNK_BYTES);
        let failed = |error| match error {
            LineError::Io(source) => unreadable(&self.path, source),
            LineError::TooLong { line } => {
                HistoryError::NotText { file: shown(&member.source), line, limit: CHUNK_BYTES }
            }
        };
        while let Some(chunk) = chunks.next().map_err(failed)? {
            take(chunk)?;
        }
        Ok(())
    }
}

impl Member {
    fn new(
        table: Table,
        file: &Source,
        content: Content,
        symbol: Option<Symbol>,
    ) -> Result<Self, HistoryError> {
        let Table { index, member, bytes, first_line, unended } = table;
        let source = Source { member, ..file.clone() };
        let file = shown(&source);
        let name = ArchiveName::parse(&source.member).or_else(|| ArchiveName::parse(&source.name));
        let kind = kind(content, name, &first_line, &file)?;
        let (named, expected) = match content {
            Content::DailyBars if index.is_some() => (stock(&source.member), "SYMBOL.csv"),
            Content::DailyBars => (stock(&source.name), "SYMBOL.csv"),
            Content::Klines => (name.map(|name| name.symbol), "SYMBOL-1m-DATE.zip"),
            Content::Trades => (name.map(|name| name.symbol), "SYMBOL-aggTrades-DATE.zip"),
        };
        let symbol =
            symbol.or(named).ok_or_else(|| HistoryError::NoSymbol { file: file.clone(), expected })?;
        let columns = columns(kind, &first_line, &file)?;
        let member = Self { source, symbol, kind, bytes, columns, index };
        match unended.and_then(|last| Some((member.why_cut_off(&last)?, last))) {
            None => Ok(member),
            Some((reason, LastLine { number: line, bytes })) => {
                Err(HistoryError::CutOff { file, line, reason, found: excerpt(&bytes) })
            }
        }
    }

    /// Why a last line without its end cannot be used; `None` where it can.
    fn why_cut_off(&self, LastLine { number, bytes }: &LastLine) -> Option<String> {
        let chunk = Chunk {
            kind: self.kind,
            symbol: self.symbol,
            source: Source { name: String::new(), member: String::new(), sha256: String::new() },
            first_line: *number,
            lines: 1,
            columns: self.columns.clone(),
            received: Timestamp(0),
            payload: bytes.clone(),
        };
        let refused = derive(&chunk).refused.into_iter().next()?;
        let place = format!(" line {number}: ");
        Some(refused.detail.strip_prefix(&place).unwrap_or(&refused.detail).to_owned())
    }
}

fn plain_table(path: &Path) -> Result<Table, HistoryError> {
    let look = || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(READ_BUFFER, file);
        let first_line = first_line(&mut reader)?;
        reader.rewind()?;
        let mut lines = Lines::default();
        io::copy(&mut reader, &mut lines)?;
        let unended = lines.unended();
        Ok(Table { index: None, member: String::new(), bytes, first_line, unended })
    };
    look().map_err(|source| unreadable(path, source))
}

/// The `.csv` files of an archive, each read to its end where nothing else vouches for it.
fn tables_in_archive(path: &Path, is_vouched_for: bool) -> Result<Vec<Table>, HistoryError> {
    let mut archive = open_archive(path)?;
    let mut tables = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(path, &error))?;
        let member = entry.name().map_err(|error| broken(path, &error))?.into_owned();
        if !member.to_ascii_lowercase().ends_with(".csv") {
            continue;
        }
        let bytes = entry.size();
        let mut reader = BufReader::with_capacity(READ_BUFFER, entry);
        let damaged =
            |source| HistoryError::DamagedMember { path: path.to_owned(), member: member.clone(), source };
        let first_line = first_line(&mut reader).map_err(damaged)?;
        let mut unended = None;
        if !is_vouched_for {
            let mut lines = Lines::default();
            lines.take(&first_line);
            io::copy(&mut reader, &mut lines).map_err(damaged)?;
            unended = lines.unended();
        }
        tables.push(Table { index: Some(index), member, bytes, first_line, unended });
    }
    Ok(tables)
}

fn first_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(LONGEST_FIRST_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The SHA-256 of what a reader gives, in hexadecimal.
///
/// # Errors
/// Those of the reader.
pub fn sha256(reader: &mut impl Read) -> io::Result<String> {
    let mut hasher = Hasher(Sha256::new());
    io::copy(reader, &mut hasher)?;
    let digest = hasher.0.finalize();
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

/// The file's SHA-256, and whether a checksum beside it says the same.
fn checksum(path: &Path) -> Result<(String, bool), HistoryError> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
    let found = sha256(&mut file).map_err(|source| unreadable(path, source))?;
    let mut checksum = path.as_os_str().to_owned();
    checksum.push(".CHECKSUM");
    let checksum = PathBuf::from(checksum);
    let text = match fs::read_to_string(&checksum) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((found, false)),
        Err(source) => return Err(unreadable(&checksum, source)),
    };
    let expected = text.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if found != expected {
        return Err(HistoryError::Checksum { path: path.to_owned(), checksum, found, expected });
    }
    Ok((found, true))
}

struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_archive(path: &Path) -> Result<ZipArchive<BufReader<File>>, HistoryError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), HistoryError> {
    let failed = |source| unreadable(folder, source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|found| ["csv", "zip"].iter().any(|known| found.eq_ignore_ascii_case(known)))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn shown(source: &Source) -> String {
    if source.member.is_empty() { source.name.clone() } else { format!("{}/{}", source.name, source.member) }
}

fn unreadable(path: &Path, source: io::Error) -> HistoryError {
    HistoryError::Read { path: path.to_owned(), source }
}

fn broken(path: &Path, error: &ZipError) -> HistoryError {
    HistoryError::Archive { path: path.to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests;
