//! What the lake and the live books look like from outside.
//!
//! [`Session`] answers SQL over the tables of a lake, read-only. [`statement`] takes apart what a person types, and
//! [`output`] writes the rows for people and programs.

mod catalog;
mod error;
pub mod output;
pub mod page;
mod session;
mod snapshot_table;
mod state_of_table;
pub mod statement;
mod warehouse_store;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use error::{Position, QueryError};
pub use session::{Rows, Session};
