//! The process that is killed: it appends records, and two sinks on the same partitions carry them into the lake, while
//! its files are merged, its snapshots expire, old days are let go, and what others left behind when they died is removed.

use std::env;
use std::path::PathBuf;
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use depthlake_lake::commit::{CommitError, CompactionRules, Lake, SnapshotRetention, TableChange};
use depthlake_lake::log::{Log, LogError, Offset, Progress};
use depthlake_lake::reconcile::{Break, BreakClass, Layer, break_rows};
use depthlake_lake::sink::{Sink, SinkConfig, SinkError};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use tokio::sync::watch;

use crate::place::{Place, Told, durable_ends, ends_of, exact_ends};
use crate::records::record;

pub const FOLDER: &str = "DEPTHLAKE_KILL_FOLDER";
/// The broker that has the log; none where it is embedded.
pub const BROKER: &str = "DEPTHLAKE_KILL_BROKER";
/// The step to die at, and at which time of reaching it, as `commit::data_written 2`.
pub const STEP: &str = "DEPTHLAKE_KILL_STEP";
/// Set where the process shall end of itself, with everything committed.
pub const FINISH: &str = "DEPTHLAKE_KILL_FINISH";

const CARED: [Table; 4] = [Table::RawOrderbookDiffs, Table::RawTrades, Table::Trades, Table::DeadLetters];
/// The table whose rows are all of days long ago.
const OLD: Table = Table::ReconBreaks;

/// Records of each partition at a time.
const BURST: u64 = 4;
const PAUSE: Duration = Duration::from_millis(4);
/// Bursts of a process that ends of itself.
const LAST_BURSTS: u64 = 40;

/// The body of the process.
#[test]
#[ignore = "started by another test"]
fn carries_until_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    if let Ok(step) = env::var(STEP) {
        die_at(&step);
    }
    let place = Place::new(PathBuf::from(folder)).with_broker(env::var(BROKER).ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(carry(&place, env::var_os(FINISH).is_some()));
}

fn die_at(step: &str) {
    let (name, times) = step.split_once(' ').unwrap();
    let left = AtomicU64::new(times.parse().unwrap());
    let die = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            abort();
        }
    };
    fail::cfg_callback(name, die).unwrap();
}

async fn carry(place: &Place, ends: bool) {
    let (log, lake) = (place.log(), place.lake().await);
    remove_orphans(&lake).await;
    let (has_begun, is_done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reporter = {
        let (place, log) = (place.clone(), Arc::clone(&log));
        let (has_begun, is_done) = (Arc::clone(&has_begun), Arc::clone(&is_done));
        thread::spawn(move || report(&place, &*log, &has_begun, &is_done))
    };
    let (stop, stopped) = watch::channel(false);
    let sinks = [0, 1]
        .map(|_| tokio::spawn(keep_carrying(place.clone(), Arc::clone(&log), lake.clone(), stopped.clone())));
    let carer = tokio::spawn(care(lake.clone(), stopped));
    let bursts = if ends { LAST_BURSTS } else { u64::MAX };
    tokio::task::spawn_blocking(move || append(&*log, bursts, &has_begun)).await.unwrap();
    stop.send_replace(true);
    for sink in sinks {
        sink.await.unwrap();
    }
    carer.await.unwrap();
    is_done.store(true, Ordering::Relaxed);
    reporter.join().unwrap();
}

/// Removes what nothing refers to, however young: nobody is writing yet.
async fn remove_orphans(lake: &Lake) {
    for table in CARED {
        let orphans = lake.orphans(table, Duration::ZERO).await.unwrap();
        lake.remove_orphans(orphans).await;
    }
}

/// Lands a row of a day long ago in a table that nothing else writes, and lets go of it.
async fn let_go_of_old_days(lake: &Lake) {
    let breaks = [Break {
        layer: Layer::Raw,
        class: BreakClass::Missing,
        table: String::new(),
        key: String::new(),
        value: None,
        detail: String::new(),
        repaired_at: None,
    }];
    let rows = break_rows(&breaks, Timestamp(0)).unwrap();
    gave_way(lake.change(vec![TableChange::append(OLD, vec![rows], Vec::new())]).await);
    gave_way(lake.retain(OLD, 1, Timestamp(i64::MAX)).await);
}

/// The rows of days that should have been let go.
pub async fn old_rows(lake: &Lake) -> u64 {
    lake.data_files(OLD).await.unwrap().files.iter().map(|file| file.rows).sum()
}

/// Merges files, lets go of snapshots and of days, without pause.
async fn care(lake: Lake, stop: watch::Receiver<bool>) {
    let rules = CompactionRules { target_bytes: 256 * 1024, fewest_files: 3 };
    let zero = Duration::ZERO;
    let retention = SnapshotRetention { keep_for: zero, fewest: 2, most: 20, grace: zero };
    let today = Timestamp(i64::MAX);
    while !*stop.borrow() {
        let_go_of_old_days(&lake).await;
        for table in CARED.into_iter().chain([OLD]) {
            gave_way(lake.compact(table, &rules, today).await);
            gave_way(lake.expire(table, &retention).await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Care may give way to those who commit, but must not fail.
fn gave_way<T>(cared: Result<T, CommitError>) {
    match cared {
        Ok(_) | Err(CommitError::Contended { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// Goes on where the log ends: what a record says follows from where it is.
fn append(log: &dyn Log, bursts: u64, has_begun: &AtomicBool) {
    // What the last process left on its way to a broker counts first.
    log.sync().unwrap();
    let mut next = exact_ends(log);
    for _ in 0..bursts {
        for (at, next) in &mut next {
            for _ in 0..BURST {
                assert_eq!(log.append(*at, &record(*at, *next)).unwrap(), Offset(*next));
                *next += 1;
            }
        }
        has_begun.store(true, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
    log.sync().unwrap();
}

/// Tells how far the log has acknowledged what is appended here.
fn report(place: &Place, log: &dyn Log, has_begun: &AtomicBool, is_done: &AtomicBool) {
    let mut progress = Progress::default();
    while !is_done.load(Ordering::Relaxed) {
        progress = log.wait(progress, Duration::from_millis(50));
        if has_begun.load(Ordering::Relaxed) {
            place.tell(Told::Durable, &durable_ends(log));
        }
    }
}

/// Runs a sink, and another whenever it stops because its rival was first.
async fn keep_carrying(place: Place, log: Arc<dyn Log>, lake: Lake, stop: watch::Receiver<bool>) {
    let config = SinkConfig { commit_interval: Duration::from_millis(15), ..SinkConfig::default() };
    loop {
        let (told, released) = (place.clone(), Arc::clone(&log));
        let sink = Sink::new(Arc::clone(&log), lake.clone(), config).on_commit(move |report| {
            told.tell(Told::Committed, &ends_of(&report.positions));
            released.release(&report.positions).unwrap();
        });
        match sink.run(stop.clone()).await {
            Ok(_) => return,
            // The rival has committed, and may have let the log go of it too.
            Err(SinkError::Superseded(_) | SinkError::Log(LogError::Released { .. })) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
