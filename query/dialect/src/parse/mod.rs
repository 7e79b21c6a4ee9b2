//! Text to [`Statement`].
//!
//! Queries and expressions are left to the general parser of SQL; what only Trino has around and in them is read here, so
//! that every error tells its place in the text as it was written.

mod change;
mod define;
mod explain;
mod extent;
mod query;
mod session;
mod show;
mod tokens;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use thiserror::Error;

use crate::statement::{Position, Statement};
use tokens::{Result, Tokens};

/// A text that is no statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    pub message: String,
    /// Where it stops making sense; `None` for the end of the text.
    pub position: Option<Position>,
}

/// Parses one statement.
///
/// # Errors
/// [`SyntaxError`] where the text is not exactly one statement of Trino's that is known here.
pub fn parse(text: &str) -> std::result::Result<Statement, SyntaxError> {
    let mut tokens = Tokens::of(text)?;
    let statement = statement(&mut tokens)?;
    tokens.expect_end()?;
    Ok(statement)
}

/// Whether a text stays within what is parsed at all: statements that go beyond are refused by [`parse`]. For other parsers.
#[must_use]
pub fn is_within_bounds(text: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    tokens.map_or(true, |mut tokens| {
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        extent::check(&tokens).is_ok()
    })
}

fn statement(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let first = ["SHOW", "DESCRIBE", "DESC", "EXPLAIN", "CREATE", "DROP", "ALTER", "COMMENT"];
    match first.into_iter().find(|word| tokens.at(&[word])) {
        Some("SHOW") => show::show(tokens),
        Some("DESCRIBE" | "DESC") => show::describe(tokens),
        Some("EXPLAIN") => explain::explain(tokens),
        Some(_) => define::definition(tokens),
        None => {
            if let Some(statement) = session::statement(tokens)? {
                return Ok(statement);
            }
            if let Some(statement) = change::change(tokens)? {
                return Ok(statement);
            }
            let (query, names) = query::named_query(tokens)?;
            Ok(Statement::Query { query, names })
        }
    }
}

impl SyntaxError {
    /// The general parser puts the place behind its message, and forgets it at the end of the text.
    fn of_parser(error: &ParserError, end: Location) -> Self {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
            ParserError::RecursionLimitExceeded => "statement is too large (stack overflow while parsing)",
        };
        let parts = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            Some((message, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
        });
        let (message, position) = parts.unwrap_or((text, end.into()));
        let message = match message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: "))
        {
            Some((expected, "EOF")) => format!("mismatched input '<EOF>'. Expecting: {expected}"),
            Some((expected, found)) => format!("mismatched input '{found}'. Expecting: {expected}"),
            None => message.to_owned(),
        };
        Self { message, position: Some(position) }
    }
}
