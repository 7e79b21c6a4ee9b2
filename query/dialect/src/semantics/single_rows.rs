//! What `DataFusion` would take as it comes: scalar subqueries of several rows, and distinct values that it counts by keeping the
//! batches that they came in.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ScalarUDF, Subquery,
};
use datafusion::optimizer::AnalyzerRule;

/// Makes the value of a scalar subquery the only one there is, or an error.
#[derive(Debug)]
pub(super) struct SingleRows {
    pub single: Arc<AggregateUDF>,
}

impl AnalyzerRule for SingleRows {
    fn name(&self) -> &'static str {
        "single_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewritten(plan, |expr, _| match expr {
            Expr::ScalarSubquery(subquery) if may_have_several_rows(&subquery) => {
                Ok(Transformed::yes(Expr::ScalarSubquery(self.checked(subquery)?)))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

/// A correlated subquery is an aggregate, which has a row for each row outside, or is refused.
fn may_have_several_rows(subquery: &Subquery) -> bool {
    subquery.outer_ref_columns.is_empty()
        && subquery.subquery.schema().fields().len() == 1
        && subquery.subquery.max_rows().is_none_or(|rows| rows > 1)
}

impl SingleRows {
    fn checked(&self, subquery: Subquery) -> Result<Subquery> {
        let Some(column) = subquery.subquery.schema().columns().into_iter().next() else {
            return Ok(subquery);
        };
        let name = column.name.clone();
        let single = self.single.call(vec![Expr::Column(column)]).alias(name);
        let plan = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery))
            .aggregate(Vec::<Expr>::new(), vec![single])?
            .build()?;
        Ok(Subquery { subquery: Arc::new(plan), ..subquery })
    }
}

/// Counts distinct rows, arrays and maps by their bytes.
#[derive(Debug)]
pub(super) struct DistinctByBytes {
    pub bytes: Arc<ScalarUDF>,
}

impl AnalyzerRule for DistinctByBytes {
    fn name(&self) -> &'static str {
        "distinct_by_bytes"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewritten(plan, |expr, schema| match expr {
            Expr::AggregateFunction(mut call) if counts_nested(&call, schema)? => {
                let bytes = call.params.args.swap_remove(0);
                call.params.args.push(self.bytes.call(vec![bytes]));
                Ok(Transformed::yes(Expr::AggregateFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn counts_nested(call: &AggregateFunction, schema: &DFSchema) -> Result<bool> {
    let [argument] = call.params.args.as_slice() else { return Ok(false) };
    if !call.params.distinct || call.func.name() != "count" {
        return Ok(false);
    }
    let data_type = argument.get_type(schema)?;
    Ok(matches!(
        data_type,
        DataType::Struct(_) | DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    ))
}

/// The plan with other expressions of the same names.
fn rewritten(
    plan: LogicalPlan,
    change: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| change(expr, &schema))?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?;
        if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
    })
    .data()
}
