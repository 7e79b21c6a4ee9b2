//! What can go wrong with a board, in words for the person who reads the message.

use std::io;
use std::path::PathBuf;

use depthlake_orderbook::symbol::Symbol;
use thiserror::Error;

/// Why a board cannot be created, opened or read.
#[derive(Debug, Error)]
pub enum BoardError {
    #[error("there is no board at {}", path.display())]
    Missing { path: PathBuf },
    #[error("cannot {action} the board {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a board: its first 8 bytes are {found:#018x}, expected {expected:#018x}", path.display())]
    NotABoard { path: PathBuf, found: u64, expected: u64 },
    #[error("the board {} has layout version {found}, this program reads version {expected}", path.display())]
    Version { path: PathBuf, found: u32, expected: u32 },
    #[error("the board {} is damaged: its {field} is {found}, expected {expected}", path.display())]
    Damaged { path: PathBuf, field: &'static str, found: u64, expected: u64 },
    #[error("the board {} is damaged: slot {slot} has no valid symbol ({found:?})", path.display())]
    DamagedSymbol { path: PathBuf, slot: usize, found: String },
    #[error("a board has one slot a symbol, but {symbol} was given twice")]
    DuplicateSymbol { symbol: Symbol },
    #[error("a board has at most {limit} slots, but {count} were asked for")]
    TooManySlots { count: usize, limit: u32 },
    #[error("the slot of {symbol} is damaged: its {field} is {found}")]
    DamagedSlot { symbol: Symbol, field: &'static str, found: u64 },
    #[error("the slot of {symbol} is half-written: its writer stopped in the middle of a write")]
    HalfWritten { symbol: Symbol },
    #[error("the board {} has no slot for {symbol}", path.display())]
    UnknownSymbol { path: PathBuf, symbol: Symbol },
    #[error("the slot index comes from another board, or from this one before it was replaced")]
    ForeignSlot,
}
