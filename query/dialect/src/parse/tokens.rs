//! The words of a statement, read from left to right.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::{SyntaxError, extent};
use crate::statement::{Identifier, Like, Name, Position};

pub(super) type Result<T> = std::result::Result<T, SyntaxError>;

/// How deep expressions and queries may lie in each other.
const DEPTH: usize = 100;

/// Tokens without blanks and comments, of which some have been read.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    read_and_unread: Vec<TokenWithSpan>,
    next: usize,
}

impl<'a> Tokens<'a> {
    /// The tokens of a text, without a semicolon at its end.
    pub(super) fn of(text: &'a str) -> Result<Self> {
        let mut tokens =
            Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|error| {
                SyntaxError { message: error.message, position: Some(Position::from(error.location)) }
            })?;
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        while tokens.last().is_some_and(|token| token.token == Token::SemiColon) {
            tokens.pop();
        }
        extent::check(&tokens)?;
        Ok(Self { text, read_and_unread: tokens, next: 0 })
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next >= self.read_and_unread.len()
    }

    /// Whether the next tokens are these keywords.
    pub(super) fn at(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(place, word)| {
            matches!(self.peek(place), Some(Token::Word(found))
                if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
        })
    }

    /// Goes over these keywords, where they follow.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.at(words);
        if found {
            self.next += words.len();
        }
        found
    }

    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        let found = self.peek(0) == Some(token);
        if found {
            self.next += 1;
        }
        found
    }

    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.eat(&[word]) {
                return Err(self.unexpected(&format!("'{word}'")));
            }
        }
        Ok(())
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.eat_token(token) { Ok(()) } else { Err(self.unexpected(&format!("'{token}'"))) }
    }

    pub(super) fn expect_end(&self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected("<EOF>")) }
    }

    /// What is wrong with the next token.
    pub(super) fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = self.peek(0).map_or("<EOF>".to_owned(), ToString::to_string);
        let message = format!("mismatched input '{found}'. Expecting: {expected}");
        SyntaxError { message, position: Some(self.position()) }
    }

    pub(super) fn position(&self) -> Position {
        self.location().into()
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<&Token> {
        self.read_and_unread.get(self.next + ahead).map(|token| &token.token)
    }

    pub(super) fn identifier(&mut self) -> Result<Identifier> {
        let position = self.position();
        match self.peek(0) {
            Some(Token::Word(word)) => {
                let value = word.value.to_lowercase();
                self.next += 1;
                Ok(Identifier { value, position })
            }
            _ => Err(self.unexpected("<identifier>")),
        }
    }

    pub(super) fn name(&mut self) -> Result<Name> {
        let first = self.identifier()?;
        let mut rest = Vec::new();
        while self.eat_token(&Token::Period) {
            rest.push(self.identifier()?);
        }
        Ok(Name::new(first, rest))
    }

    /// Identifiers in parentheses; none where no parenthesis follows.
    pub(super) fn identifiers(&mut self) -> Result<Vec<Identifier>> {
        let mut found = Vec::new();
        if self.eat_token(&Token::LParen) {
            found.push(self.identifier()?);
            while self.eat_token(&Token::Comma) {
                found.push(self.identifier()?);
            }
            self.expect_token(&Token::RParen)?;
        }
        Ok(found)
    }

    pub(super) fn string(&mut self) -> Result<String> {
        match self.peek(0) {
            Some(Token::SingleQuotedString(text) | Token::UnicodeStringLiteral(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("<string>")),
        }
    }

    /// `COMMENT 'text'`, where it follows.
    pub(super) fn comment(&mut self) -> Result<Option<String>> {
        if self.eat(&["COMMENT"]) { self.string().map(Some) } else { Ok(None) }
    }

    /// `LIKE 'pattern' ESCAPE 'character'`, where it follows.
    pub(super) fn like(&mut self) -> Result<Option<Like>> {
        if !self.eat(&["LIKE"]) {
            return Ok(None);
        }
        let pattern = self.string()?;
        let position = self.position();
        let escape = if self.eat(&["ESCAPE"]) { Some(self.string()?) } else { None };
        let escape = match escape.as_deref().map(|escape| (escape.chars().next(), escape.chars().count())) {
            None => None,
            Some((Some(character), 1)) => Some(character),
            Some(_) => {
                let message = "Escape string must be a single character".to_owned();
                return Err(SyntaxError { message, position: Some(position) });
            }
        };
        Ok(Some(Like { pattern, escape }))
    }

    /// The text of a type: all up to a comma, a parenthesis that closes, or what else is said of a column.
    pub(super) fn type_text(&mut self) -> Result<String> {
        let start = offset(self.text, self.location());
        let mut end = start;
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            let says_more = self.at(&["NOT"])
                || self.at(&["COMMENT"])
                || (self.at(&["WITH"]) && !self.at(&["WITH", "TIME"]));
            match token {
                Token::LParen => depth += 1,
                Token::RParen | Token::Comma if depth == 0 => break,
                Token::RParen => depth -= 1,
                Token::Word(_) if depth == 0 && says_more => break,
                _ => {}
            }
            end = self.read_and_unread.get(self.next).map_or(end, |token| offset(self.text, token.span.end));
            self.next += 1;
        }
        match self.text.get(start..end) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(self.unexpected("<type>")),
        }
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough in its lifetimes"
    )]
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.parsed(|parser| parser.parse_expr())
    }

    pub(super) fn expressions(&mut self) -> Result<Vec<Expr>> {
        self.parsed(|parser| parser.parse_comma_separated(Parser::parse_expr))
    }

    /// What the general parser reads from here.
    pub(super) fn parsed<T>(
        &mut self,
        read: impl FnOnce(&mut Parser<'_>) -> std::result::Result<T, ParserError>,
    ) -> Result<T> {
        let rest = self.read_and_unread.get(self.next..).unwrap_or_default().to_vec();
        let end = self.end();
        let dialect = GenericDialect {};
        let mut parser = Parser::new(&dialect).with_recursion_limit(DEPTH).with_tokens_with_locations(rest);
        let value = read(&mut parser).map_err(|error| SyntaxError::of_parser(&error, end))?;
        self.next += parser.index();
        Ok(value)
    }

    /// The tokens that have not been read, all of which are taken.
    pub(super) fn take_rest(&mut self) -> Vec<TokenWithSpan> {
        let rest = self.read_and_unread.get(self.next..).unwrap_or_default().to_vec();
        self.next = self.read_and_unread.len();
        rest
    }

    /// These tokens instead of those that have not been read.
    pub(super) fn replace_rest(&mut self, rest: Vec<TokenWithSpan>) {
        self.read_and_unread.truncate(self.next);
        self.read_and_unread.extend(rest);
    }

    /// The text from the next token on.
    pub(super) fn rest_of_text(&self) -> &'a str {
        let rest = self.text.get(offset(self.text, self.location())..).unwrap_or_default();
        rest.trim_end().trim_end_matches(';').trim_end()
    }

    fn location(&self) -> Location {
        self.read_and_unread.get(self.next).map_or_else(|| self.end(), |token| token.span.start)
    }

    /// Where the last token ends.
    fn end(&self) -> Location {
        self.read_and_unread.last().map_or(Location { line: 1, column: 1 }, |token| token.span.end)
    }
}

/// The byte at which a location lies, or the length of the text.
fn offset(text: &str, location: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (offset, character) in text.char_indices() {
        if (line, column) >= (location.line, location.column) {
            return offset;
        }
        if character == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    text.len()
}
