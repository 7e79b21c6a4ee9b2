//! A session that speaks the dialect.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, Values};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::SessionConfig;
use datafusion::scalar::ScalarValue;

use super::intervals::Intervals;
use super::operators::Arithmetic;
use super::single_rows::{DistinctByBytes, SingleRows};
use super::trying::{Tries, Try};
use crate::functions::{BYTES, SINGLE, aggregate_functions, scalar_functions};

/// The options under which `DataFusion` plans as Trino does: NULLs last, decimals from literals with a point, UTC.
#[must_use]
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    // The filter that the minimum of one column sets takes rows away that the minimum of an expression beside it needs.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    "nulls_last".clone_into(&mut options.sql_parser.default_null_ordering);
    config
}

/// Builds a session that has the dialect's functions, operators and analysis besides what the builder has.
///
/// # Errors
/// Where `DataFusion` refuses a function, which it does not.
pub fn install(builder: SessionStateBuilder) -> Result<SessionState> {
    let mut state = builder.with_analyzer_rules(Vec::new()).build();
    for function in scalar_functions() {
        state.register_udf(Arc::new(function))?;
    }
    state.register_udf(Arc::new(ScalarUDF::new_from_impl(Try::new())))?;
    for function in aggregate_functions() {
        state.register_udaf(Arc::new(function))?;
    }
    let arithmetic = Arithmetic {
        add: state.udf("$add")?,
        subtract: state.udf("$subtract")?,
        multiply: state.udf("$multiply")?,
        divide: state.udf("$divide")?,
        modulus: state.udf("mod")?,
        fitting: state.udf("$fitting")?,
    };
    state.register_expr_planner(Arc::new(arithmetic))?;
    let intervals =
        Intervals { multiply: state.udf("$multiply_interval")?, divide: state.udf("$divide_interval")? };
    state.register_expr_planner(Arc::new(intervals))?;
    state.add_analyzer_rule(Arc::new(SmallIntegers));
    state.add_analyzer_rule(Arc::new(SingleRows { single: state.udaf(SINGLE)? }));
    state.add_analyzer_rule(Arc::new(DistinctByBytes { bytes: state.udf(BYTES)? }));
    for rule in Analyzer::new().rules {
        state.add_analyzer_rule(rule);
    }
    state.add_analyzer_rule(Arc::new(Tries));
    Ok(state)
}

/// Whole literals are `integer` where they fit, as in Trino; `DataFusion` makes each a `bigint`.
///
/// Arguments of aggregates and window functions keep theirs, for some of them want exactly that.
#[derive(Debug)]
struct SmallIntegers;

impl AnalyzerRule for SmallIntegers {
    fn name(&self) -> &'static str {
        "small_integers"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if is_told_types_twice(&plan)? {
            return Ok(plan);
        }
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let plan = match plan {
                limit @ LogicalPlan::Limit(_) => return Ok(Transformed::no(limit)),
                LogicalPlan::Values(values) => return narrowed_values(values),
                other => other,
            };
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(narrowed(expr)?.update_data(|expr| name.restore(expr)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(rewritten.data)
    }
}

/// Whether a plan repeats the types of some columns elsewhere (a recursive query at its work table, a correlated subquery at
/// its outer columns), so that they must stay as they were planned.
fn is_told_types_twice(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::RecursiveQuery(_));
        node.apply_expressions(|expr| {
            found |= expr.contains_outer();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn narrowed_values(values: Values) -> Result<Transformed<LogicalPlan>> {
    let rows: Result<Vec<Vec<Expr>>> = values
        .values
        .into_iter()
        .map(|row| row.into_iter().map(|expr| Ok(narrowed(expr)?.data)).collect())
        .collect();
    Ok(Transformed::yes(LogicalPlanBuilder::values(rows?)?.build()?))
}

fn narrowed(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_down(|expr| {
        Ok(match expr {
            Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => match i32::try_from(number) {
                Ok(small) => Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(small)), metadata)),
                Err(_) => Transformed::no(Expr::Literal(ScalarValue::Int64(Some(number)), metadata)),
            },
            aggregate @ (Expr::AggregateFunction(_) | Expr::WindowFunction(_)) => {
                Transformed::new(aggregate, false, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    })
}
