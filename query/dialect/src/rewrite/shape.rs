//! The parts of a query that Trino and the planner write differently.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Fetch, Ident, Join, JoinConstraint, JoinOperator, LimitClause, Query, Select, SetExpr, Spanned,
    TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Location;
use thiserror::Error;

use super::exists::exists_replaced;
use super::recursive::names_in_first_part;
use super::ties::ranked;
use super::using::owners_named;
use crate::semantics::lambda_of_unknown;
use crate::statement::Position;

/// A part of a query that is known and not supported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} is not supported")]
pub struct ShapeError {
    pub what: String,
    /// Where it stands, where that is known.
    pub position: Option<Position>,
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
        names_in_first_part(query);
        if let Some(LimitClause::LimitOffset { limit, .. }) = &mut query.limit_clause {
            limit.take_if(|limit| is_all(limit));
        }
        owners_named(query);
        body(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Self::Break> {
        let (what, place) = match table {
            TableFactor::MatchRecognize { table, .. } => ("MATCH_RECOGNIZE", table.span().start),
            TableFactor::TableFunction { expr, .. } => {
                // Lines up with UNNEST, which gives the same rows.
                if let Some(array) = sequence(expr) {
                    let TableFactor::TableFunction { alias, .. } = table else {
                        return ControlFlow::Continue(());
                    };
                    let mut alias = alias.take().unwrap_or_else(|| TableAlias {
                        explicit: true,
                        name: Ident::with_quote('"', "sequence"),
                        columns: Vec::new(),
                    });
                    if alias.columns.is_empty() {
                        let name = Ident::with_quote('"', "sequential_number");
                        alias.columns.push(TableAliasColumnDef { name, data_type: None });
                    }
                    *table = TableFactor::UNNEST {
                        alias: Some(alias),
                        array_exprs: vec![array],
                        with_offset: false,
                        with_offset_alias: None,
                        with_ordinality: false,
                    };
                    return ControlFlow::Continue(());
                }
                ("a table function other than sequence", expr.span().start)
            }
            TableFactor::Pivot { table, .. } | TableFactor::Unpivot { table, .. } => {
                ("PIVOT", table.span().start)
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(Box::new(not_supported(what, place)))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        match lambda_of_unknown(function) {
            Some(name) => {
                let what = format!("a function as an argument of {name}");
                ControlFlow::Break(Box::new(not_supported(&what, function.name.span().start)))
            }
            None => ControlFlow::Continue(()),
        }
    }
}

fn not_supported(what: &str, place: Location) -> ShapeError {
    let position = (place.line > 0).then(|| Position::from(place));
    ShapeError { what: what.to_owned(), position }
}

/// `TABLE(sequence(1, 3))`: the array of its numbers.
fn sequence(expr: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    name.as_ident()?.value.eq_ignore_ascii_case("sequence").then(|| expr.clone())
}

fn limit(query: &mut Query, fetch: Fetch) -> Result<(), ShapeError> {
    let rows = fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
    if fetch.percent {
        return Err(ShapeError { what: "FETCH FIRST … PERCENT".to_owned(), position: None });
    }
    if fetch.with_ties {
        if query.order_by.is_none() {
            let what = "FETCH FIRST … WITH TIES of a query without ORDER BY".to_owned();
            return Err(ShapeError { what, position: None });
        }
        let what = "FETCH FIRST … WITH TIES of such a query".to_owned();
        *query = ranked(query, &rows).ok_or(ShapeError { what, position: None })?;
        return Ok(());
    }
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
        SetExpr::Select(select) => {
            exists_replaced(select);
            unnests_in_parentheses(select);
        }
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
        assert_eq!(
            shaped_text(
                "WITH a AS (SELECT 1) SELECT x, y AS z FROM a ORDER BY z DESC, 1 FETCH FIRST 3 ROWS WITH TIES"
            )
            .unwrap(),
            "WITH a AS (SELECT 1) SELECT * EXCEPT (\"$rank\") FROM (SELECT x, y AS z, rank() OVER (ORDER BY y DESC, x) AS \"$rank\" \
             FROM a) AS \"$ranked\" WHERE \"$rank\" <= 3 ORDER BY \"$rank\""
        );
    }

    #[test]
    fn a_recursive_query_names_its_columns_in_its_first_part() {
        for (text, expected) in [
            (
                "WITH RECURSIVE t (n, m) AS (SELECT 1, 2 UNION ALL SELECT n, m FROM t) SELECT * FROM t",
                "WITH RECURSIVE t AS (SELECT 1 AS n, 2 AS m UNION ALL SELECT n, m FROM t) SELECT * FROM t",
            ),
            (
                "WITH RECURSIVE t (n) AS (VALUES 1 UNION ALL SELECT n FROM t) SELECT * FROM t",
                "WITH RECURSIVE t AS (SELECT * FROM (VALUES (1)) AS \"$first\" (n) UNION ALL SELECT n FROM t) SELECT * FROM t",
            ),
        ] {
            assert_eq!(shaped_text(text).unwrap(), expected);
        }
    }

    #[test]
    fn what_has_no_form_is_told_with_its_place() {
        for (text, expected) in [
            (
                "SELECT * FROM t MATCH_RECOGNIZE (MEASURES A.x AS p PATTERN (A) DEFINE A AS x > 1)",
                "1:15 MATCH_RECOGNIZE is not supported",
            ),
            ("SELECT * FROM TABLE(f(1))", "1:21 a table function other than sequence is not supported"),
            (
                "SELECT 1, reduce_agg(x, 0, (a, b) -> a, (a, b) -> a) FROM t",
                "1:11 a function as an argument of reduce_agg is not supported",
            ),
        ] {
            let error = shaped_text(text).unwrap_err();
            let place = error.position.unwrap();
            assert_eq!(format!("{}:{} {error}", place.line, place.column), expected);
        }
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
