//! What killing alone does not show: rivals that sleep, answers that are lost, a log that gives records again.

use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use depthlake_lake::commit::CommitError;
use depthlake_lake::log::{Log, LogError, Offset, Progress, Record, StoredRecord, TopicPartition};
use depthlake_lake::sink::{Sink, SinkConfig, SinkError};
use fail::FailScenario;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::judge::judge;
use crate::place::{Place, durable_ends};
use crate::records::record;

struct Stage {
    _folder: TempDir,
    place: Place,
    log: Arc<dyn Log>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().to_owned());
        let log = place.log();
        Self { _folder: folder, place, log }
    }

    /// Appends so many records to each partition.
    fn feed(&self, count: u64) {
        for (at, end) in durable_ends(&*self.log) {
            for offset in end..end + count {
                self.log.append(at, &record(at, offset)).unwrap();
            }
        }
        self.log.sync().unwrap();
    }

    /// A sink as another process would have it.
    async fn sink(&self) -> Sink {
        self.sink_on(Arc::clone(&self.log)).await
    }

    async fn sink_on(&self, log: Arc<dyn Log>) -> Sink {
        Sink::new(log, self.place.lake().await, SinkConfig::default())
    }

    /// A sink that has committed once, so that a commit is all it does next.
    async fn experienced_sink(&self) -> Sink {
        let mut sink = self.sink().await;
        self.feed(10);
        sink.commit_once().await.unwrap();
        sink
    }

    async fn judge(&self) {
        judge(&self.place, &durable_ends(&*self.log), Vec::new()).await;
    }
}

/// Makes the first who comes to a step sleep there.
fn sleep_at(step: &str) -> (Receiver<()>, Sender<()>) {
    let ((reach, reached), (wake, woken)) = (channel(), channel::<()>());
    let woken = Mutex::new(Some(woken));
    let sleep = move || {
        let first = woken.lock().unwrap().take();
        if let Some(woken) = first {
            reach.send(()).unwrap();
            woken.recv().unwrap();
        }
    };
    fail::cfg_callback(step, sleep).unwrap();
    (reached, wake)
}

/// Makes the catalog commit but not answer, and then fail so many times when it is asked what became of that.
fn fail_after_commit(times: u32) {
    let go_away = move || fail::cfg("catalog::before_read", &format!("{times}*return->off")).unwrap();
    fail::cfg_callback("catalog::before_commit", go_away).unwrap();
    fail::cfg("catalog::after_commit", "1*return->off").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_zombie_that_wakes_at_any_step_stops_and_doubles_nothing() {
    let _alone = FailScenario::setup();
    for step in [
        "sink::gathered",
        "commit::data_file_written",
        "commit::data_written",
        "commit::manifests_written",
        "commit::metadata_written",
        "commit::before_catalog",
    ] {
        let stage = Stage::new();
        let (mut zombie, mut rival) = (stage.sink().await, stage.sink().await);
        stage.feed(20);
        let (reached, wake) = sleep_at(step);
        let asleep = tokio::spawn(async move { zombie.commit_once().await });
        tokio::task::spawn_blocking(move || reached.recv()).await.unwrap().unwrap();
        for _ in 0..2 {
            rival.commit_once().await.unwrap();
            stage.feed(20);
        }
        wake.send(()).unwrap();
        let error = asleep.await.unwrap().unwrap_err();
        assert!(matches!(error, SinkError::Superseded(_)), "{step}: {error:?}");
        assert!(!error.is_transient(), "{step}");
        rival.commit_once().await.unwrap();
        stage.judge().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_zombie_whose_rival_did_its_very_work_is_told_that_it_is_done() {
    let _alone = FailScenario::setup();
    let stage = Stage::new();
    let (mut zombie, mut rival) = (stage.sink().await, stage.sink().await);
    stage.feed(20);
    let (reached, wake) = sleep_at("commit::before_catalog");
    let asleep = tokio::spawn(async move { zombie.commit_once().await });
    tokio::task::spawn_blocking(move || reached.recv()).await.unwrap().unwrap();
    rival.commit_once().await.unwrap();
    wake.send(()).unwrap();
    assert_eq!(asleep.await.unwrap().unwrap().file_bytes, 0, "it wrote nothing that stays");
    stage.judge().await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_recognised() {
    let _alone = FailScenario::setup();
    let stage = Stage::new();
    let mut sink = stage.experienced_sink().await;
    stage.feed(20);
    fail::cfg("catalog::after_commit", "1*return->off").unwrap();
    assert_eq!(sink.commit_once().await.unwrap().total_rows(), 120);
    assert!(sink.commit_once().await.unwrap().is_empty());
    stage.judge().await;
}

#[tokio::test]
async fn a_catalog_that_fails_after_it_committed_doubles_nothing() {
    let _alone = FailScenario::setup();
    for is_restarted in [false, true] {
        let stage = Stage::new();
        let mut sink = stage.experienced_sink().await;
        stage.feed(20);
        fail_after_commit(1);
        let error = sink.commit_once().await.unwrap_err();
        fail::remove("catalog::before_commit");
        assert!(matches!(error, SinkError::Commit(CommitError::Doubtful(_))), "{error:?}");
        assert!(error.is_transient());
        if is_restarted {
            let mut next = stage.sink().await;
            assert!(next.commit_once().await.unwrap().is_empty(), "the commit had taken");
        } else {
            assert_eq!(sink.commit_once().await.unwrap().file_bytes, 0);
        }
        stage.judge().await;
    }
}

#[tokio::test]
async fn a_catalog_that_is_away_for_a_while_is_waited_for() {
    let _alone = FailScenario::setup();
    let stage = Stage::new();
    let sink = stage.experienced_sink().await;
    stage.feed(20);
    fail_after_commit(2);
    let (stop, stopped) = watch::channel(false);
    let (committed, mut commits) = tokio::sync::mpsc::unbounded_channel();
    let sink = sink.on_commit(move |report| committed.send(report.total_rows()).unwrap());
    let running = tokio::spawn(sink.run(stopped));
    assert_eq!(commits.recv().await, Some(120));
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    stage.judge().await;
}

/// A log that gives some records again, and each of them twice, as a broker may.
struct Redelivering(Arc<dyn Log>);

impl Log for Redelivering {
    fn read(
        &self,
        at: TopicPartition,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        let again = Offset(from.0.saturating_sub(7)).max(self.0.start(at)?);
        let records = self.0.read(at, again, max_bytes)?;
        Ok(records.into_iter().flat_map(|stored| [stored.clone(), stored]).collect())
    }

    fn partitions(&self) -> NonZeroU16 {
        self.0.partitions()
    }

    fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.0.append(at, record)
    }

    fn try_append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.0.try_append(at, record)
    }

    fn sync(&self) -> Result<(), LogError> {
        self.0.sync()
    }

    fn start(&self, at: TopicPartition) -> Result<Offset, LogError> {
        self.0.start(at)
    }

    fn durable_end(&self, at: TopicPartition) -> Result<Offset, LogError> {
        self.0.durable_end(at)
    }

    fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
        self.0.wait(seen, timeout)
    }

    fn release(&self, committed: &[(TopicPartition, Offset)]) -> Result<(), LogError> {
        self.0.release(committed)
    }
}

#[tokio::test]
async fn records_that_the_log_gives_again_are_taken_once() {
    let _alone = FailScenario::setup();
    let stage = Stage::new();
    let mut sink = stage.sink_on(Arc::new(Redelivering(Arc::clone(&stage.log)))).await;
    for _ in 0..4 {
        stage.feed(30);
        sink.commit_once().await.unwrap();
    }
    stage.judge().await;
}
