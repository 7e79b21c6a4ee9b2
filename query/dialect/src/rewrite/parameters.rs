//! Parameters of prepared statements, `?` from left to right or `$1`, put in as values.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Value, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// How many parameters a text has.
#[must_use]
pub fn parameter_count(text: &str) -> usize {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let mut unnumbered = 0;
    let mut highest = 0;
    for token in tokens {
        if let Token::Placeholder(name) = token {
            match number_of(&name) {
                Some(number) => highest = highest.max(number),
                None => unnumbered += 1,
            }
        }
    }
    unnumbered.max(highest)
}

/// Puts values in the place of parameters, each in parentheses. Parameters beyond the values stay.
pub fn with_parameters<T: VisitMut>(statement: &mut T, values: &[Expr]) {
    let mut next = 0;
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expression| {
        if let Expr::Value(value) = expression
            && let Value::Placeholder(name) = &value.value
        {
            let place = number_of(name).map_or(next, |number| number - 1);
            next += 1;
            if let Some(value) = values.get(place) {
                *expression = value.clone();
            }
        }
        ControlFlow::Continue(())
    });
}

/// The expression that a text is.
///
/// # Errors
/// Where it is none.
pub fn literal(text: &str) -> Result<Expr, ParserError> {
    Parser::new(&GenericDialect {}).try_with_sql(text)?.parse_expr()
}

/// The number of `$1`; `None` for `?`.
fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::statement::Statement;

    #[test]
    fn values_take_the_places_of_parameters() {
        for text in ["SELECT ? FROM t WHERE a = ? LIMIT ?", "SELECT $1 FROM t WHERE a = $2 LIMIT $3"] {
            assert_eq!(parameter_count(text), 3);
            let Ok(Statement::Query { mut query, .. }) = parse(text) else { panic!() };
            let values = ["DATE '2024-08-08'", "'?'", "5"].map(|text| literal(text).unwrap());
            with_parameters(query.as_mut(), &values);
            assert_eq!(query.to_string(), "SELECT DATE '2024-08-08' FROM t WHERE a = '?' LIMIT 5");
        }
        assert_eq!(parameter_count("SELECT '?'"), 0);
    }
}
