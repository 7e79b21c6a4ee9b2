//! `FETCH FIRST n ROWS WITH TIES`: by the rank in the order, which equal rows share.

use datafusion::sql::sqlparser::ast::{
    Expr, OrderBy, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, TableFactor, Value, WindowType,
};

use super::template::parsed;

/// A query that gives the ranks up to a number, of one that has an order and no limit. `None` where the query has no such form.
pub(super) fn ranked(query: &Query, rows: &Expr) -> Option<Query> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let OrderBy { kind: OrderByKind::Expressions(keys), .. } = query.order_by.as_ref()? else { return None };
    if select.distinct.is_some() || query.limit_clause.is_some() || keys.is_empty() {
        return None;
    }
    let keys: Vec<OrderByExpr> =
        keys.iter().map(|key| resolved(key, &select.projection)).collect::<Option<_>>()?;
    let mut around = parsed(
        r#"SELECT * EXCEPT ("$rank") FROM (SELECT rank() OVER (ORDER BY 1) AS "$rank") AS "$ranked" WHERE "$rank" <= (1) ORDER BY "$rank""#,
    )?;
    around.with.clone_from(&query.with);
    let SetExpr::Select(outer) = around.body.as_mut() else { return None };
    if let Some(Expr::BinaryOp { right, .. }) = &mut outer.selection {
        **right = rows.clone();
    }
    let TableFactor::Derived { subquery, .. } = &mut outer.from.first_mut()?.relation else { return None };
    let mut rank = match subquery.body.as_ref() {
        SetExpr::Select(inner) => inner.projection.first()?.clone(),
        _ => return None,
    };
    if let SelectItem::ExprWithAlias { expr: Expr::Function(function), .. } = &mut rank
        && let Some(WindowType::WindowSpec(window)) = &mut function.over
    {
        window.order_by = keys;
    }
    let mut select = select.clone();
    select.projection.push(rank);
    *subquery.body = SetExpr::Select(select);
    Some(around)
}

/// A key of the order as an expression over the tables: a number or a name of a column stands for what is selected.
fn resolved(key: &OrderByExpr, items: &[SelectItem]) -> Option<OrderByExpr> {
    let mut key = key.clone();
    let selected = match &key.expr {
        Expr::Value(value) => match &value.value {
            Value::Number(place, _) => {
                let item = items.get(place.parse::<usize>().ok()?.checked_sub(1)?)?;
                Some(match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
                    _ => return None,
                })
            }
            _ => None,
        },
        Expr::Identifier(name) => items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if alias.value.eq_ignore_ascii_case(&name.value) => {
                Some(expr.clone())
            }
            _ => None,
        }),
        _ => None,
    };
    if let Some(selected) = selected {
        key.expr = selected;
    }
    Some(key)
}
