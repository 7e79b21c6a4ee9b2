//! depthlake beside the order books that people use today, on the same recorded frames, in one process.
//!
//! Two comparisons and a sum:
//! - *book*: the levels of each event, converted beforehand into the peer's own input type, are applied, and the best
//!   five levels of both sides are read. Only the peer's own work is timed.
//! - *frame*: the text of each event as the venue sent it is decoded and applied, and the best five are read.
//! - *whole path*: depthlake's pipeline on the same frames, beside the frame paths of the peers.
//!
//! Invariants: every contestant plays the same events from the same snapshot; every contestant that keeps every level
//! must show the same best five as depthlake's book, or the program fails; a round plays each contestant once, in an
//! order that turns, so that a noisy moment hits all alike.

pub mod barter;
pub mod contest;
pub mod depthlake;
pub mod hftbacktest;
pub mod nautilus;
pub mod order_engine;
pub mod ordered_maps;
pub mod roster;
pub mod table;
pub mod track;
