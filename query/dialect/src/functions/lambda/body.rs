//! What a function that is an argument computes: its text, planned for some types of its parameters.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, DFSchemaRef, Result, ToDFSchema, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::context::ExecutionProps;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{EmptyRelation, Expr, ExprSchemable, LogicalPlan, Projection};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::create_physical_expr;
use datafusion::sql::sqlparser::ast::ExprWithAlias;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use serde_json::{Value, json};

use crate::error::not_supported;
use crate::semantics::{adapt, install, session_config};

/// How many bodies are remembered as they were planned.
const REMEMBERED: usize = 256;

/// How deep a body may be nested; the statement around it has a bound of its own.
const DEPTH: usize = 100;

/// The functions among the arguments of one call, as a constant of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lambdas(pub Vec<Lambda>);

/// A function as it is written: `(x, y) -> x + y`. What it takes from outside is called `$0`, `$1` and so on in its body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Lambda {
    pub parameters: Vec<String>,
    pub body: String,
}

/// The name of what a body takes from outside.
pub(crate) fn name_of_outer(place: usize) -> String {
    format!("${place}")
}

impl Lambdas {
    /// The text of the constant.
    pub(crate) fn to_text(&self) -> String {
        let all: Vec<Value> = self.0.iter().map(|one| json!([one.parameters, one.body])).collect();
        Value::Array(all).to_string()
    }

    /// Reads what [`Lambdas::to_text`] wrote.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let all: Vec<(Vec<String>, String)> = serde_json::from_str(text).ok()?;
        Some(Self(all.into_iter().map(|(parameters, body)| Lambda { parameters, body }).collect()))
    }
}

/// A body that is planned.
#[derive(Debug)]
pub(crate) struct Body {
    expression: Expr,
    schema: DFSchemaRef,
    /// What comes out.
    pub field: Field,
}

type Known = HashMap<(Lambda, Vec<Field>), Arc<Body>>;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

impl Body {
    /// Plans a body for parameters and outer values of these types, named as they are called in it.
    pub(crate) fn planned(lambda: &Lambda, fields: Vec<Field>) -> Result<Arc<Self>> {
        let key = (lambda.clone(), fields);
        if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(known));
        }
        let planned = Arc::new(Self::plan(&key.0.body, key.1.clone()).map_err(without_place)?);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Arc::clone(&planned));
        Ok(planned)
    }

    fn plan(text: &str, fields: Vec<Field>) -> Result<Self> {
        let dialect = GenericDialect {};
        let mut parser = Parser::new(&dialect).with_recursion_limit(DEPTH).try_with_sql(text)?;
        let mut written = parser.parse_expr()?;
        adapt(&mut written);
        let schema = Arc::new(Schema::new(fields).to_dfschema()?);
        let state = state()?;
        let expression = ExprWithAlias { expr: written, alias: None };
        let expression = state.create_logical_expr_from_sql_expr(expression, &schema)?.alias("value");
        let nothing = EmptyRelation { produce_one_row: false, schema: Arc::clone(&schema) };
        let plan = Projection::try_new(vec![expression], Arc::new(LogicalPlan::EmptyRelation(nothing)))?;
        let plan = LogicalPlan::Projection(plan);
        let analyzed = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        let LogicalPlan::Projection(mut analyzed) = analyzed else {
            return internal_err!("the body of a function is planned as one value");
        };
        let Some(expression) = analyzed.expr.pop() else {
            return internal_err!("the body of a function is planned as a value");
        };
        let expression = expression.unalias();
        let field = expression.to_field(&schema)?.1.as_ref().clone().with_nullable(true);
        Ok(Self { expression, schema, field })
    }

    pub(crate) fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// The value for each row of the parameters and outer values.
    pub(crate) fn evaluate(
        &self,
        columns: Vec<ArrayRef>,
        rows: usize,
        options: &Arc<ConfigOptions>,
    ) -> Result<ArrayRef> {
        if rows == 0 {
            return Ok(new_empty_array(self.data_type()));
        }
        let context = SimplifyContext::default()
            .with_schema(Arc::clone(&self.schema))
            .with_config_options(Arc::clone(options));
        let expression = ExprSimplifier::new(context).simplify(self.expression.clone())?;
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::clone(options));
        let computed = create_physical_expr(&expression, &self.schema, &properties)?;
        let shape = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(as_arrow(&self.schema), columns, &shape)?;
        let values = computed.evaluate(&batch)?.into_array(rows)?;
        if values.data_type() == self.data_type() {
            return Ok(values);
        }
        Ok(datafusion::arrow::compute::cast(&values, self.data_type())?)
    }
}

fn as_arrow(schema: &DFSchema) -> Arc<Schema> {
    Arc::clone(schema.inner())
}

/// What bodies are planned with: the dialect, and no tables.
fn state() -> Result<&'static SessionState> {
    static STATE: LazyLock<Option<SessionState>> = LazyLock::new(|| {
        let builder = SessionStateBuilder::new().with_config(session_config()).with_default_features();
        install(builder).ok()
    });
    STATE.as_ref().ok_or_else(|| not_supported("functions as arguments are not supported"))
}

/// Places in the text of a body are none in the statement.
fn without_place(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => without_place(*inner),
        other => other,
    }
}
