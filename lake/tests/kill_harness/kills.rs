//! The one who kills.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use depthlake_lake::fail_points::{COMMIT, EMBEDDED_LOG, KAFKA_LOG, MAINTENANCE, OPENING, SINK};
use fail::FailScenario;

use crate::broker::Broker;
use crate::carrier::{BROKER, FINISH, FOLDER, STEP, old_rows};
use crate::judge::{judge, letters_about_others};
use crate::place::{Ends, Place, Told, durable_ends};
use crate::records::Random;
use crate::strangers::Strangers;

/// Kills of a usual run; at least one at each named step.
const KILLS: u64 = 40;
/// No step is so rare that a process would not reach it within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(5);
/// Microseconds from a process's start to its death, at most. At a broker it takes longer to get to work.
const LATEST_KILL: u64 = 700_000;
const LATEST_KILL_AT_A_BROKER: u64 = 3_000_000;
const ABORTED: i32 = 6;
/// What a process does once.
const ONCE: [&str; 3] = ["kafka::outbox_opened", "orphans::listed", "orphans::removed"];

/// How a process ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a step, when it is reached the so-many-th time.
    At(&'static str, u64),
    /// So many microseconds after its start.
    After(u64),
    /// Of itself, with everything committed.
    Finished,
}

#[tokio::test]
async fn a_lake_killed_at_every_step_and_at_any_instant_holds_each_record_once() {
    let _alone = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let steps = COMMIT.into_iter().chain(SINK).chain(MAINTENANCE).chain(EMBEDDED_LOG).collect();
    kill_often(&Place::new(folder.path().to_owned()), steps).await;
}

#[tokio::test]
async fn a_lake_behind_a_broker_holds_each_record_once_too() {
    let Some(broker) = Broker::start() else { return };
    let _alone = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    // Opening and releasing are of the outbox here.
    let of_the_lake = COMMIT.into_iter().chain(SINK).chain(MAINTENANCE);
    let steps = of_the_lake.chain(EMBEDDED_LOG).chain(KAFKA_LOG).collect();
    let place = Place::new(folder.path().to_owned()).with_broker(Some(broker.address.clone()));
    kill_often(&place, steps).await;
}

#[tokio::test]
async fn a_lake_killed_while_it_is_made_is_made_again() {
    let _alone = FailScenario::setup();
    for step in OPENING {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().to_owned());
        run(&place, End::At(step, 1), || {});
        finish(&place, None).await;
    }
}

/// Kills at each step once, then at steps and instants by chance, and judges at the end.
async fn kill_often(place: &Place, steps: Vec<&'static str>) {
    let (kills, seed) = (number("DEPTHLAKE_KILLS").unwrap_or(KILLS), seed());
    let mut random = Random::new(seed);
    let mut strangers = place.broker().map(Strangers::new);
    let latest = if place.broker().is_some() { LATEST_KILL_AT_A_BROKER } else { LATEST_KILL };
    for step in &steps {
        kill(place, &mut strangers, End::At(step, random.times(step, 3))).await;
    }
    for _ in steps.len() as u64..kills {
        let end = if random.below(2) == 0 {
            let step = usize::try_from(random.below(steps.len() as u64)).unwrap();
            End::At(steps[step], random.times(steps[step], 12))
        } else {
            End::After(random.below(latest))
        };
        kill(place, &mut strangers, end).await;
    }
    finish(place, strangers).await;
}

/// Kills a process, while others write to its topics as well; there are none before it has made them.
async fn kill(place: &Place, strangers: &mut Option<Strangers>, end: End) {
    let has_topics = !place.told(Told::Durable).values().all(|end| *end == 0);
    let mut strangers = strangers.as_mut().filter(|_| has_topics);
    let mut send = || {
        if let Some(strangers) = &mut strangers {
            strangers.send();
        }
    };
    send();
    run(place, end, send);
    place.check().await;
    if let Some(strangers) = strangers {
        strangers.check(&letters_about_others(&place.lake().await).await);
    }
}

/// Lets a last process carry everything, and judges.
async fn finish(place: &Place, mut strangers: Option<Strangers>) {
    if let Some(strangers) = &mut strangers {
        strangers.send();
    }
    run(place, End::Finished, || {});
    place.check().await;
    let ends = durable_ends(&*place.seen_log());
    let total = |ends: Ends| ends.into_values().sum::<u64>();
    assert!(total(place.told(Told::Durable)) > 0 && total(place.told(Told::Committed)) > 0);
    assert_eq!(old_rows(&place.lake().await).await, 0);
    let of_others = strangers.map(|strangers| strangers.rows()).unwrap_or_default();
    let letters = of_others.len();
    let rows = judge(place, &ends, of_others).await;
    eprintln!("{rows} rows, each once, {letters} of them about messages of others");
}

/// Runs a process to its end, and checks that it was the end meant for it. Something else may go on meanwhile.
fn run(place: &Place, end: End, meanwhile: impl FnOnce()) {
    let mut child = start(place, end);
    meanwhile();
    let status = match end {
        End::After(microseconds) => {
            thread::sleep(Duration::from_micros(microseconds));
            child.kill().unwrap();
            child.wait().unwrap()
        }
        End::At(..) | End::Finished => wait(&mut child, end),
    };
    match end {
        End::At(..) => assert_eq!(status.signal(), Some(ABORTED), "{end:?}: {status}"),
        End::After(_) => assert!(status.code().is_none(), "{end:?}: it ended of itself, {status}"),
        End::Finished => assert!(status.success(), "{end:?}: {status}"),
    }
}

/// This test program, running the carrier.
fn start(place: &Place, end: End) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["carrier::carries_until_killed", "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER, place.folder()).stdout(Stdio::null());
    if let Some(broker) = place.broker() {
        command.env(BROKER, broker);
    }
    match end {
        End::At(step, times) => command.env(STEP, format!("{step} {times}")),
        End::After(_) => &mut command,
        End::Finished => command.env(FINISH, "1"),
    };
    command.spawn().unwrap()
}

fn wait(child: &mut Child, end: End) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{end:?} was not reached within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

impl Random {
    /// At which time of reaching a step to die there: up to so many, where a process comes there more than once.
    fn times(&mut self, step: &str, most: u64) -> u64 {
        if ONCE.contains(&step) { 1 } else { 1 + self.below(most) }
    }
}

fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("DEPTHLAKE_KILL_SEED").unwrap_or_else(now);
    eprintln!("DEPTHLAKE_KILL_SEED={seed}");
    seed
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}")))
}
