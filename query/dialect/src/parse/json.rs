//! `JSON_VALUE`, `JSON_QUERY` and `JSON_EXISTS`: what they say in words become arguments.
//!
//! `JSON_VALUE(x, 'lax $.a' RETURNING bigint DEFAULT 0 ON EMPTY)` becomes
//! `CAST("$json_value"(x, 'lax $.a', 'default', 'null', CAST(0 AS varchar), NULL) AS "bigint")`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::SyntaxError;
use super::tokens::Result;
use crate::statement::Position;

/// The form that begins with the first token, in the parser's words, and what follows it. `None` where none begins.
pub(super) fn json_form(tokens: &[TokenWithSpan]) -> Result<Option<(Vec<TokenWithSpan>, &[TokenWithSpan])>> {
    let names = ["JSON_VALUE", "JSON_QUERY", "JSON_EXISTS"];
    let Some(name) = tokens.first().and_then(|first| names.into_iter().find(|name| is(first, name))) else {
        return Ok(None);
    };
    let Some([open, inside @ ..]) =
        tokens.get(1..).filter(|rest| rest.first().is_some_and(|next| next.token == Token::LParen))
    else {
        return Ok(None);
    };
    let Some(end) = end_of(inside, |token| *token == Token::RParen) else { return Ok(None) };
    let (inside, behind) = inside.split_at(end);
    let Some(comma) = end_of(inside, |token| *token == Token::Comma) else { return Ok(None) };
    let (value, rest) = inside.split_at(comma);
    let value = match value {
        [value @ .., format, json] if is(format, "FORMAT") && is(json, "JSON") => value,
        value => value,
    };
    let Some(([_, path], words)) = rest.split_at_checked(2) else { return Ok(None) };
    let mut form = Form { span: open.span, words, cast: None, arguments: Vec::new() };
    match name {
        "JSON_VALUE" => form.value()?,
        "JSON_QUERY" => form.query()?,
        _ => form.exists()?,
    }
    let mut written = Vec::new();
    let at = |token| TokenWithSpan { token, span: open.span };
    if form.cast.is_some() {
        written.extend([at(Token::make_keyword("CAST")), at(Token::LParen)]);
    }
    let function =
        TokenWithSpan { token: quoted(&format!("${}", name.to_lowercase())), span: tokens[0].span };
    written.extend([function, open.clone()]);
    written.extend_from_slice(value);
    written.extend([at(Token::Comma), path.clone()]);
    for argument in form.arguments {
        written.push(at(Token::Comma));
        written.extend(argument);
    }
    written.push(at(Token::RParen));
    if let Some(r#type) = form.cast {
        written.extend([at(Token::make_keyword("AS")), at(quoted(&r#type)), at(Token::RParen)]);
    }
    Ok(Some((written, behind.get(1..).unwrap_or_default())))
}

/// What is said behind a path.
struct Form<'a> {
    span: Span,
    words: &'a [TokenWithSpan],
    cast: Option<String>,
    arguments: Vec<Vec<TokenWithSpan>>,
}

impl Form<'_> {
    fn value(&mut self) -> Result<()> {
        self.returning();
        let (mut on_empty, mut on_error) = ((String::from("null"), None), (String::from("null"), None));
        while !self.words.is_empty() {
            let told = if self.eat(&["NULL"]) {
                ("null".to_owned(), None)
            } else if self.eat(&["ERROR"]) {
                ("error".to_owned(), None)
            } else if self.eat(&["DEFAULT"]) {
                let end = self.words.iter().position(|word| is(word, "ON")).unwrap_or(self.words.len());
                let (value, rest) = self.words.split_at(end);
                self.words = rest;
                ("default".to_owned(), Some(value.to_vec()))
            } else {
                return Err(self.unexpected("'DEFAULT', 'ERROR', 'NULL', 'RETURNING'"));
            };
            *(if self.is_on_empty()? { &mut on_empty } else { &mut on_error }) = told;
        }
        self.text(&on_empty.0);
        self.text(&on_error.0);
        for default in [on_empty.1, on_error.1] {
            let argument = match default {
                Some(value) => self.cast_to_varchar(value),
                None => vec![self.at(Token::make_keyword("NULL"))],
            };
            self.arguments.push(argument);
        }
        Ok(())
    }

    fn query(&mut self) -> Result<()> {
        self.returning();
        let mut wrapper = "without";
        if self.eat(&["WITHOUT"]) {
            self.wrapper()?;
        } else if self.eat(&["WITH"]) {
            wrapper = if self.eat(&["CONDITIONAL"]) { "conditional" } else { "with" };
            self.eat(&["UNCONDITIONAL"]);
            self.wrapper()?;
        }
        let mut quotes = "keep";
        if self.eat(&["OMIT", "QUOTES"]) {
            quotes = "omit";
        } else {
            self.eat(&["KEEP", "QUOTES"]);
        }
        self.eat(&["ON", "SCALAR", "STRING"]);
        let (mut on_empty, mut on_error) = ("null", "null");
        while !self.words.is_empty() {
            let told = if self.eat(&["NULL"]) {
                "null"
            } else if self.eat(&["ERROR"]) {
                "error"
            } else if self.eat(&["EMPTY", "ARRAY"]) {
                "[]"
            } else if self.eat(&["EMPTY", "OBJECT"]) {
                "{}"
            } else {
                return Err(self.unexpected("'EMPTY', 'ERROR', 'KEEP', 'NULL', 'OMIT', 'WITH', 'WITHOUT'"));
            };
            *(if self.is_on_empty()? { &mut on_empty } else { &mut on_error }) = told;
        }
        for word in [wrapper, quotes, on_empty, on_error] {
            self.text(word);
        }
        Ok(())
    }

    fn exists(&mut self) -> Result<()> {
        let words = ["TRUE", "FALSE", "UNKNOWN", "ERROR"];
        let told = words.into_iter().find(|word| self.eat(&[word])).unwrap_or("FALSE");
        if !self.words.is_empty() && !self.eat(&["ON", "ERROR"]) {
            return Err(self.unexpected("')', 'ERROR', 'FALSE', 'TRUE', 'UNKNOWN'"));
        }
        self.text(&told.to_lowercase());
        Ok(())
    }

    fn wrapper(&mut self) -> Result<()> {
        self.eat(&["ARRAY"]);
        if self.eat(&["WRAPPER"]) { Ok(()) } else { Err(self.unexpected("'WRAPPER'")) }
    }

    fn returning(&mut self) {
        if !self.eat(&["RETURNING"]) {
            return;
        }
        let ends = ["NULL", "ERROR", "DEFAULT", "WITH", "WITHOUT", "KEEP", "OMIT", "EMPTY", "FORMAT"];
        let length = self.words.iter().position(|word| ends.iter().any(|end| is(word, end)));
        let (r#type, rest) = self.words.split_at(length.unwrap_or(self.words.len()));
        self.words = rest;
        let words: Vec<String> = r#type.iter().map(|token| token.token.to_string().to_lowercase()).collect();
        self.cast = Some(words.join(" "));
    }

    /// Goes over `ON EMPTY` or `ON ERROR`, and tells which.
    fn is_on_empty(&mut self) -> Result<bool> {
        if self.eat(&["ON", "EMPTY"]) {
            return Ok(true);
        }
        if self.eat(&["ON", "ERROR"]) { Ok(false) } else { Err(self.unexpected("'ON'")) }
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.words.len() >= words.len()
            && words.iter().zip(self.words).all(|(word, token)| is(token, word));
        if found {
            self.words = &self.words[words.len()..];
        }
        found
    }

    fn text(&mut self, text: &str) {
        let literal = self.at(Token::SingleQuotedString(text.to_owned()));
        self.arguments.push(vec![literal]);
    }

    fn cast_to_varchar(&self, value: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
        let mut written = vec![self.at(Token::make_keyword("CAST")), self.at(Token::LParen)];
        written.extend(value);
        written.extend([
            self.at(Token::make_keyword("AS")),
            self.at(Token::make_keyword("VARCHAR")),
            self.at(Token::RParen),
        ]);
        written
    }

    fn at(&self, token: Token) -> TokenWithSpan {
        TokenWithSpan { token, span: self.span }
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let (found, place) = match self.words.first() {
            Some(token) => (token.token.to_string(), token.span.start),
            None => (")".to_owned(), self.span.start),
        };
        SyntaxError {
            message: format!("mismatched input '{found}'. Expecting: {expected}"),
            position: Some(Position::from(place)),
        }
    }
}

/// The place of the first such token outside parentheses.
fn end_of(tokens: &[TokenWithSpan], is_end: impl Fn(&Token) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        let found = depth == 0 && is_end(&token.token);
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        found
    })
}

fn quoted(value: &str) -> Token {
    Token::Word(Word { value: value.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword })
}

fn is(token: &TokenWithSpan, keyword: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
}
