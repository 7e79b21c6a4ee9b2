//! A tail that may hold little, and one that comes late.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_read_from_the_log() {
    let place = Place::new();
    let (log, lake) = (place.log(), place.lake().await);
    let mut twin = Twin::default();
    let mut runner = TestRunner::deterministic();
    let little = TailOptions { memory_bytes: 60_000, ..TailOptions::default() };
    let tail = Tail::follow(log.clone(), lake.clone(), little).await.unwrap();
    let mut sink = Sink::new(log.clone(), lake.clone(), SinkConfig::default());
    let mut was_unread = false;
    for _ in 0..3 {
        feed(&*log, &mut runner, 400);
        until_all_is_seen(&tail).await;
        twin.read(&*log);
        for table in followed() {
            let joined = tail.join(table).await.unwrap();
            was_unread |= !joined.unread.is_empty();
            let all = places().map(|at| (at, log.durable_end(at).unwrap())).collect();
            assert_eq!(rows_joined(&lake, table, joined).await, twin.rows(table, &all), "{table}");
        }
        sink.commit_once().await.unwrap();
    }
    assert!(was_unread);
    // The rows were committed, so there is room again.
    feed(&*log, &mut runner, 8);
    for table in followed() {
        tail.join(table).await.unwrap();
    }
    until_all_is_seen(&tail).await;
    while tail.status().bytes > 60_000 {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(tail.join(Table::Bars).await.unwrap().unread.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_neither_log_nor_lake_has_are_told() {
    let place = Place::new();
    let (log, lake) = (place.log(), place.lake().await);
    let mut runner = TestRunner::deterministic();
    feed(&*log, &mut runner, 60);
    Sink::new(log.clone(), lake.clone(), SinkConfig::default()).commit_once().await.unwrap();
    feed(&*log, &mut runner, 3_000);
    log.release(&places().map(|at| (at, log.durable_end(at).unwrap())).collect::<Vec<_>>()).unwrap();
    let tail = Tail::follow(log, lake, TailOptions::default()).await.unwrap();
    let error = tail.join(Table::RawTrades).await.unwrap_err();
    assert!(matches!(error, TailError::Gap { .. }), "{error}");
}
