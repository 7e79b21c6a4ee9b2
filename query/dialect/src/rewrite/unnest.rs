//! `UNNEST`, alone or joined to what stands left of it, with or without ordinality.
//!
//! An array gives a column, an array of rows a column for each field, and a map one for keys and one for values. The shorter
//! of several are filled up with NULLs.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, UnnestOptions, not_impl_err, plan_err};
use datafusion::functions::expr_fn::{coalesce, get_field, greatest};
use datafusion::functions_nested::expr_fn::{array_length, map_keys, map_values, range};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when,
};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins, Value,
};

/// Plans `UNNEST` in queries that [`shaped`](super::shaped) has seen.
#[derive(Debug)]
pub struct UnnestPlanner;

/// An `UNNEST` as it is written.
struct Unnest {
    alias: Option<TableAlias>,
    arrays: Vec<SqlExpr>,
    with_ordinality: bool,
    /// Whether a row without elements stays, as after `LEFT JOIN`.
    keeps_rows: bool,
}

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
                let unnest = Unnest { alias, arrays: array_exprs, with_ordinality, keeps_rows: false };
                let one_row = LogicalPlanBuilder::empty(true).build()?;
                Ok(planned(unnest.plan(one_row, context)?))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => match joined(*table_with_joins)? {
                Joined::Unnest(left, unnest) => {
                    let left = context.plan(left)?;
                    Ok(planned(unnest.plan(left, context)?))
                }
                Joined::Other(table) => Ok(RelationPlanning::Original(Box::new(TableFactor::NestedJoin {
                    table_with_joins: Box::new(table),
                    alias: None,
                }))),
            },
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

fn planned(plan: LogicalPlan) -> RelationPlanning {
    RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None)))
}

enum Joined {
    Unnest(TableFactor, Unnest),
    Other(TableWithJoins),
}

/// What stands left of an `UNNEST` that is the last of a join, and the `UNNEST`.
fn joined(mut table: TableWithJoins) -> Result<Joined> {
    let Some(join) = table.joins.pop_if(|join| matches!(join.relation, TableFactor::UNNEST { .. })) else {
        return Ok(Joined::Other(table));
    };
    let keeps_rows = keeps_rows(&join.join_operator)?;
    let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = join.relation else {
        return plan_err!("a join with UNNEST was expected");
    };
    let left = if table.joins.is_empty() {
        table.relation
    } else {
        TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None }
    };
    Ok(Joined::Unnest(left, Unnest { alias, arrays: array_exprs, with_ordinality, keeps_rows }))
}

fn keeps_rows(join: &JoinOperator) -> Result<bool> {
    let is_true = |constraint: &JoinConstraint| match constraint {
        JoinConstraint::None => true,
        JoinConstraint::On(SqlExpr::Value(value)) => value.value == Value::Boolean(true),
        _ => false,
    };
    match join {
        JoinOperator::CrossJoin(_) => Ok(false),
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) if is_true(constraint) => Ok(false),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) if is_true(constraint) => {
            Ok(true)
        }
        _ => not_impl_err!("UNNEST joined on a condition other than TRUE"),
    }
}

impl Unnest {
    fn plan(self, left: LogicalPlan, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
        let lists = self.lists(left.schema(), context)?;
        let before: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
        let names: Vec<String> = (0..lists.len()).map(|place| format!("__unnested_{place}")).collect();
        let named = names.iter().zip(lists).map(|(name, list)| list.alias(name));
        let options = UnnestOptions { preserve_nulls: self.keeps_rows, recursions: Vec::new() };
        let unnested = LogicalPlanBuilder::from(left)
            .project(before.iter().cloned().chain(named))?
            .unnest_columns_with_options(names.iter().map(Column::from_name).collect(), options)?
            .build()?;
        let columns = self.columns(&names, unnested.schema(), context)?;
        LogicalPlanBuilder::from(unnested).project(before.into_iter().chain(columns))?.build()
    }

    /// A list for each array, two for each map, and one of the numbers of the elements.
    fn lists(&self, schema: &DFSchema, context: &mut dyn RelationPlannerContext) -> Result<Vec<Expr>> {
        let mut lists = Vec::new();
        for array in &self.arrays {
            let array = context.sql_to_expr(array.clone(), schema)?;
            match array.get_type(schema)? {
                DataType::Map(..) => lists.extend([map_keys(array.clone()), map_values(array)]),
                DataType::Null => return plan_err!("Cannot unnest type: unknown"),
                DataType::List(_)
                | DataType::LargeList(_)
                | DataType::ListView(_)
                | DataType::LargeListView(_)
                | DataType::FixedSizeList(..) => lists.push(array),
                other => {
                    return plan_err!("Cannot unnest type: {}", crate::types::TrinoType::of_arrow(&other));
                }
            }
        }
        if self.with_ordinality {
            let lengths =
                lists.iter().map(|list| coalesce(vec![length(list), lit(0_i64)])).collect::<Vec<_>>();
            lists.push(range(lit(1_i64), greatest(lengths) + lit(1_i64), lit(1_i64)));
        }
        if self.keeps_rows {
            lists = lists.into_iter().map(null_if_empty).collect::<Result<_>>()?;
        }
        Ok(lists)
    }

    /// The columns that come out, under the names of the alias.
    fn columns(
        &self,
        names: &[String],
        schema: &DFSchema,
        context: &dyn RelationPlannerContext,
    ) -> Result<Vec<Expr>> {
        let mut columns = Vec::new();
        for name in names {
            let column = ident(name);
            match column.get_type(schema)? {
                DataType::Struct(fields) => {
                    columns
                        .extend(fields.iter().map(|field| get_field(column.clone(), field.name().as_str())));
                }
                _ => columns.push(column),
            }
        }
        let Some(alias) = &self.alias else {
            let name = |(place, column): (usize, Expr)| column.alias(format!("_col{place}"));
            return Ok(columns.into_iter().enumerate().map(name).collect());
        };
        if !alias.columns.is_empty() && alias.columns.len() != columns.len() {
            return plan_err!(
                "Column alias list has {} entries but '{}' has {} columns available",
                alias.columns.len(),
                alias.name.value,
                columns.len()
            );
        }
        let table = context.normalize_ident(alias.name.clone());
        let mut given = alias.columns.iter();
        let name = |(place, column): (usize, Expr)| {
            let given = given.next().map(|given| context.normalize_ident(given.name.clone()));
            column.alias_qualified(Some(table.as_str()), given.unwrap_or_else(|| format!("_col{place}")))
        };
        Ok(columns.into_iter().enumerate().map(name).collect())
    }
}

fn length(list: &Expr) -> Expr {
    cast(array_length(list.clone()), DataType::Int64)
}

fn null_if_empty(list: Expr) -> Result<Expr> {
    when(length(&list).gt(lit(0_i64)), list).end()
}
