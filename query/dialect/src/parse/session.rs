//! Statements about the session: prepared statements, names, properties, transactions, procedures.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::tokens::{Result, Tokens};
use crate::statement::{Argument, Role, Statement};

/// The statement, where it is one of these.
pub(super) fn statement(tokens: &mut Tokens<'_>) -> Result<Option<Statement>> {
    let statement = if tokens.eat(&["PREPARE"]) {
        prepare(tokens)?
    } else if tokens.eat(&["EXECUTE", "IMMEDIATE"]) {
        Statement::ExecuteImmediate { text: tokens.string()?, parameters: using(tokens)? }
    } else if tokens.eat(&["EXECUTE"]) {
        Statement::Execute { name: tokens.identifier()?, parameters: using(tokens)? }
    } else if tokens.eat(&["DEALLOCATE"]) {
        tokens.expect(&["PREPARE"])?;
        Statement::Deallocate(tokens.identifier()?)
    } else if tokens.eat(&["USE"]) {
        use_names(tokens)?
    } else if tokens.eat(&["SET"]) {
        set(tokens)?
    } else if tokens.eat(&["RESET"]) {
        tokens.expect(&["SESSION"])?;
        Statement::ResetSession(tokens.name()?)
    } else if tokens.eat(&["START"]) {
        tokens.expect(&["TRANSACTION"])?;
        transaction_modes(tokens)?;
        Statement::StartTransaction
    } else if tokens.eat(&["COMMIT"]) {
        tokens.eat(&["WORK"]);
        Statement::Commit
    } else if tokens.eat(&["ROLLBACK"]) {
        tokens.eat(&["WORK"]);
        Statement::Rollback
    } else if tokens.eat(&["CALL"]) {
        call(tokens)?
    } else {
        return Ok(None);
    };
    Ok(Some(statement))
}

/// The statement is parsed, so that one that makes no sense is refused here and not when it is run.
fn prepare(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let name = tokens.identifier()?;
    tokens.expect(&["FROM"])?;
    let text = tokens.rest_of_text().to_owned();
    super::statement(tokens)?;
    Ok(Statement::Prepare { name, text })
}

fn using(tokens: &mut Tokens<'_>) -> Result<Vec<datafusion::sql::sqlparser::ast::Expr>> {
    if tokens.eat(&["USING"]) { tokens.expressions() } else { Ok(Vec::new()) }
}

fn use_names(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let first = tokens.identifier()?;
    if tokens.eat_token(&Token::Period) {
        return Ok(Statement::Use { catalog: Some(first), schema: tokens.identifier()? });
    }
    Ok(Statement::Use { catalog: None, schema: first })
}

fn set(tokens: &mut Tokens<'_>) -> Result<Statement> {
    if tokens.eat(&["SESSION"]) {
        let property = tokens.name()?;
        tokens.expect_token(&Token::Eq)?;
        Ok(Statement::SetSession { property, value: tokens.expression()? })
    } else if tokens.eat(&["TIME", "ZONE"]) {
        let zone = if tokens.eat(&["LOCAL"]) { None } else { Some(tokens.expression()?) };
        Ok(Statement::SetTimeZone(zone))
    } else if tokens.eat(&["ROLE"]) {
        let role = if tokens.eat(&["ALL"]) {
            Role::All
        } else if tokens.eat(&["NONE"]) {
            Role::None
        } else {
            Role::Named(tokens.identifier()?)
        };
        let catalog = if tokens.eat(&["IN"]) { Some(tokens.identifier()?) } else { None };
        Ok(Statement::SetRole { role, catalog })
    } else {
        Err(tokens.unexpected("'ROLE', 'SESSION', 'TIME'"))
    }
}

/// A transaction sees what is committed and writes nothing, at whatever level it is asked for.
fn transaction_modes(tokens: &mut Tokens<'_>) -> Result<()> {
    while !tokens.is_at_end() {
        let known = tokens.eat(&["ISOLATION", "LEVEL", "READ", "UNCOMMITTED"])
            || tokens.eat(&["ISOLATION", "LEVEL", "READ", "COMMITTED"])
            || tokens.eat(&["ISOLATION", "LEVEL", "REPEATABLE", "READ"])
            || tokens.eat(&["ISOLATION", "LEVEL", "SERIALIZABLE"])
            || tokens.eat(&["READ", "ONLY"])
            || tokens.eat(&["READ", "WRITE"]);
        if !known {
            return Err(tokens.unexpected("'ISOLATION', 'READ'"));
        }
        tokens.eat_token(&Token::Comma);
    }
    Ok(())
}

fn call(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let procedure = tokens.name()?;
    tokens.expect_token(&Token::LParen)?;
    let mut arguments = Vec::new();
    if !tokens.eat_token(&Token::RParen) {
        loop {
            let is_named = tokens.peek(1) == Some(&Token::RArrow);
            let name = if is_named { Some(tokens.identifier()?) } else { None };
            if is_named {
                tokens.expect_token(&Token::RArrow)?;
            }
            arguments.push(Argument { name, value: tokens.expression()? });
            if !tokens.eat_token(&Token::Comma) {
                break;
            }
        }
        tokens.expect_token(&Token::RParen)?;
    }
    Ok(Statement::Call { procedure, arguments })
}
