//! The types that `PostgreSQL` has, as drivers look them up.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

use super::numbers::ToNumber;

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
    let mut numbers: BTreeMap<_, _> = numbers.into_iter().flatten().collect();
    for (standard, own) in STANDARD_NAMES {
        if let Some(number) = numbers.get(own).copied() {
            numbers.insert(standard.to_owned(), number);
        }
    }
    let function = ToNumber::new("to_regtype", numbers);
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
