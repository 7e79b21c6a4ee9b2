//! Sinks of a log at a broker.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use super::*;
use crate::log::{Broker, Brokers, KafkaLog, KafkaOptions, Membership, Mock};

const GROUP: &str = "sinks";
const BROKERS: &str = "DEPTHLAKE_SINK_TEST_BROKERS";
const FOLDER: &str = "DEPTHLAKE_SINK_TEST_FOLDER";
/// The file by which a sink in a process of its own tells that it has committed rows.
const CARRIED: &str = "carried";

fn options(brokers: &str, folder: &Path) -> KafkaOptions {
    let partitions = NonZeroU16::new(PARTITIONS).unwrap();
    KafkaOptions::new(Brokers::of_list(brokers).unwrap(), partitions, folder.join("outbox"))
}

/// A sink that carries what the group gives it.
fn member(lake: Lake, log: &Arc<KafkaLog>) -> (Sink, Arc<Membership>) {
    let membership = Arc::new(log.join(GROUP, &topics()).unwrap());
    let config = SinkConfig { commit_interval: Duration::from_millis(100), ..SinkConfig::default() };
    let told = Arc::clone(&membership);
    let sink = Sink::new(Arc::clone(log) as Arc<dyn Log>, lake, config)
        .sharing(membership.assigned())
        .on_commit(move |report| told.commit(&report.positions));
    (sink, membership)
}

async fn given(membership: &Membership, count: usize) {
    let mut assigned = membership.assigned();
    let waited =
        tokio::time::timeout(Duration::from_mins(1), assigned.wait_for(|given| given.len() == count));
    let got = waited.await;
    assert!(got.is_ok(), "not given {count} partitions within a minute: {membership:?}");
}

#[tokio::test]
async fn the_lake_holds_what_a_broker_has() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    feed(&*log, &mut TestRunner::deterministic(), 120);
    let mut sink = place.sink(&log).await;
    assert_eq!(sink.commit_once().await.unwrap().total_rows(), 120);
    assert!(sink.commit_once().await.unwrap().is_empty());
    feed(&*log, &mut TestRunner::deterministic(), 60);
    assert_eq!(place.sink(&log).await.commit_once().await.unwrap().total_rows(), 60);
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_dead_letter_in_the_lake_and_in_its_topic() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    let at = TopicPartition::new(Topic::Trade, Partition(1));
    let unknown_schema = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"of no schema"].concat();
    log.append(at, &Record { value: unknown_schema.into(), ..Record::default() }).unwrap();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    assert_eq!(place.sink(&log).await.commit_once().await.unwrap().total_rows(), 61);
    // The message is none of the log's records, so that whoever writes the partition is not disturbed.
    let told = mock.messages(TopicPartition::new(Topic::DeadLetter, Partition(1)), 1);
    assert!(told.iter().any(|value| value.windows(12).any(|part| part == b"of no schema")), "{told:?}");
    feed(&*log, &mut TestRunner::deterministic(), 60);
    assert_eq!(place.sink(&log).await.commit_once().await.unwrap().total_rows(), 60);
    let letters = rows_of(&place.lake().await, Table::DeadLetters).await;
    assert_eq!(letters.iter().filter(|row| row["reason"] == "undecodable").count(), 1);
    let others: Vec<_> = letters.into_iter().filter(|row| row["reason"] != "undecodable").collect();
    assert_eq!(others, rows_of_log(&*log)[&Table::DeadLetters]);
}

#[tokio::test]
async fn a_sink_waits_for_a_broker_that_is_away() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    feed(&*log, &mut TestRunner::deterministic(), 60);
    mock.cluster.broker_down(-1).unwrap();
    let error = place.sink(&log).await.commit_once().await.unwrap_err();
    assert!(matches!(error, SinkError::Log(LogError::Broker { .. })) && error.is_transient(), "{error:?}");
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(place.sink(&log).await.run(stopped));
    mock.cluster.broker_up(-1).unwrap();
    feed(&*log, &mut TestRunner::deterministic(), 60);
    stop.send(true).unwrap();
    assert_eq!(running.await.unwrap().unwrap().total_rows(), 120);
    assert_lake_is_log(&place, &*log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_of_a_group_share_the_partitions_and_take_over() {
    let Some(broker) = Broker::start() else { return };
    let place = Place::new();
    let log = Arc::new(KafkaLog::open(&options(&broker.address, place.folder.path())).unwrap());
    let mut runner = TestRunner::deterministic();
    let (sink, membership) = member(place.lake().await, &log);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(sink.run(stopped));
    given(&membership, usize::from(PARTITIONS)).await;
    feed(&*log, &mut runner, 60);

    let mut other = start_carrier(&broker.address, place.folder.path());
    let deadline = Instant::now() + Duration::from_mins(1);
    while membership.assigned().borrow().len() != 1 && membership.assigned().borrow().len() != 2 {
        assert!(Instant::now() < deadline, "the other sink is given nothing: {membership:?}");
        feed(&*log, &mut runner, 30);
        sleep(Duration::from_millis(50)).await;
    }
    while !place.folder.path().join(CARRIED).exists() {
        assert!(Instant::now() < deadline, "the other sink carries nothing");
        feed(&*log, &mut runner, 60);
        sleep(Duration::from_millis(50)).await;
    }
    other.kill().unwrap();
    other.wait().unwrap();
    feed(&*log, &mut runner, 60);
    given(&membership, usize::from(PARTITIONS)).await;
    feed(&*log, &mut runner, 60);
    stop.send(true).unwrap();
    let summary = running.await.unwrap().unwrap();
    assert_lake_is_log(&place, &*log).await;
    let total: usize = rows_of_log(&*log).values().map(Vec::len).sum();
    assert!(summary.total_rows() < total as u64, "both have carried the same rows");
}

/// This test program as a process of its own, which runs a sink until it is killed.
fn start_carrier(brokers: &str, folder: &Path) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(format!("{module}::carries_until_killed")).args(["--exact", "--ignored"]);
    command.env(BROKERS, brokers).env(FOLDER, folder).stdout(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test"]
async fn carries_until_killed() {
    let (Ok(brokers), Some(folder)) = (env::var(BROKERS), env::var_os(FOLDER)) else { return };
    let folder = PathBuf::from(folder);
    let log = Arc::new(KafkaLog::follow(&options(&brokers, &folder)).unwrap());
    let lake = Lake::open(&folder.join("catalog.db"), &folder.join("warehouse")).await.unwrap();
    let (sink, _membership) = member(lake, &log);
    let sink = sink.on_commit(move |_| fs::write(folder.join(CARRIED), []).unwrap());
    let (_stop, stopped) = watch::channel(false);
    sink.run(stopped).await.unwrap();
}
