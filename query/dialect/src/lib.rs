//! Trino's SQL on `DataFusion`: statements, functions, types. It knows nothing of books or lakes.

pub mod parse;
pub mod rewrite;
pub mod statement;
pub mod types;
