//! Statements about the rows of a table.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::query::query;
use super::tokens::{Result, Tokens};
use crate::statement::{Change, Statement};

/// The statement, where it is one of these.
pub(super) fn change(tokens: &mut Tokens<'_>) -> Result<Option<Statement>> {
    let change = if tokens.eat(&["INSERT"]) {
        tokens.expect(&["INTO"])?;
        let table = tokens.name()?;
        let columns = if is_query_in_parentheses(tokens) { Vec::new() } else { tokens.identifiers()? };
        Change::Insert { table, columns, query: query(tokens)? }
    } else if tokens.eat(&["DELETE"]) {
        tokens.expect(&["FROM"])?;
        Change::Delete { table: tokens.name()?, condition: condition(tokens)? }
    } else if tokens.eat(&["UPDATE"]) {
        update(tokens)?
    } else if tokens.eat(&["TRUNCATE"]) {
        tokens.expect(&["TABLE"])?;
        Change::Truncate(tokens.name()?)
    } else {
        return Ok(None);
    };
    Ok(Some(Statement::Change(change)))
}

fn update(tokens: &mut Tokens<'_>) -> Result<Change> {
    let table = tokens.name()?;
    tokens.expect(&["SET"])?;
    let mut assignments = Vec::new();
    loop {
        let column = tokens.identifier()?;
        tokens.expect_token(&Token::Eq)?;
        assignments.push((column, tokens.expression()?));
        if !tokens.eat_token(&Token::Comma) {
            break;
        }
    }
    Ok(Change::Update { table, assignments, condition: condition(tokens)? })
}

fn condition(tokens: &mut Tokens<'_>) -> Result<Option<datafusion::sql::sqlparser::ast::Expr>> {
    if tokens.eat(&["WHERE"]) { tokens.expression().map(Some) } else { Ok(None) }
}

fn is_query_in_parentheses(tokens: &Tokens<'_>) -> bool {
    let starts = ["SELECT", "WITH", "VALUES", "TABLE"];
    match (tokens.peek(0), tokens.peek(1)) {
        (Some(Token::LParen), Some(Token::LParen)) => true,
        (Some(Token::LParen), Some(Token::Word(word))) if word.quote_style.is_none() => {
            starts.iter().any(|start| word.value.eq_ignore_ascii_case(start))
        }
        _ => false,
    }
}
