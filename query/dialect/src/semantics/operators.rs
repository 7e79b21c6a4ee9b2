//! Arithmetic where `DataFusion`'s differs: integers that overflow are refused, and decimals divide at Trino's scale.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, ScalarUDF, binary_expr, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::checking::{check_arithmetic, check_logical};
use crate::functions::signature::{decimal_of, is_decimal};

/// Plans the operators of numbers as functions of the dialect.
#[derive(Debug)]
pub(super) struct Arithmetic {
    pub add: Arc<ScalarUDF>,
    pub subtract: Arc<ScalarUDF>,
    pub multiply: Arc<ScalarUDF>,
    pub divide: Arc<ScalarUDF>,
    pub modulus: Arc<ScalarUDF>,
    /// Refuses decimals of more digits than there can be.
    pub fitting: Arc<ScalarUDF>,
}

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_arithmetic = matches!(
            expr.op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
        );
        if matches!(expr.op, BinaryOperator::And | BinaryOperator::Or) {
            check_logical(&expr.op.to_string(), &[&expr.left, &expr.right], schema)?;
        }
        if is_arithmetic {
            check_arithmetic(&expr.op.to_string(), (&expr.left, schema), (&expr.right, schema))?;
        }
        if expr.op == BinaryOperator::Minus && left == DataType::Date32 && right == DataType::Date32 {
            let instant = |date: Expr| cast(date, DataType::Timestamp(TimeUnit::Millisecond, None));
            return Ok(PlannerResult::Planned(binary_expr(
                instant(expr.left),
                Operator::Minus,
                instant(expr.right),
            )));
        }
        let integers = is_integer(&left) && is_integer(&right);
        let decimals = (is_decimal(&left) && (is_decimal(&right) || right.is_integer()))
            || (left.is_integer() && is_decimal(&right));
        if decimals && may_overflow(&expr.op, &left, &right) {
            let operator = match expr.op {
                BinaryOperator::Plus => Operator::Plus,
                BinaryOperator::Minus => Operator::Minus,
                _ => Operator::Multiply,
            };
            let result = binary_expr(expr.left, operator, expr.right);
            let call = ScalarFunction::new_udf(Arc::clone(&self.fitting), vec![result]);
            return Ok(PlannerResult::Planned(Expr::ScalarFunction(call)));
        }
        let function = match expr.op {
            BinaryOperator::Plus if integers => &self.add,
            BinaryOperator::Minus if integers => &self.subtract,
            BinaryOperator::Multiply if integers => &self.multiply,
            BinaryOperator::Divide if integers || decimals => &self.divide,
            BinaryOperator::Modulo if integers || decimals => &self.modulus,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let call = ScalarFunction::new_udf(Arc::clone(function), vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}

/// Whether the result may need more digits than the 38 that its type has then, which `DataFusion` does not look at.
fn may_overflow(operator: &BinaryOperator, left: &DataType, right: &DataType) -> bool {
    let (DataType::Decimal128(left, left_scale), DataType::Decimal128(right, right_scale)) =
        (decimal_of(left), decimal_of(right))
    else {
        return false;
    };
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let digits = match operator {
        BinaryOperator::Plus | BinaryOperator::Minus => {
            whole(left, left_scale).max(whole(right, right_scale))
                + i16::from(left_scale.max(right_scale))
                + 1
        }
        BinaryOperator::Multiply => i16::from(left) + i16::from(right),
        _ => return false,
    };
    digits > i16::from(DECIMAL128_MAX_PRECISION)
}

fn is_integer(data_type: &DataType) -> bool {
    data_type.is_integer()
}
