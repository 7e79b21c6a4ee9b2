//! Snapshot and tail together are the log.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use depthlake_orderbook::time::Timestamp;

use super::*;
use crate::commit::CompactionRules;

/// Compares every table with the twin at the offsets that it was joined at.
async fn assert_joined(lake: &Lake, tail: &Tail, log: &dyn Log, twin: &mut Twin) {
    for table in followed() {
        let joined = tail.join(table).await.unwrap();
        twin.read(log);
        let expected = twin.rows(table, &joined.ends);
        let found = rows_joined(lake, table, joined).await;
        assert_eq!(found.len(), expected.len(), "{table}");
        assert_eq!(found, expected, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_seen_before_they_are_committed_and_once_after() {
    let place = Place::new();
    let (log, lake) = (place.log(), place.lake().await);
    let mut twin = Twin::default();
    let mut runner = TestRunner::deterministic();
    let tail = Tail::follow(log.clone(), lake.clone(), TailOptions::default()).await.unwrap();
    let mut sink = Sink::new(log.clone(), lake.clone(), SinkConfig::default());
    for _ in 0..4 {
        feed(&*log, &mut runner, 120);
        until_all_is_seen(&tail).await;
        assert_joined(&lake, &tail, &*log, &mut twin).await;
        sink.commit_once().await.unwrap();
        assert_joined(&lake, &tail, &*log, &mut twin).await;
    }
    let all = places().map(|at| (at, log.durable_end(at).unwrap())).collect();
    for table in followed() {
        let joined = tail.join(table).await.unwrap();
        assert_eq!(joined.rows.len(), 0, "{table}: all is committed");
        assert_eq!(rows_joined(&lake, table, joined).await, twin.rows(table, &all), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_begins_where_the_lake_ends_after_a_restart() {
    let place = Place::new();
    let mut twin = Twin::default();
    let mut runner = TestRunner::deterministic();
    for _ in 0..3 {
        let (log, lake) = (place.log(), place.lake().await);
        let tail = Tail::follow(log.clone(), lake.clone(), TailOptions::default()).await.unwrap();
        // What the log had before the start is seen by the first query.
        let joined = tail.join(Table::RawTrades).await.unwrap();
        twin.read(&*log);
        let all = places().map(|at| (at, log.durable_end(at).unwrap())).collect();
        assert_eq!(rows_joined(&lake, Table::RawTrades, joined).await, twin.rows(Table::RawTrades, &all));
        let mut sink = Sink::new(log.clone(), lake.clone(), SinkConfig::default());
        feed(&*log, &mut runner, 100);
        sink.commit_once().await.unwrap();
        feed(&*log, &mut runner, 100);
        until_all_is_seen(&tail).await;
        assert_joined(&lake, &tail, &*log, &mut twin).await;
    }
}

/// A producer, a sink that commits all the time and lets go of the log, and care of the tables go on while the tables are
/// looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_missing_or_twice_while_commits_and_compactions_go_on() {
    const LOOKS: usize = 24;
    const COMMITS: usize = 6;
    let place = Place::new();
    let (log, lake) = (place.log(), place.lake().await);
    let tail = Tail::follow(log.clone(), lake.clone(), TailOptions::default()).await.unwrap();
    let twin = Arc::new(Mutex::new(Twin::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let commits = Arc::new(AtomicUsize::new(0));

    let producer = spawn_blocking({
        let (log, stop) = (log.clone(), Arc::clone(&stop));
        move || {
            let mut runner = TestRunner::deterministic();
            while !stop.load(Ordering::Relaxed) {
                feed(&*log, &mut runner, 24);
                thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let sink = tokio::spawn({
        let (log, lake, stop, twin) = (log.clone(), lake.clone(), Arc::clone(&stop), Arc::clone(&twin));
        let commits = Arc::clone(&commits);
        async move {
            let mut sink = Sink::new(log.clone(), lake, SinkConfig::default());
            while !stop.load(Ordering::Relaxed) {
                let report = sink.commit_once().await.unwrap();
                lock(&twin).read(&*log);
                log.release(&report.positions).unwrap();
                commits.fetch_add(usize::from(!report.is_empty()), Ordering::Relaxed);
                sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let care = tokio::spawn({
        let (lake, stop) = (lake.clone(), Arc::clone(&stop));
        async move {
            let rules = CompactionRules { fewest_files: 2, ..CompactionRules::default() };
            while !stop.load(Ordering::Relaxed) {
                for table in followed() {
                    // A commit may take a file of bars away first.
                    let _ = lake.compact(table, &rules, Timestamp(0)).await;
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let mut ends = BTreeMap::new();
    let tables: Vec<_> = followed().collect();
    let mut look = 0;
    while look < LOOKS || commits.load(Ordering::Relaxed) < COMMITS {
        let table = tables[look % tables.len()];
        look += 1;
        let joined = tail.join(table).await.unwrap();
        for (at, end) in &joined.ends {
            let before = ends.insert((table, *at), *end).unwrap_or_default();
            assert!(*end >= before, "{at}: what was seen is seen no more");
        }
        let expected = {
            let mut twin = lock(&twin);
            twin.read(&*log);
            twin.rows(table, &joined.ends)
        };
        let found = rows_joined(&lake, table, joined).await;
        assert_eq!(found.len(), expected.len(), "{table}, look {look}");
        assert_eq!(found, expected, "{table}, look {look}");
    }
    stop.store(true, Ordering::Relaxed);
    producer.await.unwrap();
    sink.await.unwrap();
    care.await.unwrap();
}
