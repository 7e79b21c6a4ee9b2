//! Statements about schemas, tables and views themselves.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::query::query;
use super::tokens::{Result, Tokens};
use crate::statement::{ColumnDefinition, Definition, Existing, Name, Statement};

pub(super) fn definition(tokens: &mut Tokens<'_>) -> Result<Statement> {
    let definition = if tokens.eat(&["CREATE"]) {
        create(tokens)
    } else if tokens.eat(&["DROP"]) {
        drop_something(tokens)
    } else if tokens.eat(&["ALTER"]) {
        alter(tokens)
    } else {
        comment(tokens)
    };
    definition.map(Statement::Define)
}

fn create(tokens: &mut Tokens<'_>) -> Result<Definition> {
    if tokens.eat(&["SCHEMA"]) {
        let if_not_exists = tokens.eat(&["IF", "NOT", "EXISTS"]);
        let name = tokens.name()?;
        skip_properties(tokens)?;
        return Ok(Definition::CreateSchema { name, if_not_exists });
    }
    let replace = tokens.eat(&["OR", "REPLACE"]);
    if tokens.eat(&["TABLE"]) {
        create_table(tokens, replace)
    } else if tokens.eat(&["VIEW"]) {
        create_view(tokens, replace)
    } else {
        Err(tokens.unexpected("'OR', 'SCHEMA', 'TABLE', 'VIEW'"))
    }
}

fn create_table(tokens: &mut Tokens<'_>, replace: bool) -> Result<Definition> {
    let existing = if replace {
        Existing::Replaced
    } else if tokens.eat(&["IF", "NOT", "EXISTS"]) {
        Existing::Kept
    } else {
        Existing::Refused
    };
    let name = tokens.name()?;
    let has_columns = tokens.peek(0) == Some(&Token::LParen)
        && !matches!(tokens.peek(2), None | Some(Token::Comma | Token::RParen));
    let columns = if has_columns { column_definitions(tokens)? } else { Vec::new() };
    let names = if has_columns { Vec::new() } else { tokens.identifiers()? };
    let comment = tokens.comment()?;
    skip_properties(tokens)?;
    if has_columns {
        return Ok(Definition::CreateTable { name, columns, comment, existing });
    }
    tokens.expect(&["AS"])?;
    let with_data = with_data(tokens);
    Ok(Definition::CreateTableAs {
        name,
        columns: names,
        query: query(tokens)?,
        comment,
        existing,
        with_data,
    })
}

/// Takes `WITH NO DATA` off the end.
fn with_data(tokens: &mut Tokens<'_>) -> bool {
    let mut ahead = tokens.clone();
    let mut rest = ahead.take_rest();
    let words: Vec<String> =
        rest.iter().rev().take(3).map(|token| token.token.to_string().to_uppercase()).collect();
    let (with_data, extra) = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["DATA", "NO", "WITH"] => (false, 3),
        ["DATA", "WITH", ..] => (true, 2),
        _ => return true,
    };
    rest.truncate(rest.len().saturating_sub(extra));
    tokens.replace_rest(rest);
    with_data
}

fn column_definitions(tokens: &mut Tokens<'_>) -> Result<Vec<ColumnDefinition>> {
    tokens.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    loop {
        if tokens.at(&["LIKE"]) {
            return Err(
                tokens.unexpected("<identifier> (columns like those of another table are not copied)")
            );
        }
        columns.push(column_definition(tokens)?);
        if !tokens.eat_token(&Token::Comma) {
            break;
        }
    }
    tokens.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn column_definition(tokens: &mut Tokens<'_>) -> Result<ColumnDefinition> {
    let name = tokens.identifier()?;
    let mut column = ColumnDefinition { name, r#type: tokens.type_text()?, is_nullable: true, comment: None };
    loop {
        if tokens.eat(&["NOT", "NULL"]) {
            column.is_nullable = false;
        } else if tokens.at(&["COMMENT"]) {
            column.comment = tokens.comment()?;
        } else if tokens.at(&["WITH"]) {
            skip_properties(tokens)?;
        } else {
            return Ok(column);
        }
    }
}

fn create_view(tokens: &mut Tokens<'_>, replace: bool) -> Result<Definition> {
    let name = tokens.name()?;
    let comment = tokens.comment()?;
    if tokens.eat(&["SECURITY"]) && !tokens.eat(&["DEFINER"]) && !tokens.eat(&["INVOKER"]) {
        return Err(tokens.unexpected("'DEFINER', 'INVOKER'"));
    }
    skip_properties(tokens)?;
    tokens.expect(&["AS"])?;
    let text = tokens.rest_of_text().to_owned();
    Ok(Definition::CreateView { name, query: query(tokens)?, text, comment, replace })
}

fn drop_something(tokens: &mut Tokens<'_>) -> Result<Definition> {
    if tokens.eat(&["SCHEMA"]) {
        let if_exists = tokens.eat(&["IF", "EXISTS"]);
        let name = tokens.name()?;
        let cascade = tokens.eat(&["CASCADE"]);
        tokens.eat(&["RESTRICT"]);
        return Ok(Definition::DropSchema { name, if_exists, cascade });
    }
    let is_table = tokens.eat(&["TABLE"]);
    if !is_table && !tokens.eat(&["VIEW"]) {
        return Err(tokens.unexpected("'SCHEMA', 'TABLE', 'VIEW'"));
    }
    let if_exists = tokens.eat(&["IF", "EXISTS"]);
    let name = tokens.name()?;
    Ok(if is_table {
        Definition::DropTable { name, if_exists }
    } else {
        Definition::DropView { name, if_exists }
    })
}

fn alter(tokens: &mut Tokens<'_>) -> Result<Definition> {
    if tokens.eat(&["SCHEMA"]) {
        let name = tokens.name()?;
        tokens.expect(&["RENAME", "TO"])?;
        return Ok(Definition::RenameSchema { name, to: tokens.identifier()? });
    }
    if tokens.eat(&["VIEW"]) {
        let name = tokens.name()?;
        tokens.expect(&["RENAME", "TO"])?;
        return Ok(Definition::RenameView { name, to: tokens.name()? });
    }
    tokens.expect(&["TABLE"])?;
    let if_exists = tokens.eat(&["IF", "EXISTS"]);
    let name = tokens.name()?;
    alter_table(tokens, name, if_exists)
}

fn alter_table(tokens: &mut Tokens<'_>, table: Name, if_exists: bool) -> Result<Definition> {
    if tokens.eat(&["RENAME", "TO"]) {
        return Ok(Definition::RenameTable { name: table, to: tokens.name()?, if_exists });
    }
    if tokens.eat(&["RENAME", "COLUMN"]) {
        let column = tokens.identifier()?;
        tokens.expect(&["TO"])?;
        return Ok(Definition::RenameColumn { table, column, to: tokens.identifier()? });
    }
    if tokens.eat(&["ADD", "COLUMN"]) {
        tokens.eat(&["IF", "NOT", "EXISTS"]);
        return Ok(Definition::AddColumn { table, column: column_definition(tokens)? });
    }
    if tokens.eat(&["DROP", "COLUMN"]) {
        tokens.eat(&["IF", "EXISTS"]);
        return Ok(Definition::DropColumn { table, column: tokens.identifier()? });
    }
    Err(tokens.unexpected("'ADD', 'DROP', 'RENAME'"))
}

fn comment(tokens: &mut Tokens<'_>) -> Result<Definition> {
    tokens.expect(&["COMMENT", "ON"])?;
    let kinds = ["TABLE", "VIEW", "COLUMN"];
    let Some(kind) = kinds.into_iter().find(|kind| tokens.eat(&[kind])) else {
        return Err(tokens.unexpected("'COLUMN', 'TABLE', 'VIEW'"));
    };
    let name = tokens.name()?;
    tokens.expect(&["IS"])?;
    let comment = if tokens.eat(&["NULL"]) { None } else { Some(tokens.string()?) };
    Ok(match kind {
        "TABLE" => Definition::CommentTable { table: name, comment },
        "VIEW" => Definition::CommentView { view: name, comment },
        _ => Definition::CommentColumn { column: name, comment },
    })
}

/// Goes over `WITH (name = value, …)`: no catalog here has properties of tables that could be set.
fn skip_properties(tokens: &mut Tokens<'_>) -> Result<()> {
    if tokens.peek(1) != Some(&Token::LParen) || !tokens.eat(&["WITH"]) {
        return Ok(());
    }
    tokens.expect_token(&Token::LParen)?;
    loop {
        tokens.name()?;
        tokens.expect_token(&Token::Eq)?;
        tokens.expression()?;
        if !tokens.eat_token(&Token::Comma) {
            break;
        }
    }
    tokens.expect_token(&Token::RParen)
}
