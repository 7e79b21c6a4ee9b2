//! Recordings of real markets, in the two formats that other people's collectors write.
//!
//! - *collector* (hftbacktest's): gzip files `*.gz`, a line `UNIX_NANOSECONDS JSON` for each message as it came;
//! - *capture* (cryptofeed's): `ws.txt` and `http.txt`, lines `UNIX_SECONDS: JSON` and `URL -> UNIX_SECONDS: JSON`.
//!
//! Several files of a folder are merged by time of receipt, as a double of seconds; at equal times the file whose name
//! comes first goes first.

mod capture;
mod collector;
mod instruments;
mod recorder;
mod repeated;
mod writer;

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use depthlake_orderbook::frame::Envelope;
use thiserror::Error;

pub use instruments::RecordedInstrument;
pub use recorder::Recorder;
pub use writer::RecordingWriter;

use collector::CollectorFile;

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub enum RecordingError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{folder}: no recording: expected *.gz files, or ws.txt with http.txt")]
    NoRecording { folder: PathBuf },
    #[error("{path} is cut off after line {lines}: what came before was read")]
    CutOff { path: PathBuf, lines: u64 },
}

/// A message of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrame {
    pub envelope: Envelope,
    /// The message as it came.
    pub payload: Bytes,
}

/// A folder that holds a recording.
#[derive(Debug, Clone)]
pub struct Recording {
    folder: PathBuf,
    format: Format,
    times: NonZeroU32,
}

#[derive(Debug, Clone)]
enum Format {
    Collector(Vec<PathBuf>),
    Capture,
}

/// The messages of a recording in the order of receipt. An error says what could not be read; what is left goes on.
pub type Frames = Box<dyn Iterator<Item = Result<RecordedFrame, RecordingError>> + Send>;

impl Recording {
    /// Finds out which format a folder holds.
    ///
    /// # Errors
    /// [`RecordingError`] where the folder cannot be read or holds no recording.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let entries = fs::read_dir(folder).map_err(|source| failed(folder, source))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| failed(folder, source))?.path();
            if path.extension().is_some_and(|extension| extension == "gz") {
                files.push(path);
            }
        }
        files.sort();
        let format = if !files.is_empty() {
            Format::Collector(files)
        } else if folder.join(capture::MESSAGES).is_file() {
            Format::Capture
        } else {
            return Err(RecordingError::NoRecording { folder: folder.to_owned() });
        };
        Ok(Self { folder: folder.to_owned(), format, times: NonZeroU32::MIN })
    }

    /// The same recording so many times, one after the other: ids and times of each repetition follow those of the one
    /// before. More than once, it is held in memory.
    #[must_use]
    pub fn repeated(self, times: NonZeroU32) -> Self {
        Self { times, ..self }
    }

    /// Reads the recording from the start.
    ///
    /// # Errors
    /// [`RecordingError`] where a file cannot be opened.
    pub fn frames(&self) -> Result<Frames, RecordingError> {
        let frames = self.frames_once()?;
        Ok(if self.times == NonZeroU32::MIN { frames } else { repeated::repeated(frames, self.times) })
    }

    fn frames_once(&self) -> Result<Frames, RecordingError> {
        match &self.format {
            Format::Capture => capture::frames(&self.folder),
            Format::Collector(paths) => {
                let files =
                    paths.iter().map(|path| CollectorFile::open(path)).collect::<Result<Vec<_>, _>>()?;
                Ok(Box::new(Merged { heads: files.iter().map(|_| None).collect(), files }))
            }
        }
    }

    /// The symbols of the recording and the scales their numbers need; reads it once from start to end.
    ///
    /// # Errors
    /// [`RecordingError`] where a file cannot be opened.
    pub fn instruments(&self) -> Result<Vec<RecordedInstrument>, RecordingError> {
        instruments::scan(self)
    }

    /// The venue's entries of `exchangeInfo`, where the recording has them: one JSON object a symbol.
    ///
    /// # Errors
    /// [`RecordingError`] where the file is there but cannot be read.
    pub fn exchange_info(&self) -> Result<Vec<serde_json::Value>, RecordingError> {
        match self.format {
            Format::Capture => capture::exchange_info(&self.folder),
            Format::Collector(_) => Ok(Vec::new()),
        }
    }
}

/// Files merged by time of receipt.
struct Merged {
    files: Vec<CollectorFile>,
    heads: Vec<Option<Result<RecordedFrame, RecordingError>>>,
}

impl Iterator for Merged {
    type Item = Result<RecordedFrame, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        for (file, head) in self.files.iter_mut().zip(&mut self.heads) {
            if head.is_none() {
                *head = file.next();
            }
        }
        let order = |head: &Option<Result<RecordedFrame, RecordingError>>| match head {
            None => f64::INFINITY,
            Some(Err(_)) => f64::NEG_INFINITY,
            Some(Ok(frame)) => seconds(frame),
        };
        let first = self.heads.iter_mut().min_by(|a, b| order(a).total_cmp(&order(b)))?;
        first.take()
    }
}

/// The key by which collectors' own tools order messages.
#[expect(clippy::cast_precision_loss, reason = "it is the order of doubles that is wanted")]
fn seconds(frame: &RecordedFrame) -> f64 {
    frame.envelope.received.0 as f64 / 1e9
}

fn failed(path: &Path, source: io::Error) -> RecordingError {
    RecordingError::Io { path: path.to_owned(), source }
}
