//! A sink that runs beside its producers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

#[tokio::test]
async fn a_running_sink_commits_every_interval_and_at_the_end() {
    let place = Place::new();
    let log = place.log();
    let reports = Arc::new(Mutex::new(SinkSummary::default()));
    let mut sink = place.sink(&log).await;
    sink.config.commit_interval = Duration::from_millis(20);
    let seen = Arc::clone(&reports);
    let sink = sink.on_commit(move |report| seen.lock().unwrap().add(report));
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(sink.run(stopped));
    let mut runner = TestRunner::deterministic();
    for commits in 1..=3 {
        feed(&*log, &mut runner, 60);
        while reports.lock().unwrap().commits < commits {
            sleep(Duration::from_millis(5)).await;
        }
    }
    feed(&*log, &mut runner, 60);
    stop.send(true).unwrap();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.total_rows(), 240);
    assert!(summary.commits >= 4 && summary.last_latency > Duration::ZERO, "{summary:?}");
    assert_eq!(*reports.lock().unwrap(), summary);
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_sink_that_is_stopped_at_once_still_takes_all_that_waits() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let mut sink = place.sink(&log).await;
    sink.config.commit_bytes = 1_000;
    let (_stop, stopped) = watch::channel(true);
    let summary = sink.run(stopped).await.unwrap();
    assert!(summary.commits > 1, "{summary:?}");
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_commit_ends_though_producers_go_on() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let mut sink = place.sink(&log).await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let (producer, producing) = (Arc::clone(&log), Arc::clone(&goes_on));
    let producer = thread::spawn(move || {
        let mut runner = TestRunner::deterministic();
        while producing.load(Ordering::Relaxed) {
            feed(&*producer, &mut runner, 6);
        }
    });
    let committed = tokio::time::timeout(Duration::from_secs(20), sink.commit_once()).await;
    goes_on.store(false, Ordering::Relaxed);
    producer.join().unwrap();
    assert!(committed.unwrap().unwrap().total_rows() >= 60);
    sink.commit_once().await.unwrap();
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_running_sink_does_not_wait_for_the_interval_while_more_waits_than_one_commit_takes() {
    let place = Place::new();
    let log = place.log();
    let mut sink = place.sink(&log).await;
    sink.config = SinkConfig { commit_interval: Duration::from_hours(1), commit_bytes: 5_000 };
    let (committed, mut commits) = tokio::sync::mpsc::unbounded_channel();
    let sink = sink.on_commit(move |report| committed.send(report.total_rows()).unwrap());
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(sink.run(stopped));
    let mut runner = TestRunner::deterministic();
    for _ in 0..2 {
        feed(&*log, &mut runner, 600);
        let mut rows = 0;
        while rows < 300 {
            rows += commits.recv().await.unwrap();
        }
    }
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert_lake_is_log(&place, &*log).await;
}
