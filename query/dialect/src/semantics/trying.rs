//! `TRY(…)`: what fails is NULL, row by row.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TryCast, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// The name of the function that marks what is tried.
pub(super) const TRY: &str = "try";

/// Takes `try(…)` apart: every function in it becomes one that gives NULL where it fails.
#[derive(Debug)]
pub(super) struct Tries;

impl AnalyzerRule for Tries {
    fn name(&self) -> &'static str {
        "tries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let tried = expr.transform_up(|expr| match expr {
                    Expr::ScalarFunction(mut call) if call.func.name() == TRY && call.args.len() == 1 => {
                        Ok(Transformed::yes(tried(call.args.swap_remove(0))?))
                    }
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(tried.update_data(|expr| name.restore(expr)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(rewritten.data)
    }
}

fn tried(expr: Expr) -> Result<Expr> {
    let all = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) => {
                let function = Arc::new(ScalarUDF::new_from_impl(Tried::of(call.func)));
                Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(function, call.args)))
            }
            Expr::Cast(cast) => Transformed::yes(Expr::TryCast(TryCast::new(cast.expr, cast.data_type))),
            other => Transformed::no(other),
        })
    })?;
    Ok(all.data)
}

/// A function that gives NULL where another fails.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Tried {
    function: Arc<ScalarUDF>,
    signature: Signature,
}

impl Tried {
    fn of(function: Arc<ScalarUDF>) -> Self {
        let signature = Signature::user_defined(function.signature().volatility);
        Self { function, signature }
    }

    /// The function of each row alone.
    fn row_by_row(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns: Vec<ArrayRef> = args
            .args
            .iter()
            .map(|value| value.clone().into_array(args.number_rows))
            .collect::<Result<_>>()?;
        let null = ScalarValue::try_from(args.return_type())?.to_array()?;
        let mut values = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let alone = ScalarFunctionArgs {
                args: columns.iter().map(|column| ColumnarValue::Array(column.slice(row, 1))).collect(),
                number_rows: 1,
                ..args.clone()
            };
            let value = self.function.invoke_with_args(alone).and_then(|value| value.into_array(1));
            values.push(value.unwrap_or_else(|_| Arc::clone(&null)));
        }
        if values.is_empty() {
            return Ok(ColumnarValue::Array(null.slice(0, 0)));
        }
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&values)?))
    }
}

impl ScalarUDFImpl for Tried {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = self.function.return_field_from_args(args)?;
        Ok(Arc::new(field.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.function.invoke_with_args(args.clone()) {
            Ok(value) => Ok(value),
            Err(_) => self.row_by_row(&args),
        }
    }

    fn short_circuits(&self) -> bool {
        self.function.short_circuits()
    }
}

/// The marker itself, which the analysis takes away.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Try {
    signature: Signature,
}

impl Try {
    pub fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Try {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        TRY
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        match args.arg_fields.first() {
            Some(field) => Ok(Arc::new(field.as_ref().clone().with_nullable(true))),
            None => internal_err!("try needs a value"),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("try is taken away before a query runs")
    }
}
