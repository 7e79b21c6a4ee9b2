//! One writer, any number of readers, a ring between them that nobody waits at.
//!
//! The writer overwrites what is oldest whether it was read or not. A reader copies, and then asks whether what it
//! copied was still whole. [`Positions`] is that protocol, and [`Cursor`] a reader that goes through a ring one position at
//! a time; what is in the ring is the user's matter, as long as it is made of atomics.

mod atomic;
mod cursor;
#[cfg(test)]
mod model;
mod positions;

pub use cursor::{Cursor, Met};
pub use positions::{Mark, Positions};
