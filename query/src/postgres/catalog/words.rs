//! What tools write in their questions and the planner does not know.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, Expr, FunctionArguments, Statement, Value, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// Puts what the planner knows in the place of what it does not.
pub(super) fn replace(statement: &mut Statement) {
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expression| {
        without_members(expression);
        escaped_by_backslash(expression);
        ControlFlow::Continue(())
    });
}

/// Makes `ARRAY(SELECT …)` an empty list. Tools gather the members of roles and policies so, and there are none.
fn without_members(expression: &mut Expr) {
    if let Expr::Function(function) = expression
        && matches!(function.args, FunctionArguments::Subquery(_))
        && function.name.to_string().eq_ignore_ascii_case("array")
    {
        *expression = Expr::Array(Array { elem: Vec::new(), named: true });
    }
}

/// `LIKE` with another escape character than the backslash.
fn escaped_by_backslash(expression: &mut Expr) {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = expression
    else {
        return;
    };
    let Some(Value::SingleQuotedString(escape)) = escape_char else { return };
    let text = format!(r"replace(replace({pattern}, '\', '\\'), '{}', '\')", escape.replace('\'', "''"));
    let parsed =
        Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
    if escape != r"\"
        && let Ok(call) = parsed
    {
        **pattern = call;
        *escape_char = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backslash_escapes() {
        for (text, expected) in [
            (
                r"SELECT a LIKE 'pg/_%' ESCAPE '/'",
                r"SELECT a LIKE replace(replace('pg/_%', '\', '\\'), '/', '\')",
            ),
            (r"SELECT a LIKE '\_' ESCAPE '\'", r"SELECT a LIKE '\_' ESCAPE '\'"),
            ("SELECT a NOT LIKE 'b'", "SELECT a NOT LIKE 'b'"),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap().remove(0);
            replace(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
