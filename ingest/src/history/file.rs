//! Files of historical data: found, looked through, and read as chunks.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use depthlake_orderbook::history::{Chunk, ChunkKind, Source};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use super::columns::{Layout, fields, is_header, usual};
use super::error::HistoryError;
use super::lines::{CHUNK_BYTES, LineChunk, LineChunks, LineError};
use super::name::{ArchiveName, stem, stock};

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
        let Table { index, member, bytes, first_line } = table;
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
        Ok(Self { source, symbol, kind, bytes, columns, index })
    }
}

fn plain_table(path: &Path) -> Result<Table, HistoryError> {
    let look = || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Table {
            index: None,
            member: String::new(),
            bytes,
            first_line: first_line(&mut BufReader::new(file))?,
        })
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
        if !is_vouched_for {
            io::copy(&mut reader, &mut io::sink()).map_err(damaged)?;
        }
        tables.push(Table { index: Some(index), member, bytes, first_line });
    }
    Ok(tables)
}

/// What the lines are: as the name says, else as the header says, else as the number of columns says.
fn kind(
    content: Content,
    name: Option<ArchiveName<'_>>,
    first_line: &[u8],
    file: &str,
) -> Result<ChunkKind, HistoryError> {
    let named = name.map(|name| name.content);
    match content {
        Content::DailyBars => return Ok(ChunkKind::DailyBars),
        Content::Klines => {
            return match named {
                Some(found) if found != "1m" => {
                    Err(HistoryError::Interval { file: file.to_owned(), found: found.to_owned() })
                }
                _ => Ok(ChunkKind::Klines),
            };
        }
        Content::Trades => {}
    }
    match named {
        Some("aggTrades") => return Ok(ChunkKind::AggregateTrades),
        Some("trades") => return Ok(ChunkKind::Trades),
        _ => {}
    }
    let names = String::from_utf8_lossy(first_line);
    let fits = |kind: &ChunkKind| {
        if is_header(first_line) {
            Layout::of(*kind, names.trim_end()).is_ok()
        } else {
            usual(*kind).iter().any(|usual| width(usual) == fields(first_line).count())
        }
    };
    match [ChunkKind::AggregateTrades, ChunkKind::Trades].iter().filter(|kind| fits(kind)).collect::<Vec<_>>()
        [..]
    {
        [kind] => Ok(*kind),
        _ => Err(HistoryError::WhichTrades { file: file.to_owned() }),
    }
}

/// The names of the columns: the header's, or the usual ones of that many columns.
fn columns(kind: ChunkKind, first_line: &[u8], file: &str) -> Result<String, HistoryError> {
    if is_header(first_line) {
        let names: Vec<_> = fields(first_line).map(String::from_utf8_lossy).collect();
        let names = names.join(",");
        return match Layout::of(kind, &names) {
            Ok(_) => Ok(names),
            Err(missing) => Err(HistoryError::Columns {
                file: file.to_owned(),
                column: missing.name,
                found: names,
                expected: missing.expected,
            }),
        };
    }
    let found = fields(first_line).count();
    let is_blank = first_line.trim_ascii().is_empty();
    let fitting = usual(kind).iter().find(|names| is_blank || width(names) == found);
    fitting.map(|names| (*names).to_owned()).ok_or_else(|| {
        let widths: Vec<_> = usual(kind).iter().map(|names| format!("{} ({names})", width(names))).collect();
        HistoryError::Width { file: file.to_owned(), found, expected: widths.join(" or ") }
    })
}

fn width(names: &str) -> usize {
    names.split(',').count()
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
    Ok(hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
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
mod tests {
    use depthlake_orderbook::history::Records;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::super::derive;
    use super::*;

    const AGGREGATES: &str =
        "7,61800.5,0.25,3,4,1723161240123,True,True\n8,61800.6,1,5,5,1723161240124,False,True\n";
    const TRADES: &str = "3,61800.5,0.25,15450.125,1723161240123,true,true\n";

    fn archive(path: &Path, members: &[(&str, &str)]) {
        let mut writer = ZipWriter::new(File::create(path).unwrap());
        for (name, text) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
    }

    fn records(file: &HistoryFile) -> Vec<(String, Records)> {
        let mut found = Vec::new();
        for member in file.members() {
            file.read(
                member,
                1,
                || Timestamp(5),
                |chunk| {
                    assert_eq!(chunk.received, Timestamp(5));
                    found.push((chunk.symbol.to_string(), derive(&chunk)));
                    Ok::<_, HistoryError>(())
                },
            )
            .unwrap();
        }
        found
    }

    fn refusal(path: &Path, content: Content) -> String {
        HistoryFile::open(path, content, None).unwrap_err().to_string()
    }

    #[test]
    fn an_archive_of_several_files_is_read_as_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        archive(
            &path,
            &[
                ("BTCUSDT-aggTrades-2024-08-08.csv", AGGREGATES),
                ("readme.txt", "nothing"),
                ("in/ETHUSDT-trades-2024-08-08.csv", TRADES),
            ],
        );
        let file = HistoryFile::open(&path, Content::Trades, None).unwrap();
        let found = records(&file);
        let counts: Vec<_> =
            found.iter().map(|(symbol, found)| (symbol.as_str(), found.trades.len())).collect();
        assert_eq!(counts, [("BTCUSDT", 2), ("ETHUSDT", 1)]);
        assert_eq!(file.members()[1].kind, ChunkKind::Trades);
        assert_eq!(file.members()[0].bytes, AGGREGATES.len() as u64);
    }

    #[test]
    fn a_header_or_the_width_tell_where_the_name_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.csv");
        let symbol = Symbol::new("BTCUSDT").ok();
        let kind = |text: &str| {
            fs::write(&path, text).unwrap();
            HistoryFile::open(&path, Content::Trades, symbol).map(|file| file.members()[0].kind)
        };
        assert_eq!(kind(AGGREGATES).unwrap(), ChunkKind::AggregateTrades);
        assert_eq!(kind("id,price,qty,time,is_buyer_maker\n").unwrap(), ChunkKind::Trades);
        assert!(matches!(kind(TRADES), Err(HistoryError::WhichTrades { .. })), "seven columns are either");
        assert_eq!(kind("3,1,1,1,1723161240123,true\n").unwrap(), ChunkKind::Trades);
        assert!(refusal(&path, Content::Klines).contains("tells no symbol"));
    }

    #[test]
    fn damage_is_found_before_anything_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("BTCUSDT-aggTrades-2024-08-08.zip");
        archive(&path, &[("BTCUSDT-aggTrades-2024-08-08.csv", &AGGREGATES.repeat(50))]);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        assert!(
            refusal(&path, Content::Trades).contains("no whole zip archive"),
            "{}",
            refusal(&path, Content::Trades)
        );
        let mut damaged = whole.clone();
        damaged[75] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        assert!(
            refusal(&path, Content::Trades).contains("damaged or cut off"),
            "{}",
            refusal(&path, Content::Trades)
        );

        fs::write(&path, &whole).unwrap();
        let sha256 =
            HistoryFile::open(&path, Content::Trades, None).unwrap().members()[0].source.sha256.clone();
        let checksum = folder.path().join("BTCUSDT-aggTrades-2024-08-08.zip.CHECKSUM");
        fs::write(&checksum, format!("{sha256}  BTCUSDT-aggTrades-2024-08-08.zip\n")).unwrap();
        HistoryFile::open(&path, Content::Trades, None).unwrap();
        fs::write(&checksum, format!("{}  x\n", "0".repeat(64))).unwrap();
        assert!(refusal(&path, Content::Trades).contains("load it anew"));
    }

    #[test]
    fn wrong_columns_refuse_the_file_and_name_the_column() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str, text: &str, content| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            refusal(&path, content)
        };
        let missing =
            refused("BTCUSDT-trades-2024-08-08.csv", "id,price,time,is_buyer_maker\n", Content::Trades);
        assert!(missing.contains("trades-2024-08-08.csv line 1: column qty is missing"), "{missing}");
        let narrow = refused("BTCUSDT-1m-2024-08-08.csv", "1,2,3\n", Content::Klines);
        assert!(narrow.contains("line 1: 3 columns, expected 12 (open_time,"), "{narrow}");
        let hours = refused("BTCUSDT-1h-2024-08-08.csv", "1,2,3\n", Content::Klines);
        assert!(hours.contains("interval \"1h\", expected 1m"), "{hours}");
        let days = refused("AAPL.csv", "Date,Open,High,Low,Close\n", Content::DailyBars);
        assert!(days.contains("AAPL.csv line 1: column Volume is missing"), "{days}");
    }

    #[test]
    fn files_are_found_at_any_depth_in_the_order_of_their_dates() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in [
            "a/b/ETHUSDT-1m-2024-08-08.zip",
            "BTCUSDT-1m-2024-08-09.csv",
            "a/BTCUSDT-1m-2024-08-08.ZIP",
            "a/x.CHECKSUM",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let paths = [folder.path().to_owned(), folder.path().join("BTCUSDT-1m-2024-08-09.csv")];
        let found = files_below(&paths).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["BTCUSDT-1m-2024-08-08.ZIP", "ETHUSDT-1m-2024-08-08.zip", "BTCUSDT-1m-2024-08-09.csv"]
        );
        assert!(files_below(&[folder.path().join("absent")]).is_err());
    }
}
