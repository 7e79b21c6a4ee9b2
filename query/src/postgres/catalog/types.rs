//! The types that `PostgreSQL` has, as drivers look them up.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Int32Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

/// The types, with the number of the function that reads each, by which drivers look it up.
const TYPES: &str = "SELECT t.* EXCLUDE (typreceive), coalesce(p.oid, 0) AS typreceive FROM pg_catalog.pg_type t \
    LEFT JOIN (SELECT proname, min(oid) AS oid FROM pg_catalog.pg_proc GROUP BY proname) p ON p.proname = t.typreceive";

/// Names of the standard for types that have another in the table.
const STANDARD_NAMES: [(&str, &str); 11] = [
    ("boolean", "bool"),
    ("smallint", "int2"),
    ("int", "int4"),
    ("integer", "int4"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("decimal", "numeric"),
    ("character varying", "varchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
];

/// The table `pg_type`, and `to_regtype(name)`, which finds a type's number in it.
pub(super) async fn table_and_function(
    context: &SessionContext,
) -> Result<(Arc<dyn TableProvider>, ScalarUDF)> {
    let state = context.state();
    let statement = DFParser::parse_sql(TYPES)?.pop_front();
    let statement =
        statement.ok_or_else(|| DataFusionError::Internal("no question about types".to_owned()))?;
    let plan = state.statement_to_plan(statement).await?;
    let batches = context.execute_logical_plan(plan).await?.collect().await?;
    let numbers = batches.iter().map(numbers).collect::<Result<Vec<_>>>()?;
    let function = ToType {
        numbers: numbers.into_iter().flatten().collect(),
        signature: Signature::string(1, Volatility::Immutable),
    };
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    Ok((Arc::new(MemTable::try_new(schema, vec![batches])?), function.into()))
}

fn numbers(types: &RecordBatch) -> Result<Vec<(String, i32)>> {
    let column = |name: &str, kind| {
        let column = types.column_by_name(name);
        let column = column.ok_or_else(|| DataFusionError::Internal(format!("pg_type has no {name}")))?;
        Ok::<_, DataFusionError>(cast(column, &kind)?)
    };
    let (names, numbers) = (column("typname", DataType::Utf8)?, column("oid", DataType::Int32)?);
    let pairs = names.as_string::<i32>().iter().zip(numbers.as_primitive::<Int32Type>());
    Ok(pairs.filter_map(|(name, number)| Some((name?.to_owned(), number?))).collect())
}

/// `to_regtype(name)`: the number of a type; NULL where there is none of the name.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToType {
    numbers: BTreeMap<String, i32>,
    signature: Signature,
}

impl ToType {
    fn number(&self, name: &str) -> Option<i32> {
        let name = name.trim().to_lowercase();
        let standard = STANDARD_NAMES.iter().find(|(standard, _)| *standard == name);
        let name = standard.map_or(name.as_str(), |(_, own)| own);
        self.numbers.get(name.trim_start_matches("pg_catalog.")).copied()
    }
}

impl ScalarUDFImpl for ToType {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        "to_regtype"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(names) = arrays.first() else {
            return Err(DataFusionError::Internal("to_regtype has no argument".to_owned()));
        };
        let names = cast(names, &DataType::Utf8)?;
        let numbers: Int32Array =
            names.as_string::<i32>().iter().map(|name| name.and_then(|name| self.number(name))).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}
