//! The parts of a query that Trino and the planner write differently.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Fetch, Join, JoinConstraint, JoinOperator, LimitClause, Query, Select, SetExpr, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut,
};
use thiserror::Error;

use super::using::owners_named;

/// A part of a query that is known and not supported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} is not supported")]
pub struct ShapeError {
    pub what: String,
}

/// Puts a query, with all that are in it, in the planner's form: `FETCH FIRST` becomes a limit, a join with `UNNEST` a
/// join in parentheses of its own, which [`UnnestPlanner`](super::UnnestPlanner) plans, and columns of several `USING` those of
/// one of the tables.
///
/// # Errors
/// [`ShapeError`] for what has no such form.
pub fn shaped(query: &mut Query) -> Result<(), ShapeError> {
    match query.visit(&mut Shaping) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Shaping;

impl VisitorMut for Shaping {
    type Break = Box<ShapeError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(fetch) = query.fetch.take()
            && let Err(error) = limit(query, fetch)
        {
            return ControlFlow::Break(Box::new(error));
        }
        if let Some(LimitClause::LimitOffset { limit, .. }) = &mut query.limit_clause {
            limit.take_if(|limit| is_all(limit));
        }
        owners_named(query);
        body(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn limit(query: &mut Query, fetch: Fetch) -> Result<(), ShapeError> {
    if fetch.with_ties || fetch.percent {
        let what = if fetch.with_ties { "FETCH FIRST … WITH TIES" } else { "FETCH FIRST … PERCENT" };
        return Err(ShapeError { what: what.to_owned() });
    }
    let rows = fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(rows),
        _ => {
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() });
        }
    }
    Ok(())
}

fn is_all(limit: &Expr) -> bool {
    matches!(limit, Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all"))
}

/// The queries inside are visited by themselves.
fn body(body_of_query: &mut SetExpr) {
    match body_of_query {
        SetExpr::Select(select) => unnests_in_parentheses(select),
        SetExpr::SetOperation { left, right, .. } => {
            body(left);
            body(right);
        }
        _ => {}
    }
}

/// `FROM a, b CROSS JOIN UNNEST(b.c)` as `FROM (a CROSS JOIN b CROSS JOIN UNNEST(b.c))`.
fn unnests_in_parentheses(select: &mut Select) {
    let last_with_unnest = select.from.iter().rposition(|item| {
        is_unnest(&item.relation) || item.joins.iter().any(|join| is_unnest(&join.relation))
    });
    let Some(last) = last_with_unnest else { return };
    let mut items = select.from.drain(..=last).collect::<Vec<_>>().into_iter();
    let Some(first) = items.next() else { return };
    let mut joined = first;
    for item in items {
        joined.joins.push(cross(item.relation));
        joined.joins.extend(item.joins);
    }
    select.from.insert(0, nested(joined));
}

/// Each `UNNEST` with what stands left of it in parentheses.
fn nested(table: TableWithJoins) -> TableWithJoins {
    let mut so_far = TableWithJoins { relation: table.relation, joins: Vec::new() };
    for join in table.joins {
        let is_unnest = is_unnest(&join.relation);
        so_far.joins.push(join);
        if is_unnest {
            let relation = TableFactor::NestedJoin { table_with_joins: Box::new(so_far), alias: None };
            so_far = TableWithJoins { relation, joins: Vec::new() };
        }
    }
    so_far
}

fn cross(relation: TableFactor) -> Join {
    Join { relation, global: false, join_operator: JoinOperator::CrossJoin(JoinConstraint::None) }
}

fn is_unnest(relation: &TableFactor) -> bool {
    matches!(relation, TableFactor::UNNEST { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::statement::Statement;

    fn shaped_text(text: &str) -> Result<String, ShapeError> {
        let Ok(Statement::Query { mut query, .. }) = parse(text) else { panic!("{text}") };
        shaped(&mut query).map(|()| query.to_string())
    }

    #[test]
    fn fetch_is_a_limit() {
        for (text, expected) in [
            ("SELECT 1 OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY", "SELECT 1 LIMIT 3 OFFSET 2 ROWS"),
            ("SELECT * FROM (SELECT 1 FETCH NEXT ROW ONLY) t", "SELECT * FROM (SELECT 1 LIMIT 1) t"),
            ("SELECT 1 LIMIT ALL", "SELECT 1"),
        ] {
            assert_eq!(shaped_text(text).unwrap(), expected);
        }
        assert!(shaped_text("SELECT 1 FETCH FIRST 3 ROWS WITH TIES").is_err());
    }

    #[test]
    fn an_unnest_is_joined_in_parentheses() {
        for (text, expected) in [
            (
                "SELECT * FROM a CROSS JOIN UNNEST(a.x) AS t (y) JOIN b ON true",
                "SELECT * FROM (a CROSS JOIN UNNEST(a.x) AS t (y)) JOIN b ON true",
            ),
            (
                "SELECT * FROM a, b, UNNEST(b.x), c",
                "SELECT * FROM (a CROSS JOIN b CROSS JOIN UNNEST(b.x)), c",
            ),
            ("SELECT * FROM UNNEST(a)", "SELECT * FROM UNNEST(a)"),
        ] {
            assert_eq!(shaped_text(text).unwrap(), expected);
        }
    }
}
