//! How far a statement may go, seen in its tokens before anything else is done with them.
//!
//! Parsing and planning walk expressions by recursion, and look at a chain of operators again for each of its links. What the
//! parser does not understand within some words it reads a second time, and so does each such word around it. Without bounds a
//! statement of a few kilobytes would take the stack, or a processor for minutes.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::SyntaxError;
use crate::statement::Position;

/// Operators that may stand in a row, with those around them.
const LONGEST_CHAIN: usize = 2_000;

/// Terms of a sum or a product, whose types are found again for each of them.
const LONGEST_SUM: usize = 200;

/// Queries in a row, and tables joined.
const MOST_QUERIES: usize = 500;

/// Words in each other whose content may be read twice.
const MOST_READ_TWICE: usize = 12;

/// Words after whose bracket the parser tries twice.
const READ_TWICE: [&str; 17] = [
    "ARRAY",
    "CAST",
    "CEIL",
    "CONVERT",
    "EXTRACT",
    "FLOOR",
    "INTERVAL",
    "MAP",
    "MATCH",
    "OVERLAY",
    "POSITION",
    "SAFE_CAST",
    "STRUCT",
    "SUBSTR",
    "SUBSTRING",
    "TRIM",
    "TRY_CAST",
];

/// What is counted, of one pair of brackets or of all that are open.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    chain: usize,
    sum: usize,
    queries: usize,
    read_twice: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    Statement,
    Bracket,
    Case,
}

/// What is between a bracket, or `CASE`, and its end.
#[derive(Debug, Clone, Copy)]
struct Level {
    opened: Opened,
    counts: Counts,
    lists_tables: bool,
}

/// The levels that are open at a token.
struct Levels {
    outer: Vec<Level>,
    current: Level,
    /// Of the outer ones together.
    around: Counts,
}

/// Checks that a statement stays within the bounds. O(tokens).
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), SyntaxError> {
    let mut levels =
        Levels { outer: Vec::new(), current: Level::new(Opened::Statement), around: Counts::default() };
    let mut before = &Token::EOF;
    for TokenWithSpan { token, span } in tokens {
        levels.take(token, before);
        if let Some(what) = levels.beyond() {
            let message = format!("statement is too large: more than {what}");
            return Err(SyntaxError { message, position: Some(Position::from(span.start)) });
        }
        before = token;
    }
    Ok(())
}

impl Level {
    fn new(opened: Opened) -> Self {
        Self { opened, counts: Counts::default(), lists_tables: false }
    }

    /// A new expression begins.
    fn begin_expression(&mut self) {
        (self.counts.chain, self.counts.sum) = (0, 0);
    }
}

impl Levels {
    fn take(&mut self, token: &Token, before: &Token) {
        match token {
            Token::LParen | Token::LBracket => {
                if matches!(before, Token::RParen | Token::RBracket) {
                    self.current.counts.chain += 1;
                }
                self.open(Opened::Bracket, is_one_of(before, &READ_TWICE));
            }
            Token::RParen | Token::RBracket => self.close_bracket(),
            Token::Comma => {
                self.current.begin_expression();
                self.current.counts.queries += usize::from(self.current.lists_tables);
            }
            Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => {
                self.current.counts.sum += 1;
            }
            Token::Word(word) if word.quote_style.is_none() && *before != Token::Period => {
                self.take_word(&word.value.to_ascii_uppercase());
            }
            Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Period
            | Token::SemiColon => {}
            _ => self.current.counts.chain += 1,
        }
    }

    fn take_word(&mut self, word: &str) {
        let level = &mut self.current;
        match word {
            "CASE" => self.open(Opened::Case, true),
            "END" if level.opened == Opened::Case => self.close(),
            "AND" | "OR" => {
                level.counts.chain += 1;
                level.counts.sum = 0;
            }
            "AT" | "BETWEEN" | "COLLATE" | "IN" | "IS" | "LIKE" | "NOT" => level.counts.chain += 1,
            "UNION" | "EXCEPT" | "INTERSECT" | "JOIN" => {
                level.begin_expression();
                level.counts.queries += 1;
            }
            "FROM" => {
                level.begin_expression();
                level.lists_tables = true;
            }
            "SELECT" | "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "WINDOW" => {
                level.begin_expression();
                level.lists_tables = false;
            }
            "ON" | "WHEN" | "THEN" | "ELSE" | "VALUES" => level.begin_expression(),
            _ => {}
        }
    }

    fn open(&mut self, opened: Opened, is_read_twice: bool) {
        self.current.counts.read_twice += usize::from(is_read_twice);
        self.around = self.around.and(self.current.counts);
        self.outer.push(std::mem::replace(&mut self.current, Level::new(opened)));
    }

    fn close(&mut self) {
        let Some(outer) = self.outer.pop() else { return };
        self.current = outer;
        self.around = self.around.without(outer.counts);
        self.current.counts.read_twice = 0;
    }

    /// Closes a bracket, with every `CASE` in it that has no end.
    fn close_bracket(&mut self) {
        while self.current.opened == Opened::Case {
            self.close();
        }
        self.close();
    }

    /// Which bound is passed, in words.
    fn beyond(&self) -> Option<String> {
        let Counts { chain, sum, queries, read_twice } = self.around.and(self.current.counts);
        if chain + sum > LONGEST_CHAIN {
            Some(format!("{LONGEST_CHAIN} operators in a row"))
        } else if sum > LONGEST_SUM {
            Some(format!("{LONGEST_SUM} terms in a sum or product"))
        } else if queries > MOST_QUERIES {
            Some(format!("{MOST_QUERIES} queries or tables in a row"))
        } else if read_twice > MOST_READ_TWICE {
            Some(format!("{MOST_READ_TWICE} arrays, casts or cases in each other"))
        } else {
            None
        }
    }
}

impl Counts {
    fn and(self, other: Self) -> Self {
        Self {
            chain: self.chain + other.chain,
            sum: self.sum + other.sum,
            queries: self.queries + other.queries,
            read_twice: self.read_twice + other.read_twice,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            chain: self.chain - other.chain,
            sum: self.sum - other.sum,
            queries: self.queries - other.queries,
            read_twice: self.read_twice - other.read_twice,
        }
    }
}

fn is_one_of(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && words.iter().any(|known| word.value.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;

    fn refused(text: &str) -> Option<String> {
        Tokens::of(text).err().map(|error| error.message)
    }

    fn chain(of: &str, by: &str, links: usize) -> String {
        format!("SELECT {}", vec![of; links].join(by))
    }

    fn nest(open: &str, inner: &str, close: &str, levels: usize) -> String {
        format!("SELECT {}{inner}{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn what_people_and_tools_write_is_taken() {
        for text in [
            chain("price = 1", " OR ", 900),
            chain("a + b", ", ", 5_000),
            chain("x", " + ", 200),
            chain("SELECT 1, 2", " UNION ALL ", 500),
            format!("SELECT 1 WHERE x IN ({})", vec!["-1"; 10_000].join(", ")),
            format!("VALUES {}", vec!["(1, -2, 'x')"; 5_000].join(", ")),
            nest("abs(", "1", ")", 90),
            nest("CASE WHEN true THEN 1 ELSE ", "1", " END", 12),
            format!("SELECT {}", vec!["CASE WHEN a > 1 THEN CAST(b AS bigint) END"; 400].join(", ")),
            r#"SELECT "case", t.case FROM t"#.to_owned(),
        ] {
            assert_eq!(refused(&text), None, "{}", &text[..60]);
        }
    }

    #[test]
    fn what_would_take_a_processor_or_the_stack_is_refused() {
        for (text, why) in [
            (chain("1", "+", 202), "200 terms in a sum or product"),
            (chain("price=1", " OR ", 1_001), "2000 operators in a row"),
            (chain("x", "||", 2_002), "2000 operators in a row"),
            (chain("SELECT 1", " UNION ", 502), "500 queries or tables in a row"),
            (format!("SELECT 1 FROM {}", vec!["t"; 502].join(", ")), "500 queries or tables in a row"),
            (format!("SELECT 1 FROM t{}", " JOIN t ON true".repeat(501)), "500 queries or tables in a row"),
            (format!("SELECT a{}", "[1]".repeat(2_002)), "2000 operators in a row"),
            (format!("SELECT a{}", " IS NULL".repeat(2_001)), "2000 operators in a row"),
            (nest("ARRAY[", "1 1", "]", 13), "12 arrays, casts or cases in each other"),
            (nest("CASE WHEN 1=1 THEN ", "1 1", " END", 13), "12 arrays, casts or cases in each other"),
            (nest("CAST(", "1 1", " AS bigint)", 13), "12 arrays, casts or cases in each other"),
            (nest("(1+1+1+1+1+1+1+", "1", ")", 30), "200 terms in a sum or product"),
        ] {
            let expected = format!("statement is too large: more than {why}");
            assert_eq!(refused(&text), Some(expected), "{}", &text[..40]);
        }
    }
}
