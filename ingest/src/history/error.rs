//! Why a historical file cannot be used at all.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a file is refused as a whole. Nothing of it has been used, unless it changed while it was read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    #[error("{} cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no whole zip archive: {detail}", .path.display())]
    Archive { path: PathBuf, detail: String },
    #[error("{} holds no .csv file", .path.display())]
    NoMembers { path: PathBuf },
    #[error("{member} in {} is damaged or cut off", .path.display())]
    DamagedMember { path: PathBuf, member: String, source: io::Error },
    #[error("{} has the SHA-256 {found}, but {} says {expected}: load it anew", .path.display(), .checksum.display())]
    Checksum { path: PathBuf, checksum: PathBuf, found: String, expected: String },
    #[error("{file} tells no symbol: expected a name as {expected}, or --symbol")]
    NoSymbol { file: String, expected: &'static str },
    #[error("{file} is of the interval {found:?}, expected 1m")]
    Interval { file: String, found: String },
    #[error("{file} line 1: column {column} is missing; found {found}, expected {expected}")]
    Columns { file: String, column: &'static str, found: String, expected: &'static str },
    #[error("{file} line 1: {found} columns, expected {expected}")]
    Width { file: String, found: usize, expected: String },
    #[error(
        "{file} does not tell whether it has trades or aggregated trades: expected SYMBOL-trades-DATE or SYMBOL-aggTrades-DATE, or a header"
    )]
    WhichTrades { file: String },
    #[error("{file} line 1: this is no text; found {found}, expected {expected}")]
    Binary { file: String, found: String, expected: &'static str },
    #[error("{file} line {line}: the file is cut off here, for {reason}; found {found}; load it anew")]
    CutOff { file: String, line: u64, reason: String, found: String },
    #[error("{file} line {line}: no line end within {limit} bytes; this is no text file")]
    NotText { file: String, line: u64, limit: usize },
}
