//! Queries: what only Trino writes is put in the words of the general parser, which then reads them.
//!
//! Case makes no difference in names, in quotes neither, so all names are put in lower case.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use super::forms::forms_rewritten;
use super::tokens::{Result, Tokens};
use crate::rewrite::{OutputName, output_names};

/// The query that is the rest of the tokens, and the names of its columns as they are written.
pub(super) fn named_query(tokens: &mut Tokens<'_>) -> Result<(Box<Query>, Vec<OutputName>)> {
    let written = written_names(&tokens.clone().take_rest());
    let query = query(tokens)?;
    let names = output_names(&query, &written);
    Ok((query, names))
}

/// The query that is the rest of the tokens.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is not general enough in its lifetimes"
)]
pub(super) fn query(tokens: &mut Tokens<'_>) -> Result<Box<Query>> {
    let rest = tokens.clone().take_rest();
    let rest = forms_rewritten(&states_named(&rest))?;
    tokens.replace_rest(rows_in_parentheses(&tables_selected(&rest)));
    let starts = ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|word| tokens.at(&[word]));
    if !starts && tokens.peek(0) != Some(&Token::LParen) {
        return Err(tokens.unexpected(
            "'ALTER', 'CALL', 'COMMENT', 'COMMIT', 'CREATE', 'DEALLOCATE', 'DELETE', 'DESC', 'DESCRIBE', 'DROP', \
             'EXECUTE', 'EXPLAIN', 'INSERT', 'PREPARE', 'RESET', 'ROLLBACK', 'SET', 'SHOW', 'START', 'TRUNCATE', \
             'UPDATE', 'USE', <query>",
        ));
    }
    tokens.parsed(|parser| parser.parse_query())
}

/// `TABLE t` as `SELECT * FROM t`.
fn tables_selected(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let starts_query = written.last().is_none_or(|before| match &before.token {
            Token::LParen => true,
            Token::Word(word) => ["UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT"]
                .iter()
                .any(|keyword| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)),
            _ => false,
        });
        let names_table = matches!(tokens.get(place + 1), Some(TokenWithSpan { token: Token::Word(_), .. }));
        if is(&token.token, "TABLE") && starts_query && names_table {
            let at = |token| TokenWithSpan { token, span: tokens[place].span };
            written.extend([
                at(Token::make_keyword("SELECT")),
                at(Token::Mul),
                at(Token::make_keyword("FROM")),
            ]);
        } else {
            written.push(token.clone());
        }
    }
    written
}

/// `VALUES 1, 2` as `VALUES (1), (2)`.
fn rows_in_parentheses(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        written.push(token.clone());
        let starts_query = is(&token.token, "VALUES") && !after.is_empty();
        rest = if starts_query { write_rows(after, &mut written) } else { after };
    }
    written
}

/// Writes the rows behind `VALUES`, each in parentheses, and gives what follows them.
fn write_rows<'a>(tokens: &'a [TokenWithSpan], written: &mut Vec<TokenWithSpan>) -> &'a [TokenWithSpan] {
    let mut rest = tokens;
    loop {
        let (row, after) = rest.split_at(row_length(rest));
        let row = rows_in_parentheses(row);
        if is_in_parentheses(&row) || row.is_empty() {
            written.extend(row);
        } else {
            let at = |token, place: Option<&TokenWithSpan>| {
                let span = place.map_or(Span::empty(), |token| token.span);
                TokenWithSpan { token, span }
            };
            let (first, last) = (at(Token::LParen, row.first()), at(Token::RParen, row.last()));
            written.push(first);
            written.extend(row);
            written.push(last);
        }
        match after.split_first() {
            Some((comma, after)) if comma.token == Token::Comma => {
                written.push(comma.clone());
                rest = after;
            }
            _ => return after,
        }
    }
}

/// The number of tokens up to the end of a row.
fn row_length(tokens: &[TokenWithSpan]) -> usize {
    let ends = ["ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "EXCEPT", "INTERSECT"];
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket | Token::Comma | Token::SemiColon if depth == 0 => return place,
            Token::RParen | Token::RBracket => depth -= 1,
            word if depth == 0 && ends.iter().any(|end| is(word, end)) => return place,
            _ => {}
        }
    }
    tokens.len()
}

/// Whether the first token opens the parenthesis that the last closes.
fn is_in_parentheses(row: &[TokenWithSpan]) -> bool {
    let mut depth = 0_usize;
    for (place, token) in row.iter().enumerate() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return place > 0 && place + 1 == row.len();
        }
    }
    false
}

/// `t FOR VERSION AS OF 17` and `t FOR TIMESTAMP AS OF TIMESTAMP '…'` as `"t@17"` and `"t@…"`, unless it is already in
/// the state's name.
fn states_named(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        if let (Some(TokenWithSpan { token: Token::Word(table), .. }), Some((state, after))) =
            (written.last_mut(), state(rest))
        {
            *table = quoted(&format!("{}@{state}", table.value.to_lowercase()));
            rest = after;
            continue;
        }
        let mut token = token.clone();
        if let Token::Word(word) = &mut token.token
            && word.quote_style.is_some()
        {
            word.value = word.value.to_lowercase();
        }
        written.push(token);
        rest = after;
    }
    written
}

/// The state that `FOR VERSION AS OF …` at the beginning asks for, and what follows it.
fn state(tokens: &[TokenWithSpan]) -> Option<(String, &[TokenWithSpan])> {
    let [first, of, as_word, of_word, rest @ ..] = tokens else { return None };
    if !is(&first.token, "FOR") || !is(&as_word.token, "AS") || !is(&of_word.token, "OF") {
        return None;
    }
    let is_version = is(&of.token, "VERSION");
    if !is_version && !is(&of.token, "TIMESTAMP") && !is(&of.token, "SYSTEM_TIME") {
        return None;
    }
    let rest = match rest.split_first() {
        Some((typed, rest)) if !is_version && (is(&typed.token, "TIMESTAMP") || is(&typed.token, "DATE")) => {
            rest
        }
        _ => rest,
    };
    let (value, rest) = rest.split_first()?;
    match &value.token {
        Token::Number(number, _) if is_version => Some((number.clone(), rest)),
        Token::SingleQuotedString(text) => Some((text.clone(), rest)),
        _ => None,
    }
}

/// The names in quotes by their places.
fn written_names(tokens: &[TokenWithSpan]) -> HashMap<Location, String> {
    let quoted = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) if word.quote_style.is_some() => Some((token.span.start, word.value.clone())),
        _ => None,
    });
    quoted.collect()
}

fn quoted(value: &str) -> Word {
    Word { value: value.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword }
}

fn is(token: &Token, keyword: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
}
