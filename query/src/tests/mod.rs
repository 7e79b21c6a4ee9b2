//! Queries over lakes of real files, compared with slow computations over the same rows.

mod answers;
mod client;
mod evolution;
mod limits;
mod marts;
mod numbers;
mod refusals;
mod snapshots;
mod statements;
mod tables;
mod work;

use std::fmt::Debug;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;

use crate::error::QueryError;
use crate::session::Session;

async fn batches(session: &Session, sql: &str) -> Vec<RecordBatch> {
    session.sql(sql).await.unwrap().collect().await.unwrap()
}

/// The rows as text, a value each column.
async fn rows(session: &Session, sql: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches(session, sql).await {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect());
        }
    }
    rows
}

/// The one value of the one row.
async fn value<T: std::str::FromStr<Err: Debug>>(session: &Session, sql: &str) -> T {
    let rows = rows(session, sql).await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let [value] = &row[..] else { panic!("{row:?}") };
    value.parse().unwrap()
}

async fn error(session: &Session, sql: &str) -> QueryError {
    match session.sql(sql).await {
        Ok(rows) => rows.collect().await.unwrap_err(),
        Err(error) => error,
    }
}
