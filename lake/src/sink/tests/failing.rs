//! Rivals, obstacles, and logs that do not fit the lake.

use super::*;
use crate::commit::{CommitError, LakeError};

/// Makes the folder for the data of `raw.trades` impossible.
fn obstruct(place: &Place) -> PathBuf {
    let obstacle = place.warehouse().join("raw/trades/data");
    fs::write(&obstacle, b"a file where a folder should be").unwrap();
    obstacle
}

#[tokio::test]
async fn of_two_sinks_on_one_log_the_second_stops() {
    let place = Place::new();
    let log = place.log();
    let mut runner = TestRunner::deterministic();
    let (mut winner, mut loser) = (place.sink(&log).await, place.sink(&log).await);
    assert!(loser.commit_once().await.unwrap().is_empty());
    feed(&*log, &mut runner, 60);
    winner.commit_once().await.unwrap();
    // The same range: done already, whoever did it.
    assert_eq!(loser.commit_once().await.unwrap().total_rows(), 60);
    feed(&*log, &mut runner, 60);
    winner.commit_once().await.unwrap();
    feed(&*log, &mut runner, 60);
    let error = loser.commit_once().await.unwrap_err();
    assert!(matches!(error, SinkError::Superseded(_)), "{error:?}");
    assert!(!error.is_transient());
    winner.commit_once().await.unwrap();
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_sink_that_wakes_up_with_an_old_commit_stops() {
    let place = Place::new();
    let log = place.log();
    let mut runner = TestRunner::deterministic();
    let (mut winner, mut sleeper) = (place.sink(&log).await, place.sink(&log).await);
    feed(&*log, &mut runner, 60);
    sleeper.pending = Some(sleeper.gather().await.unwrap());
    feed(&*log, &mut runner, 60);
    winner.commit_once().await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    let error = sleeper.run(stopped).await.unwrap_err();
    assert!(matches!(error, SinkError::Superseded(_)), "{error:?}");
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_failed_commit_is_repeated_as_it_was() {
    let place = Place::new();
    let log = place.log();
    let mut runner = TestRunner::deterministic();
    feed(&*log, &mut runner, 60);
    let mut sink = place.sink(&log).await;
    let obstacle = obstruct(&place);
    let error = sink.commit_once().await.unwrap_err();
    assert!(matches!(error, SinkError::Commit(CommitError::Lake(LakeError::Table { .. }))), "{error:?}");
    assert!(error.is_transient());
    feed(&*log, &mut runner, 30);
    fs::remove_file(obstacle).unwrap();
    assert_eq!(sink.commit_once().await.unwrap().total_rows(), 60);
    assert_eq!(sink.commit_once().await.unwrap().total_rows(), 30);
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_log_that_ends_before_the_lake_is_refused() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    place.sink(&log).await.commit_once().await.unwrap();
    drop(log);
    fs::remove_dir_all(place.log_folder()).unwrap();
    let error = place.sink(&place.log()).await.commit_once().await.unwrap_err();
    assert!(matches!(error, SinkError::Log(LogError::Beyond { .. })), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_running_sink_waits_for_an_obstacle_to_go() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let sink = place.sink(&log).await;
    let runs = Arc::clone(sink.lake.runs());
    let obstacle = obstruct(&place);
    let (stop, stopped) = watch::channel(false);
    let (committed, mut commits) = tokio::sync::mpsc::unbounded_channel();
    let sink = sink.on_commit(move |report| committed.send(report.total_rows()).unwrap());
    let running = tokio::spawn(sink.run(stopped));
    // The first attempt fails, and the delay after it is 200 ms.
    assert!(tokio::time::timeout(Duration::from_millis(150), commits.recv()).await.is_err());
    fs::remove_file(obstacle).unwrap();
    assert_eq!(commits.recv().await, Some(60));
    stop.send(true).unwrap();
    assert_eq!(running.await.unwrap().unwrap().commits, 1);
    assert_lake_is_log(&place, &*log).await;
    let told = runs.of(Job::Sink);
    assert!(told.failed > 0 && told.succeeded == 1, "{told:?}");
    assert_eq!(told.last.unwrap().result.unwrap()["rows"], 60);
}

#[tokio::test]
async fn a_sink_told_to_stop_does_not_wait_for_an_obstacle() {
    let place = Place::new();
    let log = place.log();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    let sink = place.sink(&log).await;
    let obstacle = obstruct(&place);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(sink.run(stopped));
    drop(stop);
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, SinkError::Commit(_)), "{error:?}");
    fs::remove_file(obstacle).unwrap();
    place.sink(&log).await.commit_once().await.unwrap();
    assert_lake_is_log(&place, &*log).await;
}
