//! What the lake and the live books look like from outside.
//!
//! [`Session`] answers SQL over the tables of a lake, read-only. [`statement`] takes apart what a person types, and
//! [`output`] writes the rows for people and programs.

pub mod access;
pub mod api;
mod catalog;
mod conversion;
mod error;
pub mod flight;
pub mod health;
pub mod iceberg_rest;
mod json_text;
mod listing;
pub mod live;
pub mod metrics;
pub mod output;
pub mod page;
pub mod postgres;
pub mod server;
mod session;
pub mod statement;
pub mod table;
pub mod trino;
mod warehouse_store;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use error::{ErrorKind, Position, QueryError, TrinoError};
pub use session::{
    Answer, Column, Database, DatabaseOptions, Description, Door, Effect, Limits, OWN_PROMPT, Queries,
    QueryFailure, QueryId, QueryInfo, QueryState, Rows, Session, SessionSettings, StopReason, Update,
};
