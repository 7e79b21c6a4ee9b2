//! `SHOW` and `DESCRIBE`.

use super::tokens::{Result, Tokens};
use crate::statement::{Show, Statement};

pub(super) fn show(tokens: &mut Tokens<'_>) -> Result<Statement> {
    tokens.expect(&["SHOW"])?;
    let show = if tokens.eat(&["CATALOGS"]) {
        Show::Catalogs(tokens.like()?)
    } else if tokens.eat(&["SCHEMAS"]) {
        let catalog = if from(tokens) { Some(tokens.identifier()?) } else { None };
        Show::Schemas { catalog, like: tokens.like()? }
    } else if tokens.eat(&["TABLES"]) {
        let schema = if from(tokens) { Some(tokens.name()?) } else { None };
        Show::Tables { schema, like: tokens.like()? }
    } else if tokens.eat(&["COLUMNS"]) {
        if !from(tokens) {
            return Err(tokens.unexpected("'FROM', 'IN'"));
        }
        Show::Columns { table: tokens.name()?, like: tokens.like()? }
    } else if tokens.eat(&["FUNCTIONS"]) {
        if from(tokens) {
            tokens.name()?;
        }
        Show::Functions(tokens.like()?)
    } else if tokens.eat(&["SESSION"]) {
        Show::Session(tokens.like()?)
    } else if tokens.eat(&["CREATE"]) {
        created(tokens)?
    } else if tokens.eat(&["STATS", "FOR"]) {
        Show::Stats(tokens.name()?)
    } else if tokens.eat(&["ROLES"]) || tokens.eat(&["CURRENT", "ROLES"]) || tokens.eat(&["ROLE", "GRANTS"]) {
        if from(tokens) {
            tokens.identifier()?;
        }
        Show::Roles
    } else if tokens.eat(&["GRANTS"]) {
        if tokens.eat(&["ON"]) {
            tokens.eat(&["TABLE"]);
            tokens.name()?;
        }
        Show::Grants
    } else {
        return Err(tokens.unexpected(
            "'CATALOGS', 'COLUMNS', 'CREATE', 'CURRENT', 'FUNCTIONS', 'GRANTS', 'ROLE', 'ROLES', 'SCHEMAS', 'SESSION', 'STATS', 'TABLES'",
        ));
    };
    Ok(Statement::Show(show))
}

/// `DESCRIBE table`, `DESCRIBE INPUT prepared` and `DESCRIBE OUTPUT prepared`.
pub(super) fn describe(tokens: &mut Tokens<'_>) -> Result<Statement> {
    if !tokens.eat(&["DESCRIBE"]) {
        tokens.expect(&["DESC"])?;
    }
    let follows = tokens.peek(1).is_some();
    if follows && tokens.eat(&["INPUT"]) {
        return Ok(Statement::DescribeInput(tokens.identifier()?));
    }
    if follows && tokens.eat(&["OUTPUT"]) {
        return Ok(Statement::DescribeOutput(tokens.identifier()?));
    }
    Ok(Statement::Show(Show::Columns { table: tokens.name()?, like: None }))
}

fn created(tokens: &mut Tokens<'_>) -> Result<Show> {
    if tokens.eat(&["TABLE"]) {
        Ok(Show::CreateTable(tokens.name()?))
    } else if tokens.eat(&["VIEW"]) || tokens.eat(&["MATERIALIZED", "VIEW"]) {
        Ok(Show::CreateView(tokens.name()?))
    } else if tokens.eat(&["SCHEMA"]) {
        Ok(Show::CreateSchema(tokens.name()?))
    } else {
        Err(tokens.unexpected("'MATERIALIZED', 'SCHEMA', 'TABLE', 'VIEW'"))
    }
}

fn from(tokens: &mut Tokens<'_>) -> bool {
    tokens.eat(&["FROM"]) || tokens.eat(&["IN"])
}
