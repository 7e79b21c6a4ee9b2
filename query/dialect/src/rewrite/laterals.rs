//! `LATERAL (SELECT …)`: a query in `FROM` that knows the columns of what stands left of it.
//!
//! What it takes from the left becomes the condition of a join. Where that changes its meaning (a limit, a window) it is refused.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    EmptyRelation, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, SubqueryAlias, lit, when,
};
use datafusion::optimizer::decorrelate::{PullUpCorrelatedExpr, UN_MATCHED_ROW_INDICATOR};
use datafusion::sql::TableReference;
use datafusion::sql::sqlparser::ast::{Query, Spanned, TableFactor, Visit, Visitor};

use crate::error::{DialectError, ErrorKind};
use crate::statement::Position;

/// Joins what `LATERAL` queries give to what stands left of them. The query as it was written tells where one stands that cannot
/// be joined.
///
/// # Errors
/// [`DialectError`] of the kind `NOT_SUPPORTED`, or what the planner says.
pub fn laterals_joined(plan: LogicalPlan, written: &Query) -> Result<LogicalPlan> {
    let joined = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(Transformed::no(node)) };
        let Some((name, subquery)) = lateral(&join) else {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        };
        if let Some(plan) = joined(&join, name.as_ref(), subquery)? {
            return Ok(Transformed::yes(plan));
        }
        let message = "a LATERAL query with a limit, a window or an outer condition is not supported";
        let error = DialectError::new(ErrorKind::NotSupported, message);
        Err(error.at(place(written)).into())
    });
    joined.data()
}

/// The query on the right that knows the left, and its name.
fn lateral(join: &Join) -> Option<(Option<TableReference>, &Subquery)> {
    match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => Some((None, subquery)),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => match input.as_ref() {
            LogicalPlan::Subquery(subquery) => Some((Some(alias.clone()), subquery)),
            _ => None,
        },
        _ => None,
    }
}

fn joined(join: &Join, name: Option<&TableReference>, subquery: &Subquery) -> Result<Option<LogicalPlan>> {
    let is_true = |filter: &Expr| matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let keeps_all = join.join_type == JoinType::Left;
    if !(keeps_all || join.join_type == JoinType::Inner)
        || !join.on.is_empty()
        || !join.filter.as_ref().is_none_or(is_true)
    {
        return Ok(None);
    }
    let before: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let left = LogicalPlanBuilder::from(join.left.as_ref().clone());
    if let Some(values) = values_of_one_row(&subquery.subquery) {
        let schema = subquery.subquery.schema();
        let named = values.into_iter().zip(schema.iter()).map(|(value, (table, field))| {
            Ok(local(value)?.unalias().alias_qualified(name.or(table).cloned(), field.name()))
        });
        let named: Vec<Expr> = named.collect::<Result<_>>()?;
        return left.project(before.into_iter().chain(named))?.build().map(Some);
    }
    let mut pulled = PullUpCorrelatedExpr::new().with_need_handle_count_bug(true);
    let inner = subquery.subquery.as_ref().clone().rewrite(&mut pulled).data()?;
    if !pulled.can_pull_up {
        return Ok(None);
    }
    let counts = pulled.collected_count_expr_map.get(&inner).cloned();
    let condition = conjunction(pulled.join_filters).unwrap_or_else(|| lit(true));
    let kind = if keeps_all || pulled.pulled_up_scalar_agg { JoinType::Left } else { JoinType::Inner };
    let joined = left.join_on(inner, kind, Some(condition))?.build()?;
    let columns = subquery.subquery.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::new(table.cloned(), field.name()));
        let of_nothing = counts.as_ref().and_then(|counts| counts.get(field.name()));
        let value = match of_nothing {
            Some(of_nothing) => {
                let is_unmatched = Expr::Column(Column::from_name(UN_MATCHED_ROW_INDICATOR)).is_null();
                when(is_unmatched, of_nothing.clone()).otherwise(column)?
            }
            None => column,
        };
        Ok(value.alias_qualified(name.or(table).cloned(), field.name()))
    });
    let columns: Vec<Expr> = columns.collect::<Result<_>>()?;
    LogicalPlanBuilder::from(joined).project(before.into_iter().chain(columns))?.build().map(Some)
}

/// The values of a `SELECT` without `FROM`, whatever names its columns have been given.
fn values_of_one_row(plan: &LogicalPlan) -> Option<Vec<Expr>> {
    match plan {
        LogicalPlan::SubqueryAlias(named) => values_of_one_row(&named.input),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, .. }) => {
                Some(projection.expr.clone())
            }
            input => {
                let values = values_of_one_row(input)?;
                let value = |expr: &Expr| match expr.clone().unalias() {
                    Expr::Column(column) => {
                        let place = input.schema().index_of_column(&column).ok()?;
                        values.get(place).cloned()
                    }
                    _ => None,
                };
                projection.expr.iter().map(value).collect()
            }
        },
        _ => None,
    }
}

/// An expression in which the columns from outside are columns.
fn local(expr: Expr) -> Result<Expr> {
    expr.transform_up(|expr| match expr {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// Where the first `LATERAL` query stands.
fn place(written: &Query) -> Option<Position> {
    struct Search;
    impl Visitor for Search {
        type Break = Position;

        fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Position> {
            match table {
                TableFactor::Derived { lateral: true, subquery, .. } if subquery.span().start.line > 0 => {
                    ControlFlow::Break(Position::from(subquery.span().start))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(written, &mut Search).break_value()
}
