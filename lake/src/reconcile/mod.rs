//! Reconciliation: what each layer holds against what the layer before it gives.
//!
//! The log gives the raw tables, raw gives the normalized tables, and these give the marts. Rows expected and rows found are
//! compared by key ([`Comparison`]); each difference is a [`Break`], kept as a row of `ops.recon_breaks`, and can be put
//! right from the layer before ([`repair`]). This module knows how to compare and to repair; who calls it derives what is
//! expected, for deriving needs the engine.

mod breaks;
mod compare;
mod copies;
mod extent;
mod repair;
mod rows;
mod versions;

pub use breaks::{Break, BreakClass, Layer, Place, UnknownLayer, break_rows, breaks_of};
pub use compare::{Comparison, Difference, ValueDrift};
pub use copies::{Copies, OffsetSet, copies, remove_copies};
pub use repair::{Correction, RepairError, Repaired, repair};
pub use rows::{conformed, received_within, retained};
pub use versions::{judged_versions, rows_of};
