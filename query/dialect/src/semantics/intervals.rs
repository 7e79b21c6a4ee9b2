//! Intervals times and divided by numbers, and dates to which only whole days can be added.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::error::invalid_argument;

const NANOS_OF_DAY: i64 = 86_400_000_000_000;

/// Plans the operators of intervals as functions of the dialect.
#[derive(Debug)]
pub(super) struct Intervals {
    pub multiply: Arc<ScalarUDF>,
    pub divide: Arc<ScalarUDF>,
}

impl ExprPlanner for Intervals {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        if matches!(expr.op, BinaryOperator::Plus | BinaryOperator::Minus)
            && left == DataType::Date32
            && is_part_of_day(&expr.right)
        {
            return Err(invalid_argument("Cannot add hour, minutes or seconds to a date"));
        }
        let planned = |function: &Arc<ScalarUDF>, interval: Expr, data_type: &DataType, number: Expr| {
            let interval = match data_type {
                DataType::Duration(_) => cast(interval, DataType::Interval(IntervalUnit::MonthDayNano)),
                _ => interval,
            };
            let arguments = vec![interval, cast(number, DataType::Float64)];
            let call = ScalarFunction::new_udf(Arc::clone(function), arguments);
            Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
        };
        match expr.op {
            BinaryOperator::Multiply if is_interval(&left) && right.is_numeric() => {
                planned(&self.multiply, expr.left, &left, expr.right)
            }
            BinaryOperator::Multiply if left.is_numeric() && is_interval(&right) => {
                planned(&self.multiply, expr.right, &right, expr.left)
            }
            BinaryOperator::Divide if is_interval(&left) && right.is_numeric() => {
                planned(&self.divide, expr.left, &left, expr.right)
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// Whether an expression is an interval that is no whole number of days.
fn is_part_of_day(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
            interval.nanoseconds % NANOS_OF_DAY != 0
        }
        Expr::Negative(inner) => is_part_of_day(inner),
        _ => false,
    }
}
