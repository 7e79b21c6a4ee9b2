//! The tests of a model's rows, as queries for the rows that fail.

use arrow_array::RecordBatch;

use super::minutes::Minutes;
use super::query::filled;
use super::{Model, ROWS_UNDER_TEST, Sql, SqlError, Targets};

/// How many failing rows are shown.
const SHOWN: usize = 10;

/// A test that rows do not pass.
#[derive(Debug)]
pub struct FailedTest {
    pub model: &'static str,
    /// What is not so, such as `symbol is null`.
    pub what: String,
    /// Some of the rows that fail.
    pub rows: Vec<RecordBatch>,
}

/// Runs all tests of a model on rows of some minutes, or of a view on what it shows of them. `None`: all pass.
pub(super) async fn check(
    model: &Model,
    rows: Option<&[RecordBatch]>,
    minutes: Minutes,
    targets: &Targets,
    sql: &dyn Sql,
) -> Result<Option<FailedTest>, SqlError> {
    if rows.is_some_and(<[_]>::is_empty) {
        return Ok(None);
    }
    let tested = match rows {
        Some(_) => ROWS_UNDER_TEST.to_owned(),
        None => format!("({})", model.query(minutes, targets)),
    };
    for (what, query) in queries(model, &tested, minutes, targets) {
        let failing = sql.query(&format!("{query} LIMIT {SHOWN}"), rows).await?;
        if failing.iter().any(|batch| batch.num_rows() > 0) {
            return Ok(Some(FailedTest { model: model.name, what, rows: failing }));
        }
    }
    Ok(None)
}

/// Each test: what fails, and the query for the rows of which it is so.
fn queries(model: &Model, tested: &str, minutes: Minutes, targets: &Targets) -> Vec<(String, String)> {
    let tests = &model.declaration.tests;
    let mut queries = Vec::new();
    for column in &tests.not_null {
        let query = format!("SELECT * FROM {tested} AS tested WHERE {column} IS NULL");
        queries.push((format!("{column} is null"), query));
    }
    if tests.unique {
        let key = model.declaration.key.join(", ");
        let query = format!(
            "SELECT {key}, count(*) AS times FROM {tested} AS tested GROUP BY {key} HAVING count(*) > 1"
        );
        queries.push((format!("({key}) is not unique"), query));
    }
    for (column, values) in &tests.accepted_values {
        let values: Vec<_> = values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        let query = format!("SELECT * FROM {tested} AS tested WHERE {column} NOT IN ({})", values.join(", "));
        queries.push((format!("{column} is none of {}", values.join(", ")), query));
    }
    for relationship in &tests.relationships {
        let (column, table) = (&relationship.column, &relationship.table);
        let parent =
            Model::named(table).map_or_else(|| table.clone(), |parent| format!("({})", parent.over_tables()));
        let query = format!(
            "SELECT * FROM {tested} AS tested WHERE {column} IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM {parent} AS parent WHERE parent.{column} = tested.{column})"
        );
        let query = filled(&query, minutes, model.lookback(), targets);
        queries.push((format!("{column} is not in {table}"), query));
    }
    queries
}
