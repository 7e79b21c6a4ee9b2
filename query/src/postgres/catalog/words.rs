//! What tools write in their questions and the planner does not know.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, Expr, FunctionArguments, SelectItem, SetExpr, Statement, TableFactor, Value, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::absent::is_absent;
use super::numbers::numbered;
use crate::postgres::dialect::call;

/// Puts what the planner knows in the place of what it does not.
pub(super) fn replace(statement: &mut Statement) {
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expression| {
        without_members(expression);
        escaped_by_backslash(expression);
        without_number_type(expression);
        of_one_row(expression);
        counted(expression);
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
    if escape != r"\"
        && let Some(call) = parsed(&text)
    {
        **pattern = call;
        *escape_char = None;
    }
}

/// A number needs no cast to a type of numbers.
fn without_number_type(expression: &mut Expr) {
    while let Expr::Cast { expr, data_type, .. } = expression
        && numbered(data_type).is_some()
    {
        *expression = (**expr).clone();
    }
}

/// A column of the one row of another table, which the planner wants to see that it is one: as a maximum. NULL where that table
/// has no rows.
fn of_one_row(expression: &mut Expr) {
    let Expr::Subquery(query) = expression else { return };
    let SetExpr::Select(select) = &mut *query.body else { return };
    let (Some(from), [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }]) =
        (select.from.first(), &mut select.projection[..])
    else {
        return;
    };
    let is_count =
        matches!(item, Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("count"));
    if is_from_absent(&from.relation) && !is_count {
        *expression = Expr::value(Value::Null);
    } else if matches!(item, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        && query.limit_clause.is_none()
        && query.fetch.is_none()
    {
        *item = call("max", item.clone());
        query.order_by = None;
    }
}

fn is_from_absent(relation: &TableFactor) -> bool {
    let TableFactor::Table { name, .. } = relation else { return false };
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| is_absent(&ident.value))
}

/// `generate_subscripts(list, 1)`, the places in a list, as what the planner has.
fn counted(expression: &mut Expr) {
    let Expr::Function(function) = expression else { return };
    let FunctionArguments::List(arguments) = &function.args else { return };
    let named = function.name.0.last().and_then(|part| part.as_ident());
    let is_subscripts = named.is_some_and(|ident| ident.value.eq_ignore_ascii_case("generate_subscripts"));
    if let (true, Some(list)) = (is_subscripts, arguments.args.first())
        && let Some(replacement) =
            parsed(&format!("unnest(generate_series(1, CAST(array_length({list}) AS bigint)))"))
    {
        *expression = replacement;
    }
}

fn parsed(text: &str) -> Option<Expr> {
    Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_expr()).ok()
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

    #[test]
    fn columns_of_other_tables_are_of_one_row_or_of_none() {
        for (text, expected) in [
            (
                "SELECT CASE WHEN a THEN (SELECT b FROM pg_catalog.pg_attrdef WHERE c = t.d) END FROM t",
                "SELECT CASE WHEN a THEN NULL END FROM t",
            ),
            (
                "SELECT a = (SELECT x.b FROM pg_type x WHERE x.c = t.d ORDER BY 1) FROM t",
                "SELECT a = (SELECT max(x.b) FROM pg_type x WHERE x.c = t.d) FROM t",
            ),
            ("SELECT (SELECT count(*) FROM pg_index)", "SELECT (SELECT count(*) FROM pg_index)"),
            ("SELECT CAST(CAST(a AS REGCLASS) AS OID) FROM t", "SELECT a FROM t"),
            (
                "SELECT generate_subscripts(a.b, 1) FROM a",
                "SELECT unnest(generate_series(1, CAST(array_length(a.b) AS BIGINT))) FROM a",
            ),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap().remove(0);
            replace(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
