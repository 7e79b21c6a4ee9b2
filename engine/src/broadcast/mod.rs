//! One writer, any number of readers, a ring between them that nobody waits at.
//!
//! The writer overwrites what is oldest whether it was read or not. A reader copies, and then asks whether what it
//! copied was still whole. [`Positions`] is that protocol; what is in the ring is the user's matter, as long as it is
//! made of atomics.

mod atomic;
#[cfg(test)]
mod model;
mod positions;

pub use positions::{Mark, Positions};
