//! The one who kills.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use depthlake_lake::fail_points;
use fail::FailScenario;

use crate::carrier::{FINISH, FOLDER, STEP};
use crate::judge::judge;
use crate::place::{Ends, Place, Told, durable_ends};
use crate::records::Random;

/// Kills of a usual run; at least one at each named step.
const KILLS: u64 = 40;
/// No step is so rare that a process would not reach it within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(1);
const LATEST_KILL: u64 = 700_000;
const ABORTED: i32 = 6;

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
    let (kills, seed) = (number("DEPTHLAKE_KILLS").unwrap_or(KILLS), seed());
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path().to_owned());
    let steps: Vec<_> = fail_points::all().filter(|step| !fail_points::OPENING.contains(step)).collect();
    let planned = steps.iter().map(|&step| End::At(step, 1 + random.below(3))).collect::<Vec<_>>();
    for end in planned {
        kill(&place, end).await;
    }
    for _ in steps.len() as u64..kills {
        let end = if random.below(2) == 0 {
            let step = usize::try_from(random.below(steps.len() as u64)).unwrap();
            End::At(steps[step], 1 + random.below(12))
        } else {
            End::After(random.below(LATEST_KILL))
        };
        kill(&place, end).await;
    }
    finish(&place).await;
}

#[tokio::test]
async fn a_lake_killed_while_it_is_made_is_made_again() {
    let _alone = FailScenario::setup();
    for step in fail_points::OPENING {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().to_owned());
        run(&place, End::At(step, 1));
        finish(&place).await;
    }
}

async fn kill(place: &Place, end: End) {
    run(place, end);
    place.check().await;
}

/// Lets a last process carry everything, and judges.
async fn finish(place: &Place) {
    run(place, End::Finished);
    place.check().await;
    let ends = durable_ends(&*place.log());
    let total = |ends: Ends| ends.into_values().sum::<u64>();
    assert!(total(place.told(Told::Durable)) > 0 && total(place.told(Told::Committed)) > 0);
    let rows = judge(place, &ends).await;
    eprintln!("{rows} records, each once");
}

/// Runs a process to its end, and checks that it was the end meant for it.
fn run(place: &Place, end: End) {
    let mut child = start(place.folder(), end);
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
fn start(folder: &Path, end: End) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["carrier::carries_until_killed", "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::null());
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

fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("DEPTHLAKE_KILL_SEED").unwrap_or_else(now);
    eprintln!("DEPTHLAKE_KILL_SEED={seed}");
    seed
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}")))
}
