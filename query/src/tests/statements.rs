//! Statements of Trino's against sessions of clients, in files of sqllogictest.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::access::{Grant, Grants, Principal};
use crate::samples::{LakeInFolder, append, empty_lake, trades};
use crate::session::{Database, DatabaseOptions, Door, SessionSettings};
use crate::{Answer, QueryError};

/// A client that keeps what statements set, as Trino's do.
struct Client {
    database: Database,
    settings: Arc<Mutex<SessionSettings>>,
}

impl Client {
    async fn answer(&self, text: &str) -> Result<(Answer, SessionSettings), QueryError> {
        let settings = self.settings.lock().unwrap().clone();
        let answer = self.database.session(settings.clone()).execute(text).await?;
        let mut changed = settings;
        answer.effects.iter().for_each(|effect| changed.apply(effect));
        Ok((answer, changed))
    }
}

/// An error as a client of Trino sees it.
#[derive(Debug)]
struct Shown(String);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Shown {}

impl From<QueryError> for Shown {
    fn from(error: QueryError) -> Self {
        Self(format!("{}: {error}", error.trino().name))
    }
}

#[async_trait]
impl AsyncDB for Client {
    type Error = Shown;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, text: &str) -> Result<DBOutput<DefaultColumnType>, Shown> {
        let (answer, changed) = self.answer(text).await?;
        let (columns, update) = (answer.columns.len(), answer.update.clone());
        let names: Vec<String> = answer.columns.iter().map(|column| column.name.clone()).collect();
        let batches = answer.rows.collect().await?;
        *self.settings.lock().unwrap() = changed;
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(
                update.and_then(|update| update.count).unwrap_or_default(),
            ));
        }
        let mut rows = vec![];
        if text.trim_start().starts_with("SHOW") || text.trim_start().starts_with("DESC") {
            rows.push(names);
        }
        for batch in &batches {
            rows.extend(texts(batch));
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }

    async fn shutdown(&mut self) {}
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let text = |column: &ArrayFormatter<'_>, row: usize| match column.value(row).to_string() {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text.replace('\n', "\\n"),
    };
    let row = |row: usize| columns.iter().map(|column| text(column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

async fn lake() -> LakeInFolder {
    let lake = empty_lake().await;
    append(&lake.lake, depthlake_lake::table::Table::Trades, &trades(0, 100)).await;
    lake
}

/// Reads everything and writes to `memory`.
fn analyst() -> Principal {
    let grant =
        |catalog: Option<&str>, writes| Grant { catalog: catalog.map(str::to_owned), schema: None, writes };
    Principal {
        user: "ada".to_owned(),
        grants: Grants::new(vec![grant(None, false), grant(Some("memory"), true)]),
    }
}

async fn run(file: &str) {
    let lake = lake().await;
    let database = Database::open(lake.lake.clone(), DatabaseOptions::default()).unwrap();
    let path = format!("{}/tests/statements/{file}", env!("CARGO_MANIFEST_DIR"));
    let settings = SessionSettings::new(analyst(), Door::Trino);
    let settings = Arc::new(Mutex::new(settings));
    let mut runner =
        Runner::new(|| async { Ok(Client { database: database.clone(), settings: Arc::clone(&settings) }) });
    runner.with_column_validator(|_, _| true);
    runner.run_file_async(path).await.unwrap();
}

#[tokio::test]
async fn names() {
    run("names.slt").await;
}

#[tokio::test]
async fn show() {
    run("show.slt").await;
}

#[tokio::test]
async fn prepared() {
    run("prepared.slt").await;
}

#[tokio::test]
async fn queries() {
    run("queries.slt").await;
}

#[tokio::test]
async fn unnest() {
    run("unnest.slt").await;
}

#[tokio::test]
async fn session() {
    run("session.slt").await;
}

#[tokio::test]
async fn memory() {
    run("memory.slt").await;
}

#[tokio::test]
async fn system() {
    run("system.slt").await;
}

#[tokio::test]
async fn tpch() {
    run("tpch.slt").await;
}

#[tokio::test]
async fn refused() {
    run("refused.slt").await;
}
