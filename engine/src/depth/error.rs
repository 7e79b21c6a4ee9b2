//! What can go wrong with a depth file, in words for the person who reads the message.

use std::io;
use std::path::PathBuf;

use depthlake_orderbook::symbol::Symbol;
use thiserror::Error;

/// Why a depth file cannot be created, opened or read.
#[derive(Debug, Error)]
pub enum DepthError {
    #[error("there is no depth file at {}", path.display())]
    Missing { path: PathBuf },
    #[error("cannot {action} the depth file {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a depth file: its first 8 bytes are {found:#018x}, expected {expected:#018x}", path.display())]
    NotDepth { path: PathBuf, found: u64, expected: u64 },
    #[error("the depth file {} has layout version {found}, this program reads version {expected}", path.display())]
    Version { path: PathBuf, found: u32, expected: u32 },
    #[error("the depth file {} is damaged: its {field} is {found}, expected {expected}", path.display())]
    Damaged { path: PathBuf, field: &'static str, found: u64, expected: u64 },
    #[error("the depth file {} is damaged: region {region} has no valid symbol ({found:?})", path.display())]
    DamagedSymbol { path: PathBuf, region: usize, found: String },
    #[error("a depth file has one region a symbol, but {symbol} was given twice")]
    DuplicateSymbol { symbol: Symbol },
    #[error("a depth file has at most {limit} regions, but {count} were asked for")]
    TooManyRegions { count: usize, limit: usize },
    #[error("{symbol} is not in the depth file {}", path.display())]
    UnknownSymbol { symbol: Symbol, path: PathBuf },
    #[error("the region of {symbol} is damaged: its {field} is {found}")]
    DamagedRegion { symbol: Symbol, field: &'static str, found: u64 },
    #[error(
        "{symbol} was written faster than it could be copied, {attempts} times in a row; try again later"
    )]
    Overtaken { symbol: Symbol, attempts: u32 },
}
