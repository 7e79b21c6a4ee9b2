//! Historical sources: files of Binance's archive, answers with bars, and daily bars of stocks.
//!
//! A [`HistoryFile`] is looked through before anything of it is used: its checksum, its archive, its columns. Then it is
//! read as chunks of whole lines, the bytes as they came, and [`derive()`] makes records of a chunk: a pure function, so that a
//! chunk that was kept gives the same records again.
//!
//! Invariants:
//! - a number is taken exactly or refused;
//! - a line that cannot be used is refused by itself, with its place, what was found and what was expected; the file goes on;
//! - a file with other columns, or one that is cut off or damaged as far as can be told, is refused as a whole and before
//!   any of it is used; cut off is one whose last line lacks its end and cannot be used;
//! - times are milliseconds or microseconds, told apart line by line, for the archive changed over in 2025.

mod columns;
mod derive;
mod error;
mod excerpt;
mod file;
mod last_line;
mod lines;
mod name;
mod recognition;
mod records;

pub use derive::derive;
pub use error::HistoryError;
pub use file::{Content, HistoryFile, Member, files_below, sha256};
