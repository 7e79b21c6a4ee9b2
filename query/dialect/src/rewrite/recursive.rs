//! `WITH RECURSIVE t (n) AS (…)`: the names of the columns, which the planner takes from the first part alone.

use datafusion::sql::sqlparser::ast::{Ident, Query, SelectItem, SetExpr, TableAliasColumnDef, TableFactor};

use super::template::selected_from;

/// Writes the names of a recursive query's columns into its first part.
pub(super) fn names_in_first_part(query: &mut Query) {
    let Some(with) = query.with.as_mut().filter(|with| with.recursive) else { return };
    for table in &mut with.cte_tables {
        let SetExpr::SetOperation { left, .. } = table.query.body.as_mut() else { continue };
        let columns = std::mem::take(&mut table.alias.columns);
        if !columns.is_empty() && !named(left, &columns) {
            wrapped(left, columns);
        }
    }
}

/// Names the columns of a `SELECT` that lists as many.
fn named(first: &mut SetExpr, columns: &[TableAliasColumnDef]) -> bool {
    let SetExpr::Select(select) = first else { return false };
    let is_listed =
        |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    if select.projection.len() != columns.len() || !select.projection.iter().all(is_listed) {
        return false;
    }
    for (item, column) in select.projection.iter_mut().zip(columns) {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: column.name.clone() };
        }
    }
    true
}

/// Any other first part as `SELECT * FROM (…) AS t (n)`.
fn wrapped(first: &mut SetExpr, names: Vec<TableAliasColumnDef>) {
    let Some(mut around) = selected_from(&Ident::with_quote('"', "$first")) else { return };
    if let SetExpr::Select(select) = around.body.as_mut()
        && let Some(table) = select.from.first_mut()
        && let TableFactor::Derived { subquery, alias: Some(alias), .. } = &mut table.relation
    {
        alias.columns = names;
        std::mem::swap(subquery.body.as_mut(), first);
        *first = *around.body;
    }
}
