//! `EXPLAIN` and `EXPLAIN ANALYZE`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::tokens::{Result, Tokens};
use super::{SyntaxError, statement};
use crate::statement::{ExplainForm, ExplainFormat, ExplainKind, Statement};

pub(super) fn explain(tokens: &mut Tokens<'_>) -> Result<Statement> {
    tokens.expect(&["EXPLAIN"])?;
    if tokens.eat(&["ANALYZE"]) {
        tokens.eat(&["VERBOSE"]);
        let text = tokens.rest_of_text().to_owned();
        return Ok(Statement::ExplainAnalyze { statement: Box::new(statement(tokens)?), text });
    }
    let form = form(tokens)?;
    let text = tokens.rest_of_text().to_owned();
    Ok(Statement::Explain { form, statement: Box::new(statement(tokens)?), text })
}

fn form(tokens: &mut Tokens<'_>) -> Result<ExplainForm> {
    let mut form = ExplainForm { kind: ExplainKind::Distributed, format: ExplainFormat::Text };
    let has_options = tokens.peek(0) == Some(&Token::LParen)
        && matches!(tokens.peek(1), Some(Token::Word(word))
            if ["type", "format"].iter().any(|option| word.value.eq_ignore_ascii_case(option)));
    if !has_options {
        return Ok(form);
    }
    tokens.expect_token(&Token::LParen)?;
    loop {
        if tokens.eat(&["TYPE"]) {
            form.kind = kind(tokens)?;
        } else if tokens.eat(&["FORMAT"]) {
            form.format = format(tokens)?;
        } else {
            return Err(tokens.unexpected("'FORMAT', 'TYPE'"));
        }
        if !tokens.eat_token(&Token::Comma) {
            break;
        }
    }
    tokens.expect_token(&Token::RParen)?;
    Ok(form)
}

fn kind(tokens: &mut Tokens<'_>) -> Result<ExplainKind> {
    let kinds = [
        ("LOGICAL", ExplainKind::Logical),
        ("DISTRIBUTED", ExplainKind::Distributed),
        ("VALIDATE", ExplainKind::Validate),
        ("IO", ExplainKind::Io),
    ];
    let found = kinds.into_iter().find(|(word, _)| tokens.eat(&[word]));
    found.map(|(_, kind)| kind).ok_or_else(|| tokens.unexpected("'DISTRIBUTED', 'IO', 'LOGICAL', 'VALIDATE'"))
}

fn format(tokens: &mut Tokens<'_>) -> Result<ExplainFormat> {
    if tokens.eat(&["TEXT"]) {
        Ok(ExplainFormat::Text)
    } else if tokens.eat(&["JSON"]) {
        Ok(ExplainFormat::Json)
    } else if tokens.at(&["GRAPHVIZ"]) {
        let message = "plans are not drawn as graphs; use TEXT or JSON".to_owned();
        Err(SyntaxError { message, position: Some(tokens.position()) })
    } else {
        Err(tokens.unexpected("'JSON', 'TEXT'"))
    }
}
