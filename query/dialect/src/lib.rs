//! Trino's SQL on `DataFusion`: statements, functions, types. It knows nothing of books or lakes.

mod error;
pub mod functions;
pub mod parse;
pub mod rewrite;
pub mod semantics;
pub mod statement;
pub mod types;

pub use error::{DialectError, ErrorKind};
