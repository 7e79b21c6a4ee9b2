//! SQL text as people type it: cutting it into statements, and letting only those through that read.

use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::QueryError;

/// Text cut at the semicolons that end statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The statements that a semicolon ends, without it; none is blank.
    pub complete: Vec<String>,
    /// What follows the last semicolon, where that is more than blanks and comments.
    pub rest: Option<String>,
}

/// Cuts text at its semicolons, except those in quotes and comments.
#[must_use]
pub fn split(text: &str) -> Split {
    let mut tokens = Vec::new();
    let tokenized = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    let mut cursor = Cursor { rest: text, line: 1, column: 1 };
    let mut complete = Vec::new();
    let mut blank = true;
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::SemiColon => {
                let statement = cursor.take_until(span.start);
                cursor.take_until(span.end);
                if !blank {
                    complete.push(statement.trim().to_owned());
                }
                blank = true;
            }
            Token::Whitespace(_) => {}
            _ => blank = false,
        }
    }
    let unfinished = !blank || tokenized.is_err();
    Split { complete, rest: unfinished.then(|| cursor.rest.trim().to_owned()) }
}

/// Parses one statement that reads.
pub(crate) fn parse(text: &str) -> Result<Statement, QueryError> {
    let mut statements = DFParser::parse_sql(text).map_err(QueryError::of_planning)?;
    let count = statements.len();
    match statements.pop_front() {
        None => Err(QueryError::NoStatement),
        Some(_) if count > 1 => Err(QueryError::SeveralStatements { count }),
        Some(statement) if reads(&statement) => Ok(statement),
        Some(_) => Err(QueryError::ReadOnly { statement: name_of(text) }),
    }
}

/// The first word of a statement, upper case.
pub(crate) fn name_of(text: &str) -> String {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let word = tokens.into_iter().find_map(|token| match token {
        Token::Word(word) => Some(word.value.to_uppercase()),
        _ => None,
    });
    word.unwrap_or_else(|| "this statement".to_owned())
}

/// Whether a statement is of a kind that reads. What an EXPLAIN or a WITH holds is seen in the plan only.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(
            **statement,
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowVariable { .. }
                | SqlStatement::ShowFunctions { .. }
        ),
        Statement::Explain(_) => true,
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

/// A place in a text that moves forward only, counting lines and columns as the tokenizer does.
struct Cursor<'a> {
    rest: &'a str,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    /// The text from here to the location, or to the end.
    fn take_until(&mut self, location: Location) -> &'a str {
        let mut length = 0;
        for character in self.rest.chars() {
            if (self.line, self.column) >= (location.line, location.column) {
                break;
            }
            length += character.len_utf8();
            if character == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split_of(complete: &[&str], rest: Option<&str>) -> Split {
        Split {
            complete: complete.iter().map(|&text| text.to_owned()).collect(),
            rest: rest.map(str::to_owned),
        }
    }

    #[test]
    fn only_a_semicolon_that_ends_a_statement_cuts() {
        let text = "SELECT ';' -- no; no\n, \"a;b\" /* ;\n; */;\n;; SELECT 'é\n;' ; SELECT 3";
        let expected =
            split_of(&["SELECT ';' -- no; no\n, \"a;b\" /* ;\n; */", "SELECT 'é\n;'"], Some("SELECT 3"));
        assert_eq!(split(text), expected);
    }

    #[test]
    fn blanks_and_comments_are_no_statement() {
        assert_eq!(split(" ; -- nothing\n ; /* here */ "), split_of(&[], None));
        assert_eq!(split(""), split_of(&[], None));
    }

    #[test]
    fn an_open_quote_or_comment_waits_for_its_end() {
        assert_eq!(split("SELECT 1; SELECT 'a; "), split_of(&["SELECT 1"], Some("SELECT 'a;")));
        assert_eq!(split("SELECT 1 /* ;"), split_of(&[], Some("SELECT 1 /* ;")));
    }

    proptest! {
        #[test]
        fn joined_statements_come_apart_again(
            statements in prop::collection::vec("[a-zé][a-zé \n]{0,12}[a-z]( ';\n''')?", 0..6),
        ) {
            let text = statements.iter().fold(String::new(), |text, statement| text + "\n" + statement + " ;");
            prop_assert_eq!(split(&text), Split { complete: statements, rest: None });
        }
    }

    #[test]
    fn what_writes_is_refused_by_name() {
        let refused = |text| match parse(text).unwrap_err() {
            QueryError::ReadOnly { statement } => statement,
            other => panic!("{text}: {other}"),
        };
        assert_eq!(refused("-- quietly\ninsert into raw.trades values (1)"), "INSERT");
        assert_eq!(refused("COPY raw.trades TO 'out.csv'"), "COPY");
        assert_eq!(refused("SET datafusion.execution.batch_size = 1"), "SET");
        assert_eq!(refused("RESET datafusion.execution.batch_size"), "RESET");
        assert_eq!(refused("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x.csv'"), "CREATE");
        assert_eq!(refused("DELETE FROM raw.trades"), "DELETE");
        assert_eq!(refused("BEGIN"), "BEGIN");
    }

    #[test]
    fn one_statement_at_a_time() {
        assert!(matches!(parse("-- nothing"), Err(QueryError::NoStatement)));
        assert!(matches!(parse("SELECT 1; SELECT 2"), Err(QueryError::SeveralStatements { count: 2 })));
        assert!(parse("SELECT 1;").is_ok());
    }
}
