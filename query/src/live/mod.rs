//! The live books as those who serve them read them: whichever process writes them, and through its restarts.
//!
//! [`Market`] finds the board of a data folder and its full depth, takes up those of a restarted writer, and measures
//! rates. [`Bars`] is a read model of each symbol's last bars.
//!
//! Invariants:
//! - reading takes no lock and waits for nobody: a reader gets the board that is current and copies slots out of it;
//! - a book is called live only while somebody writes it: see [`Condition`];
//! - nothing here ever writes to a board.

mod bars;
mod board;
mod market;
mod quote;

pub use bars::{BAR_MINUTES, Bars, BarsOfSymbol, KeptBar, LiveBar, Older};
pub use board::{Board, SHORTEST_RATE_WINDOW, Writer};
pub use market::{Market, MarketFollower};
pub use quote::{Condition, Quote};

#[cfg(test)]
pub(crate) mod samples;
