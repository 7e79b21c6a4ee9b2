//! The dialect's functions and semantics, each by a case of sqllogictest with what Trino answers.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as PlannerStatement;
use datafusion::sql::sqlparser::ast;
use depthlake_dialect::DialectError;
use depthlake_dialect::functions::{FunctionKind, listing};
use depthlake_dialect::parse::parse;
use depthlake_dialect::rewrite::{UnnestPlanner, laterals_joined, shaped, with_names};
use depthlake_dialect::semantics::{adapt, check_types, install, located, session_config};
use depthlake_dialect::statement::Statement;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use tokio::runtime::Runtime;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Why a case failed, under Trino's name of the error where it has one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

struct Dialect {
    context: SessionContext,
    runtime: Runtime,
}

impl Dialect {
    fn new() -> Self {
        let builder = SessionStateBuilder::new()
            .with_config(session_config().with_target_partitions(2))
            .with_default_features()
            .with_relation_planners(vec![Arc::new(UnnestPlanner)]);
        let context = SessionContext::new_with_state(install(builder).unwrap());
        context.register_table("prices", Arc::new(prices())).unwrap();
        Self { context, runtime: Runtime::new().unwrap() }
    }

    async fn plan(&self, sql: &str) -> Result<LogicalPlan, AnyError> {
        let Statement::Query { mut query, .. } = parse(sql)? else {
            return Err("a query was expected".into());
        };
        shaped(&mut query)?;
        let mut query = Box::new(with_names(*query));
        let written = query.clone();
        adapt(&mut *query);
        let statement = PlannerStatement::Statement(Box::new(ast::Statement::Query(query)));
        let plan = self.context.state().statement_to_plan(statement).await;
        let plan = plan.map_err(|error| match located(&error, &written) {
            Some(found) => AnyError::from(found),
            None => AnyError::from(error),
        })?;
        check_types(&plan, &written)?;
        Ok(laterals_joined(plan, &written)?)
    }

    async fn answer(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, AnyError> {
        let plan = self.plan(sql).await?;
        let batches = self.context.execute_logical_plan(plan).await?.collect().await?;
        let mut rows = Vec::new();
        let mut columns = 1;
        for batch in &batches {
            columns = batch.num_columns();
            rows.extend(texts(batch)?);
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }
}

/// A table as a lake has them: texts as views, exact decimals, instants of microseconds.
fn prices() -> MemTable {
    let symbols: ArrayRef =
        Arc::new(StringViewArray::from(vec![Some("BTC"), Some("BTC"), Some("ETH"), Some("ETH"), None]));
    let price = Decimal128Array::from(vec![
        Some(6_000_050_000_000_i128),
        Some(6_000_150_000_000),
        Some(250_000_000_000),
        None,
        Some(100_000_000),
    ]);
    let quantity = Decimal128Array::from(vec![
        Some(100_000_000_i128),
        Some(300_000_000),
        Some(50_000_000),
        Some(1),
        Some(200_000_000),
    ]);
    let times = TimestampMicrosecondArray::from(vec![
        1_723_116_031_123_456_i64,
        1_723_116_091_000_000,
        1_723_116_031_500_000,
        1_723_119_600_000_000,
        1_723_202_431_000_000,
    ]);
    let batch = RecordBatch::try_from_iter_with_nullable(vec![
        ("symbol", symbols, true),
        ("price", Arc::new(price.with_precision_and_scale(18, 8).unwrap()) as ArrayRef, true),
        ("quantity", Arc::new(quantity.with_precision_and_scale(28, 8).unwrap()) as ArrayRef, true),
        ("event_time", Arc::new(times.with_timezone("+00:00")) as ArrayRef, true),
    ])
    .unwrap();
    let parts = vec![vec![batch.slice(0, 2)], vec![batch.slice(2, 3)]];
    MemTable::try_new(batch.schema(), parts).unwrap()
}

fn texts(batch: &RecordBatch) -> Result<Vec<Vec<String>>, AnyError> {
    let options = FormatOptions::new()
        .with_null("NULL")
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f %:z"));
    let formatters: Vec<ArrayFormatter> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<_, _>>()?;
    let row = |row| {
        let text = |formatter: &ArrayFormatter| match formatter.value(row).to_string() {
            text if text.is_empty() => "(empty)".to_owned(),
            text => text,
        };
        formatters.iter().map(text).collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

impl DB for Dialect {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        self.runtime.block_on(self.answer(sql)).map_err(|error| {
            let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
            while let Some(inner) = cause {
                if let Some(dialect) = inner.downcast_ref::<DialectError>() {
                    let place = dialect.position();
                    let place = place.map(|place| format!("line {}:{}: ", place.line, place.column));
                    let place = place.unwrap_or_default();
                    return Failure(format!("{}: {place}{dialect}", dialect.trino_name()));
                }
                cause = inner.source();
            }
            Failure(error.to_string())
        })
    }
}

#[test]
fn answers_are_those_of_trino() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "the cases are missing");
    let mut failures = Vec::new();
    for file in files {
        let records = sqllogictest::parse_file::<DefaultColumnType>(&file).unwrap();
        let mut runner = Runner::new(|| async { Ok(Dialect::new()) });
        for record in records {
            if let Err(error) = runner.run(record) {
                failures.push(error.display(false).to_string());
            }
        }
    }
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n\n"));
}

/// A condition on a column must reach the scan as a comparison with a literal, or files are not pruned by it.
#[test]
fn conditions_compare_columns_with_literals() {
    let dialect = Dialect::new();
    for condition in [
        "event_time >= TIMESTAMP '2024-08-08 11:00:00'",
        "event_time >= TIMESTAMP '2024-08-08 11:00:00 UTC'",
        "event_time >= TIMESTAMP '2024-08-08 11:00:00.123456 UTC'",
        "event_time >= TIMESTAMP '2024-08-08 13:00:00 Europe/Paris'",
        "event_time BETWEEN TIMESTAMP '2024-08-08 11:00:00' AND TIMESTAMP '2024-08-08 12:00:00.5'",
        "event_time >= DATE '2024-08-08'",
        "event_time >= CAST('2024-08-08' AS timestamp)",
        "event_time >= from_iso8601_timestamp('2024-08-08T11:00:00Z')",
        "event_time >= date_add('hour', -1, TIMESTAMP '2024-08-08 11:00:00 UTC')",
        "event_time > now() - INTERVAL '1' HOUR",
        "event_time > current_timestamp - INTERVAL '1' DAY",
        "event_time >= from_unixtime(1723116031)",
        "event_time >= at_timezone(TIMESTAMP '2024-08-08 11:00:00 UTC', 'Europe/Paris')",
        "event_time >= date_trunc('day', TIMESTAMP '2024-08-08 11:00:00')",
        "price > 100",
        "price > 100.5",
        "price >= 2 * 50",
        "price = DECIMAL '1.50'",
        "symbol = 'BTC'",
        "symbol = 'B' || 'TC'",
        "symbol = concat('B', 'TC')",
        "symbol = upper('btc')",
        "symbol IN ('BTC', 'ETH')",
        "symbol = CAST('BTC' AS varchar)",
        "CAST(symbol AS varchar) = 'BTC'",
    ] {
        let plan = dialect.runtime.block_on(async {
            let plan = dialect.plan(&format!("SELECT symbol FROM prices WHERE {condition}")).await.unwrap();
            dialect.context.state().optimize(&plan).unwrap()
        });
        let text = plan.display_indent().to_string().replace("prices.", "");
        let condition_line =
            text.lines().find(|line| line.contains("Filter:") || line.contains("filters=")).unwrap();
        let calls = condition_line.contains("CAST(")
            || condition_line.contains('$')
            || condition_line.contains("now()");
        assert!(!calls, "{condition}\n{text}");
    }
}

/// Values that a parameter of a type may get, among them what is at the edge.
fn samples(parameter: &str) -> Vec<&'static str> {
    match parameter.trim_end_matches("...") {
        "varchar" | "json" => {
            vec!["''", "'é%$'", "symbol", "'[1, {\"a\": null}]'", "CAST('x' AS varchar(3))"]
        }
        "bigint" | "integer" => vec!["0", "-9223372036854775807", "9223372036854775807", "length(symbol)"],
        "double" => vec!["nan()", "-infinity()", "1e300", "CAST(price AS double)"],
        "number" | "decimal" => {
            vec!["0", "DECIMAL '99999999999999999999999999999999999999'", "price", "1e300", "-2147483647"]
        }
        "boolean" => vec!["true", "price > 5"],
        "varbinary" => vec!["X''", "X'ff00'", "to_utf8(symbol)"],
        "date" => vec!["DATE '1969-12-31'", "DATE '9999-12-31'"],
        function if function.starts_with("function(") => match function.matches(',').count() {
            1 => vec!["x -> x", "x -> x IS NULL", "x -> NULL"],
            2 => vec!["(x, y) -> y", "(x, y) -> x IS NULL", "(x, y) -> 1"],
            _ => vec!["(x, y, z) -> z", "(x, y, z) -> x"],
        },
        "array(double)" => vec!["ARRAY[0.5e0, 1e0]", "ARRAY[]"],
        "array(row(K))" => vec!["ARRAY[ROW('a', 1)]"],
        other if other.starts_with("array") => {
            vec!["ARRAY[]", "ARRAY[NULL, 1]", "ARRAY[symbol, 'x']", "ARRAY[ARRAY[1], NULL]"]
        }
        other if other.starts_with("map") => {
            vec!["MAP()", "MAP(ARRAY[1], ARRAY[NULL])", "MAP(ARRAY['k'], ARRAY[price])"]
        }
        other if other.starts_with("timestamp") || other == "moment" => {
            vec![
                "event_time",
                "TIMESTAMP '0001-01-01 00:00:00'",
                "DATE '9999-12-31'",
                "TIMESTAMP '2020-03-29 02:30:00 Europe/Paris'",
            ]
        }
        _ => vec!["1", "symbol", "ARRAY[price]"],
    }
}

/// No function panics, and none breaks what it promised of its type, whatever it is asked: NULL, edges, columns.
#[test]
fn functions_answer_or_refuse_whatever_is_asked() {
    let dialect = Dialect::new();
    let mut broken = Vec::new();
    for function in listing() {
        let mut calls = vec![vec!["NULL"; 0]];
        let parameters: Vec<&str> = if function.argument_types.is_empty() {
            Vec::new()
        } else {
            function.argument_types.split(", ").collect()
        };
        for parameter in parameters {
            let samples = samples(parameter);
            calls = (0..=samples.len().max(calls.len()))
                .map(|index| {
                    let mut call = calls[index % calls.len()].clone();
                    call.push(samples.get(index % (samples.len() + 1)).copied().unwrap_or("NULL"));
                    call
                })
                .collect();
        }
        for call in calls {
            let over = if function.kind == FunctionKind::Window { " OVER (ORDER BY event_time)" } else { "" };
            let sql = format!("SELECT {}({}){over} FROM prices", function.name, call.join(", "));
            if let Err(error) = dialect.runtime.block_on(dialect.answer(&sql)) {
                let text = error.to_string();
                // Of arrays `nullif` is the planner's own and compares none.
                let known = text.starts_with("Error during planning") || function.name == "nullif";
                let bug = ["Internal error", "panicked", "InvalidArgumentError", "Arrow error"];
                if !known && bug.iter().any(|mark| text.contains(mark)) {
                    broken.push(format!("{sql}\n    {}", text.lines().next().unwrap_or_default()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} calls break:\n{}", broken.len(), broken.join("\n"));
}
