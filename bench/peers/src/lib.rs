//! depthlake beside the order books that people use today, on the same recorded frames, in one process.
//!
//! Three comparisons and a verdict:
//! - *book*: the levels of each event, converted beforehand into the peer's own input type, are applied, and the best
//!   five levels of both sides are read. Only the peer's own work is timed.
//! - *decoder*: the text of each event becomes exact numbers.
//! - *path*: the text of each event becomes a book whose best five are read; depthlake's whole way from a shard's ring to
//!   the published board beside what people put together for the part up to the book.
//! - *targets*: what was to be reached, and whether it was.
//!
//! Invariants: every contestant plays the same events from the same snapshot; every contestant that keeps every level
//! must show the same best five as depthlake's book, or the program fails; a round plays each contestant once, in an
//! order that turns, so that a noisy moment hits all alike.

pub mod barter;
pub mod contest;
pub mod decoding;
pub mod depthlake;
pub mod hftbacktest;
pub mod nautilus;
pub mod order_engine;
pub mod ordered_maps;
pub mod processing;
pub mod roster;
pub mod table;
pub mod targets;
pub mod track;
