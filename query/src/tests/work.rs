//! Where statements are worked on: not on the threads that talk to clients, and not for longer than somebody wants them.

use std::time::Duration;

use tokio::time::timeout;

use crate::access::Principal;
use crate::samples::empty_lake;
use crate::session::{
    Database, DatabaseOptions, Door, Limits, QueryState, Session, SessionSettings, StopReason,
};

/// Longer than anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Statements that keep a processor busy for minutes, each in another way.
const HEAVY: [&str; 6] = [
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(n), UNNEST(sequence(1, 10000)) AS b(m), UNNEST(sequence(1, 10000)) AS c(k) WHERE n + m + k < 0",
    "SELECT count(*) FROM tpch.sf1.lineitem a CROSS JOIN tpch.sf1.lineitem b WHERE a.comment < b.comment",
    "SELECT count(*) FROM tpch.sf1.lineitem a CROSS JOIN tpch.sf1.lineitem b WHERE a.comment || b.comment = 'x'",
    "SELECT comment FROM tpch.sf1.lineitem a CROSS JOIN UNNEST(sequence(1, 10000)) AS b(n) ORDER BY comment || CAST(n AS varchar) LIMIT 1",
    "SELECT count(*) FROM tpch.sf1.lineitem a CROSS JOIN UNNEST(sequence(1, 10000)) AS b(n) WHERE regexp_like(comment || CAST(n AS varchar), '(a|b)*c(d|e)*f$')",
    "SELECT max(n * m) FROM UNNEST(sequence(1, 10000)) AS a(n) CROSS JOIN UNNEST(sequence(1, 10000)) AS b(m) CROSS JOIN tpch.sf1.orders",
];

fn opened(lake: &crate::samples::LakeInFolder, limits: Limits) -> Database {
    Database::open(lake.lake.clone(), DatabaseOptions { limits, ..DatabaseOptions::default() }).unwrap()
}

fn reader(database: &Database) -> Session {
    database.session(SessionSettings::new(Principal::reader("ada"), Door::Trino))
}

/// A statement's answer after all that was before it has let go of its place.
async fn has_its_turn(session: &Session) {
    let turn = timeout(PATIENCE, async { session.execute("SELECT 1").await.unwrap().rows.collect().await });
    assert_eq!(turn.await.expect("the work before goes on").unwrap().len(), 1);
}

#[tokio::test]
async fn the_work_stops_where_its_client_goes() {
    let lake = empty_lake().await;
    let database = opened(&lake, Limits { running: 1, queued: 1, ..Limits::default() });
    let session = reader(&database);
    for text in HEAVY {
        let answer = session.execute(text).await.unwrap();
        assert_eq!(database.queries().get(&answer.query).unwrap().state, QueryState::Running);
        assert!(database.queries().cancel(&answer.query, StopReason::Cancelled));
        assert_eq!(answer.rows.collect().await.unwrap_err().trino().name, "USER_CANCELED", "{text}");
        has_its_turn(&session).await;
    }
}

#[tokio::test]
async fn the_work_stops_where_its_time_is_up() {
    let lake = empty_lake().await;
    let limits =
        Limits { running: 1, queued: 1, time_per_query: Duration::from_millis(300), ..Limits::default() };
    let database = opened(&lake, limits);
    let patient = opened(&lake, Limits::default());
    for text in HEAVY {
        let error = match reader(&database).execute(text).await {
            Ok(answer) => answer.rows.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.trino().name, "EXCEEDED_TIME_LIMIT", "{text}");
        loop {
            // Waiting for the place takes of the time as well.
            match reader(&database).execute("SELECT 1").await {
                Ok(answer) => break drop(answer),
                Err(error) => assert_eq!(error.trino().name, "EXCEEDED_TIME_LIMIT", "{text}"),
            }
        }
    }
    has_its_turn(&reader(&patient)).await;
}

/// This test's runtime has one thread, which heavy statements would take.
#[tokio::test]
async fn heavy_statements_leave_the_threads_of_the_doors_alone() {
    let lake = empty_lake().await;
    let database = opened(&lake, Limits::default());
    let session = reader(&database);
    let mut answers = Vec::new();
    for text in HEAVY.into_iter().take(4) {
        answers.push(session.execute(text).await.unwrap());
    }
    let (asked, mut answered) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move { asked.send(()).await });
    assert_eq!(timeout(PATIENCE, answered.recv()).await.unwrap(), Some(()));
    for answer in &answers {
        assert_eq!(database.queries().get(&answer.query).unwrap().state, QueryState::Running);
    }
}
