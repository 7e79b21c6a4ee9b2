//! Writes the collector format, which other people's tools read too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{RecordingError, failed};

/// How much of a recording a crash may take: a second, in nanoseconds.
const FLUSH_INTERVAL: i64 = 1_000_000_000;

/// Writes one gzip file a symbol and UTC day, named `symbol_YYYYMMDD.gz`. A file that is there already is left alone, for it
/// may be cut off: another is begun beside it, `symbol_YYYYMMDD_2.gz` and so on. Readers merge them by time.
#[derive(Debug)]
pub struct RecordingWriter {
    folder: PathBuf,
    files: HashMap<Symbol, DayFile>,
}

#[derive(Debug)]
struct DayFile {
    day: NaiveDate,
    path: PathBuf,
    encoder: GzEncoder<File>,
    flushed: Timestamp,
}

impl RecordingWriter {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// [`RecordingError`] where the folder cannot be made.
    pub fn create(folder: &Path) -> Result<Self, RecordingError> {
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        Ok(Self { folder: folder.to_owned(), files: HashMap::new() })
    }

    /// Writes one message of the venue. `false` for messages of ours and those of no symbol, which have no place in the
    /// format.
    ///
    /// # Errors
    /// [`RecordingError`] where the file cannot be written.
    pub fn write(&mut self, envelope: &Envelope, payload: &[u8]) -> Result<bool, RecordingError> {
        let Some(symbol) = envelope.symbol.filter(|_| is_of_venue(envelope.kind)) else { return Ok(false) };
        let file = self.file(symbol, envelope.received)?;
        // A line break inside a message would end the line; JSON allows it only between tokens, where a space is as good.
        let body: Vec<u8> = payload.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }).collect();
        let written = write!(file.encoder, "{} ", envelope.received.0)
            .and_then(|()| file.encoder.write_all(&body))
            .and_then(|()| file.encoder.write_all(b"\n"));
        written.and_then(|()| file.flush(envelope.received)).map_err(|source| failed(&file.path, source))?;
        Ok(true)
    }

    /// Ends all files.
    ///
    /// # Errors
    /// [`RecordingError`] where a file cannot be written to its end.
    pub fn finish(self) -> Result<(), RecordingError> {
        self.files.into_values().try_for_each(DayFile::finish)
    }

    fn file(&mut self, symbol: Symbol, received: Timestamp) -> Result<&mut DayFile, RecordingError> {
        let day = DateTime::from_timestamp_nanos(received.0).date_naive();
        if self.files.get(&symbol).is_some_and(|file| file.day != day)
            && let Some(ended) = self.files.remove(&symbol)
        {
            ended.finish()?;
        }
        match self.files.entry(symbol) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(DayFile::open(&self.folder, symbol, day)?)),
        }
    }
}

impl DayFile {
    fn open(folder: &Path, symbol: Symbol, day: NaiveDate) -> Result<Self, RecordingError> {
        let name = format!("{}_{}", symbol.as_str().to_lowercase(), day.to_string().replace('-', ""));
        let mut path = folder.join(format!("{name}.gz"));
        let mut number = 1;
        loop {
            match File::create_new(&path) {
                Ok(file) => {
                    let encoder = GzEncoder::new(file, Compression::default());
                    return Ok(Self { day, path, encoder, flushed: Timestamp::default() });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    number += 1;
                    path = folder.join(format!("{name}_{number}.gz"));
                }
                Err(error) => return Err(failed(&path, error)),
            }
        }
    }

    /// Hands over what was compressed so far, now and then.
    fn flush(&mut self, now: Timestamp) -> io::Result<()> {
        if now - self.flushed < FLUSH_INTERVAL {
            return Ok(());
        }
        self.flushed = now;
        self.encoder.flush()
    }

    fn finish(self) -> Result<(), RecordingError> {
        let synced = self.encoder.finish().and_then(|file| file.sync_all());
        synced.map_err(|source| failed(&self.path, source))
    }
}

fn is_of_venue(kind: FrameKind) -> bool {
    use FrameKind::{AggregateTrade, BookTicker, DepthUpdate, Kline, Snapshot, Trade};
    matches!(kind, DepthUpdate | BookTicker | Trade | AggregateTrade | Kline | Snapshot)
}

#[cfg(test)]
mod tests {
    use super::super::Recording;
    use super::*;
    use crate::wire;

    #[test]
    fn a_crash_takes_a_second_at_most_and_leaves_what_is_recorded_next() {
        let folder = tempfile::tempdir().unwrap();
        let ticker = br#"{"stream":"x@bookTicker","data":{"u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}}"#;
        let mut crashed = RecordingWriter::create(folder.path()).unwrap();
        for second in 1..=10 {
            crashed.write(&wire::peek(ticker, Timestamp(second * FLUSH_INTERVAL)), ticker).unwrap();
        }
        // As a kill leaves it: what was flushed, without an end.
        let path = folder.path().join("x_19700101.gz");
        let left = fs::read(&path).unwrap();
        drop(crashed);
        fs::write(&path, left).unwrap();
        let mut next = RecordingWriter::create(folder.path()).unwrap();
        next.write(&wire::peek(ticker, Timestamp(20 * FLUSH_INTERVAL)), ticker).unwrap();
        next.finish().unwrap();
        let found: Vec<_> = Recording::open(folder.path()).unwrap().frames().unwrap().collect();
        let times = found.iter().flatten().map(|frame| frame.envelope.received.0 / FLUSH_INTERVAL);
        assert_eq!(times.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20]);
        assert_eq!(found.iter().filter(|frame| frame.is_err()).count(), 1, "the cut is told");
    }

    #[test]
    fn what_is_written_is_read_again_across_days_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let ticker = br#"{"stream":"x@bookTicker","data":{"u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}}"#;
        let times = [10, 20, 86_400_000_000_005];
        for time in times {
            let mut writer = RecordingWriter::create(folder.path()).unwrap();
            let envelope = wire::peek(ticker, Timestamp(time));
            writer.write(&envelope, ticker).unwrap();
            writer.write(&Envelope::own(FrameKind::Silent, envelope.symbol, Timestamp(time)), b"").unwrap();
            writer.finish().unwrap();
        }
        let recording = Recording::open(folder.path()).unwrap();
        let found: Vec<_> = recording.frames().unwrap().map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|frame| frame.envelope.received.0).collect::<Vec<_>>(), times);
        assert!(found.iter().all(|frame| &frame.payload[..] == ticker));
        for name in ["x_19700101.gz", "x_19700101_2.gz", "x_19700102.gz"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
    }
}
