//! What a query may use and see, and what happens beyond.

use std::time::Duration;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use depthlake_dialect::types::TrinoType;

use crate::access::{Grant, Grants, Principal};
use crate::samples::{LakeInFolder, empty_lake};
use crate::session::{
    Database, DatabaseOptions, Door, Limits, QueryInfo, QueryState, Session, SessionSettings, StopReason,
};
use crate::{Answer, QueryError};

/// A query that would take days.
const ENDLESS: &str =
    "SELECT count(*) FROM tpch.sf1.lineitem a CROSS JOIN tpch.sf1.lineitem b WHERE a.comment < b.comment";

async fn opened(limits: Limits) -> (LakeInFolder, Database) {
    let lake = empty_lake().await;
    let database =
        Database::open(lake.lake.clone(), DatabaseOptions { limits, ..DatabaseOptions::default() });
    (lake, database.unwrap())
}

fn session_of(database: &Database, principal: Principal) -> Session {
    database.session(SessionSettings::new(principal, Door::Trino))
}

fn reader(database: &Database) -> Session {
    session_of(database, Principal::reader("ada"))
}

/// The name of the error with which a statement ends.
async fn fails(session: &Session, text: &str) -> (&'static str, String) {
    let error = match session.execute(text).await {
        Ok(answer) => answer.rows.collect().await.unwrap_err(),
        Err(error) => error,
    };
    (error.trino().name, error.to_string())
}

async fn rows(answer: Answer) -> Result<usize, QueryError> {
    Ok(answer.rows.collect().await?.iter().map(RecordBatch::num_rows).sum())
}

#[tokio::test]
async fn too_many_rows_are_refused() {
    let (_lake, database) = opened(Limits { rows_per_query: 10, ..Limits::default() }).await;
    let session = reader(&database);
    assert_eq!(rows(session.execute("TABLE tpch.tiny.region").await.unwrap()).await.unwrap(), 5);
    let (name, message) = fails(&session, "TABLE tpch.tiny.nation").await;
    assert_eq!((name, message.contains("10 rows")), ("EXCEEDED_SCAN_LIMIT", true), "{message}");
}

#[tokio::test]
async fn a_query_has_so_much_time() {
    let limits = Limits { time_per_query: Duration::from_millis(50), ..Limits::default() };
    let (_lake, database) = opened(limits).await;
    assert_eq!(fails(&reader(&database), ENDLESS).await.0, "EXCEEDED_TIME_LIMIT");
    let mut settings = SessionSettings::new(Principal::reader("ada"), Door::Trino);
    settings.properties.insert("query_max_run_time".to_owned(), "10ms".to_owned());
    let (_lake, database) = opened(Limits::default()).await;
    let (name, message) = fails(&database.session(settings), ENDLESS).await;
    assert_eq!((name, message.contains("0.01s")), ("EXCEEDED_TIME_LIMIT", true), "{message}");
}

#[tokio::test]
async fn what_is_gathered_has_so_much_memory() {
    let (_lake, database) = opened(Limits { memory_per_query: 4 << 20, ..Limits::default() }).await;
    let session = reader(&database);
    for gathered in [
        "count(DISTINCT (orderkey, linenumber, comment)), count(*)",
        "array_agg(comment)",
        "map_agg(orderkey, comment)",
        "multimap_agg(linenumber, comment)",
        "histogram(comment)",
        "max_by(rpad(comment, 5000, 'x'), orderkey, 10000)",
    ] {
        let text = format!("SELECT {gathered} FROM tpch.sf1.lineitem");
        let (name, message) = fails(&session, &text).await;
        assert_eq!(name, "EXCEEDED_LOCAL_MEMORY_LIMIT", "{text}: {message}");
        assert_eq!(rows(session.execute("SELECT 1").await.unwrap()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_text_has_so_many_bytes() {
    let (_lake, database) = opened(Limits { text_length: 20, ..Limits::default() }).await;
    let text = format!("SELECT 1 -- {}", "x".repeat(20));
    assert_eq!(fails(&reader(&database), &text).await.0, "QUERY_TEXT_TOO_LARGE");
}

#[tokio::test]
async fn one_query_too_many_is_refused_until_another_ends() {
    let (_lake, database) = opened(Limits { running: 1, queued: 0, ..Limits::default() }).await;
    let session = reader(&database);
    let first = session.execute(ENDLESS).await.unwrap();
    assert_eq!(fails(&session, "SELECT 2").await.0, "QUERY_QUEUE_FULL");
    let state_of = |text: &str| {
        database.queries().list().iter().find(|query| query.text == text).map(|query| query.state)
    };
    assert_eq!(state_of("SELECT 2"), Some(QueryState::Failed));
    drop(first);
    let third = loop {
        // Its place is free once its work has stopped.
        match session.execute("SELECT 3").await {
            Ok(answer) => break answer,
            Err(error) => assert_eq!(error.trino().name, "QUERY_QUEUE_FULL"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(rows(third).await.unwrap(), 1);
    let finished = |query: &QueryInfo| query.text == "SELECT 3" && query.state == QueryState::Finished;
    assert!(database.queries().list().iter().any(finished));
}

#[tokio::test]
async fn a_query_is_stopped_by_its_client_or_killed() {
    let (_lake, database) = opened(Limits::default()).await;
    let session = reader(&database);
    let answer = session.execute(ENDLESS).await.unwrap();
    assert!(database.queries().cancel(&answer.query, StopReason::Cancelled));
    assert_eq!(rows(answer).await.unwrap_err().trino().name, "USER_CANCELED");

    let answer = session.execute(ENDLESS).await.unwrap();
    let kill = format!("CALL system.runtime.kill_query(query_id => '{}', message => 'enough')", answer.query);
    let other = session_of(&database, Principal::reader("bob"));
    assert_eq!(fails(&other, &kill).await.0, "PERMISSION_DENIED");
    session.execute(&kill).await.unwrap();
    let error = rows(answer).await.unwrap_err();
    assert_eq!((error.trino().name, error.to_string().contains("enough")), ("ADMINISTRATIVELY_KILLED", true));
}

#[tokio::test]
async fn only_what_is_granted_is_seen() {
    let (_lake, database) = opened(Limits::default()).await;
    let marts =
        Grant { catalog: Some("depthlake".to_owned()), schema: Some("marts".to_owned()), writes: false };
    let session =
        session_of(&database, Principal { user: "eve".to_owned(), grants: Grants::new(vec![marts]) });
    let (name, message) = fails(&session, "SELECT * FROM depthlake.normalized.trades").await;
    assert_eq!(name, "PERMISSION_DENIED");
    assert_eq!(message, "Access Denied: Cannot select from table depthlake.normalized.trades");
    assert_eq!(fails(&session, "TABLE tpch.tiny.nation").await.0, "CATALOG_NOT_FOUND");
    assert_eq!(fails(&session, "DESCRIBE depthlake.raw.trades").await.0, "SCHEMA_NOT_FOUND");
    let schemas = session.execute("SHOW SCHEMAS FROM depthlake").await.unwrap();
    assert_eq!(rows(schemas).await.unwrap(), 2);
    let listed = "SELECT * FROM depthlake.information_schema.tables WHERE table_schema NOT IN ('marts', 'information_schema')";
    assert_eq!(rows(session.execute(listed).await.unwrap()).await.unwrap(), 0);
    let view = session.execute("SELECT * FROM depthlake.marts.mart_liquidity_latest").await.unwrap();
    assert_eq!(rows(view).await.unwrap(), 0);
}

#[tokio::test]
async fn values_take_the_places_of_parameters() {
    let (_lake, database) = opened(Limits::default()).await;
    let session = reader(&database);
    let text = "SELECT name FROM tpch.tiny.nation WHERE nationkey = $1 OR name = $2";
    let values = vec![ScalarValue::Int64(Some(3)), ScalarValue::Utf8(Some("it's".to_owned()))];
    let answer = session.execute_with(database.queries().next_id(), text, values).await.unwrap();
    assert_eq!(rows(answer).await.unwrap(), 1);
    let described = session.describe(text).await.unwrap();
    assert_eq!(described.parameters.first(), Some(&TrinoType::Bigint));
    assert_eq!(
        described.columns.first().map(|column| column.r#type.to_string()).as_deref(),
        Some("varchar(25)")
    );
}
