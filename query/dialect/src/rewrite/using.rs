//! Columns that several `USING` of one query share.
//!
//! After `a JOIN b USING (x) JOIN c USING (x)` there is one column `x`. The planner sees that for two tables; for more, it takes
//! a bare `x` for ambiguous.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderBy, Query, Select,
    SelectItem, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

/// Says of which table each shared column is that a query names without one.
pub(super) fn owners_named(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    in_body(body, order_by.as_mut());
}

fn in_body(body: &mut SetExpr, order_by: Option<&mut OrderBy>) {
    match body {
        SetExpr::Select(select) => in_select(select, order_by),
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left, None);
            in_body(right, None);
        }
        _ => {}
    }
}

fn in_select(select: &mut Select, order_by: Option<&mut OrderBy>) {
    let mut owners = HashMap::new();
    // With a wildcard the columns of a condition would be there twice.
    let may_be_conditions = !select.projection.iter().any(is_wildcard);
    for item in &mut select.from {
        owners.extend(shared_in(item, may_be_conditions));
    }
    if owners.is_empty() {
        return;
    }
    let mut naming = Naming { owners, depth: 0 };
    let Select { projection, selection, group_by, having, qualify, .. } = select;
    let _ = projection.visit(&mut naming);
    let _ = selection.visit(&mut naming);
    let _ = group_by.visit(&mut naming);
    let _ = having.visit(&mut naming);
    let _ = qualify.visit(&mut naming);
    for item in projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            naming.owners.remove(&key(alias));
        }
    }
    if let Some(order_by) = order_by {
        let _ = order_by.visit(&mut naming);
    }
}

/// The columns that more than one `USING` names, and a table that has each. The third and further `USING` become conditions.
fn shared_in(item: &mut TableWithJoins, may_be_conditions: bool) -> HashMap<String, Ident> {
    let mut owners: HashMap<String, Option<Ident>> = HashMap::new();
    let mut uses: HashMap<String, usize> = HashMap::new();
    let mut before = name_of(&item.relation);
    for join in &mut item.joins {
        let right = name_of(&join.relation);
        let Some(kind) = Kind::of(&join.join_operator) else {
            before = None;
            continue;
        };
        let columns = columns_of(&join.join_operator);
        if may_be_conditions
            && columns.iter().all(|column| uses.get(&key(column)).is_some_and(|uses| *uses > 1))
        {
            condition(join, &columns, &owners, right.as_ref());
        }
        for column in columns {
            let owner = match kind {
                Kind::Inner => right.clone(),
                Kind::Left => before.clone(),
            };
            owners.entry(key(&column)).or_insert(owner);
            *uses.entry(key(&column)).or_default() += 1;
        }
        before = None;
    }
    let shared = owners.into_iter().filter(|(column, _)| uses.get(column).is_some_and(|uses| *uses > 1));
    shared.filter_map(|(column, owner)| Some((column, owner?))).collect()
}

/// Joins in which the columns of one side are those of the result.
#[derive(Clone, Copy)]
enum Kind {
    Inner,
    Left,
}

impl Kind {
    fn of(operator: &JoinOperator) -> Option<Self> {
        match operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) => Some(Self::Inner),
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => Some(Self::Left),
            _ => None,
        }
    }
}

/// The columns of a join's `USING`; none where it has another condition.
fn columns_of(operator: &JoinOperator) -> Vec<Ident> {
    let (JoinOperator::Join(JoinConstraint::Using(names))
    | JoinOperator::Inner(JoinConstraint::Using(names))
    | JoinOperator::Left(JoinConstraint::Using(names))
    | JoinOperator::LeftOuter(JoinConstraint::Using(names))) = operator
    else {
        return Vec::new();
    };
    names.iter().filter_map(last_part).collect()
}

fn condition(
    join: &mut Join,
    columns: &[Ident],
    owners: &HashMap<String, Option<Ident>>,
    right: Option<&Ident>,
) {
    let Some(right) = right else { return };
    let equal = |column: &Ident| {
        let owner = owners.get(&key(column))?.as_ref()?;
        let side = |table: &Ident| Box::new(Expr::CompoundIdentifier(vec![table.clone(), column.clone()]));
        Some(Expr::BinaryOp { left: side(owner), op: BinaryOperator::Eq, right: side(right) })
    };
    let Some(all) = columns.iter().map(equal).collect::<Option<Vec<_>>>() else { return };
    let both = |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    };
    if let (
        Some(all),
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint),
    ) = (all.into_iter().reduce(both), &mut join.join_operator)
    {
        *constraint = JoinConstraint::On(all);
    }
}

/// Puts the table before each column that has an owner, in the query itself and not in those within it.
struct Naming {
    owners: HashMap<String, Ident>,
    depth: usize,
}

impl VisitorMut for Naming {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(column) = expression
            && let Some(owner) = self.owners.get(&key(column))
        {
            *expression = Expr::CompoundIdentifier(vec![owner.clone(), column.clone()]);
        }
        ControlFlow::Continue(())
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

/// What a table is called in the rest of the query.
fn name_of(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => last_part(name),
        _ => None,
    }
}

fn last_part(name: &ObjectName) -> Option<Ident> {
    name.0.last()?.as_ident().cloned()
}

fn key(column: &Ident) -> String {
    column.value.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::statement::Statement;

    fn named(text: &str) -> String {
        let Ok(Statement::Query { mut query, .. }) = parse(text) else { panic!("{text}") };
        owners_named(&mut query);
        query.to_string()
    }

    #[test]
    fn a_column_of_several_using_is_that_of_one_table() {
        for (text, expected) in [
            ("SELECT x FROM a JOIN b USING (x)", "SELECT x FROM a JOIN b USING(x)"),
            (
                "SELECT x, y FROM a JOIN b USING (x) JOIN c USING (x) WHERE x > 1 ORDER BY x",
                "SELECT b.x, y FROM a JOIN b USING(x) JOIN c USING(x) WHERE b.x > 1 ORDER BY b.x",
            ),
            (
                "SELECT -x AS x FROM s.a LEFT JOIN b USING (x) JOIN c AS d USING (x) ORDER BY x",
                "SELECT -a.x AS x FROM s.a LEFT JOIN b USING(x) JOIN c AS d USING(x) ORDER BY x",
            ),
            (
                "SELECT x FROM a JOIN b USING (x) JOIN c USING (x) JOIN d USING (x)",
                "SELECT b.x FROM a JOIN b USING(x) JOIN c USING(x) JOIN d ON b.x = d.x",
            ),
            (
                "SELECT * FROM a JOIN b USING (x) JOIN c USING (x) WHERE x IN (SELECT x FROM d)",
                "SELECT * FROM a JOIN b USING(x) JOIN c USING(x) WHERE b.x IN (SELECT x FROM d)",
            ),
            (
                "SELECT x FROM a FULL JOIN b USING (x) FULL JOIN c USING (x)",
                "SELECT x FROM a FULL JOIN b USING(x) FULL JOIN c USING(x)",
            ),
        ] {
            assert_eq!(named(text), expected);
        }
    }
}
