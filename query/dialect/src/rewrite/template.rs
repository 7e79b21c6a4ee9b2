//! Queries around other queries.

use datafusion::sql::sqlparser::ast::{Ident, Query, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// `SELECT * FROM (SELECT 1) AS name`, in which another query takes the place of the inner one.
pub(super) fn selected_from(name: &Ident) -> Option<Query> {
    parsed(&format!("SELECT * FROM (SELECT 1) AS {name}"))
}

/// A query of one's own.
pub(super) fn parsed(text: &str) -> Option<Query> {
    match Parser::parse_sql(&GenericDialect {}, text).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}
