//! `EXISTS` among the columns of a query: as a subquery of one value, for the planner knows it in conditions only.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, TableFactor, VisitMut, VisitorMut,
};

use super::template::parsed;

/// Asks for a value where an `EXISTS` among the columns asks for a row; those in queries within stay as they are.
pub(super) fn exists_replaced(select: &mut Select) {
    let _ = VisitMut::visit(&mut select.projection, &mut Replacing { depth: 0, count: 0 });
}

struct Replacing {
    depth: usize,
    count: usize,
}

impl VisitorMut for Replacing {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Exists { subquery, negated } = expr
            && let Some(found) = found(subquery, self.count)
        {
            self.count += 1;
            let found = Box::new(Expr::Subquery(Box::new(found)));
            *expr = if *negated { Expr::IsNull(found) } else { Expr::IsNotNull(found) };
        }
        ControlFlow::Continue(())
    }
}

/// A query that gives a value where another gives a row, and NULL where it gives none.
///
/// The planner can join one count of nothing to a query, and no second one; of such values any number.
fn found(query: &Query, number: usize) -> Option<Query> {
    let text = format!(r#"SELECT max(1) AS "$exists_{number}" FROM (SELECT 1) AS "$exists""#);
    let mut around = parsed(&text)?;
    let SetExpr::Select(outer) = around.body.as_mut() else { return None };
    if let SetExpr::Select(select) = query.body.as_ref()
        && query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && is_plain(select)
    {
        let mut select = select.clone();
        select.projection = std::mem::take(&mut outer.projection);
        *outer = select;
        return Some(around);
    }
    let TableFactor::Derived { subquery, .. } = &mut outer.from.first_mut()?.relation else { return None };
    **subquery = query.clone();
    Some(around)
}

/// Whether a `SELECT` gives a row for each of those that it reads.
fn is_plain(select: &Select) -> bool {
    let has_groups = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(groups, modifiers) => !groups.is_empty() || !modifiers.is_empty(),
    };
    let is_column = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
    };
    !has_groups
        && select.distinct.is_none()
        && select.having.is_none()
        && !select.from.is_empty()
        && select.projection.iter().all(is_column)
}
