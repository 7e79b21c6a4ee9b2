//! A process that is killed, and one that can write no more. Both are this test program, started again.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{self, Child, Command, Stdio};

use super::*;

const DIRECTORY: &str = "DEPTHLAKE_LOG_TEST_DIRECTORY";
const KILLS: u64 = 15;

fn crash_options() -> Options {
    Options { segment_bytes: 200_000, commit_interval: Duration::from_micros(200), ..options() }
}

/// This test program running one ignored test as a process of its own.
fn program(test: &str) -> [String; 6] {
    let this = env::current_exe().unwrap().to_str().unwrap().to_owned();
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::{test}");
    [this, test, "--exact".into(), "--ignored".into(), "--nocapture".into(), "--test-threads=1".into()]
}

fn start(arguments: &[String], directory: &Path) -> Child {
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]).env(DIRECTORY, directory);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The body of the process that is killed: appends to two topic partitions and reports what is acknowledged.
#[test]
#[ignore = "started by another test"]
fn appends_until_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let log = EmbeddedLog::open(Path::new(&directory), &crash_options()).unwrap();
    thread::scope(|scope| {
        for at in [RAW, TRADE] {
            let log = &log;
            scope.spawn(move || append_numbered(log, at, log.durable_end(at).unwrap().0..u64::MAX));
        }
        let mut progress = Progress::default();
        loop {
            progress = log.wait(progress, Duration::from_mins(1));
            let ends = [RAW, TRADE].map(|at| log.durable_end(at).unwrap().0);
            if writeln!(io::stdout(), "acknowledged {} {}", ends[0], ends[1]).is_err() {
                // The parent is gone: nobody is left to do the killing.
                process::exit(1);
            }
            let behind = |end: u64| Offset(end.saturating_sub(2_000));
            log.release(&[(RAW, behind(ends[0])), (TRADE, behind(ends[1]))]).unwrap();
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; 2];
    for kill in 0..KILLS {
        let mut child = start(&program("appends_until_killed"), directory.path());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said = Vec::new();
        while !said.starts_with(b"acknowledged") {
            said.clear();
            assert!(output.read_until(b'\n', &mut said).unwrap() > 0, "the process ended by itself");
        }
        // Other instants in every round, from the first microseconds on.
        let reader = thread::spawn(move || {
            output.read_to_end(&mut said).unwrap();
            String::from_utf8(said).unwrap()
        });
        thread::sleep(Duration::from_micros(kill * kill * 401));
        child.kill().unwrap();
        child.wait().unwrap();
        let before = acknowledged;
        acknowledged = last_acknowledged(&reader.join().unwrap());
        assert!(acknowledged > before, "{acknowledged:?} after {before:?}");

        let log = EmbeddedLog::open(directory.path(), &crash_options()).unwrap();
        for (at, acknowledged) in [RAW, TRADE].into_iter().zip(acknowledged) {
            assert!(log.durable_end(at).unwrap().0 >= acknowledged, "kill {kill}");
            assert!(log.start(at).unwrap().0 <= acknowledged.saturating_sub(2_000), "kill {kill}");
            assert_eq!(check_numbered(&log, at), [], "kill {kill}");
        }
    }
}

/// The last complete line of the report.
fn last_acknowledged(report: &str) -> [u64; 2] {
    let complete = report.rsplit_once('\n').unwrap().0;
    let line = complete.lines().filter_map(|line| line.strip_prefix("acknowledged ")).next_back().unwrap();
    let (raw, trade) = line.split_once(' ').unwrap();
    [raw.parse().unwrap(), trade.parse().unwrap()]
}

/// Sets the size beyond which files of this process may not grow.
fn limit_files(bytes: &str) {
    let mut command = Command::new("prlimit");
    command.args([format!("--pid={}", process::id()), format!("--fsize={bytes}:")]);
    assert!(command.status().unwrap().success());
}

/// The body of the process whose files may not grow for a while.
#[test]
#[ignore = "started by another test"]
fn appends_through_a_stall() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let options = Options { queue_bytes: 20_000, ..crash_options() };
    let log = EmbeddedLog::open(Path::new(&directory), &options).unwrap();
    append_numbered(&log, RAW, 0..5_000);
    log.sync().unwrap();

    limit_files("0");
    let refused = (5_000..).find_map(|offset| Some((offset, log.append(RAW, &record(RAW, offset)).err()?)));
    let (next, refused) = refused.unwrap();
    println!("\nrefused {refused}\nsync {}", log.sync().unwrap_err());
    assert!(matches!(log.try_append(RAW, &record(RAW, next)), Err(LogError::Stalled(_))));
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(5_000));
    assert_eq!(check_numbered(&log, RAW), []);

    limit_files("unlimited");
    let again = (0..1_000).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        log.append(RAW, &record(RAW, next)).ok()
    });
    assert_eq!(again, Some(Offset(next)));
    append_numbered(&log, RAW, next + 1..next + 5_000);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);

    limit_files("0");
    log.append(RAW, &record(RAW, next + 5_000)).unwrap();
    println!("end {}\nlast {}", log.durable_end(RAW).unwrap(), log.sync().unwrap_err());
}

#[test]
fn a_log_that_cannot_be_written_goes_on_when_it_can() {
    let directory = tempfile::tempdir().unwrap();
    // Ignoring the signal makes the write itself fail.
    let mut arguments = ["sh", "-c", r#"trap "" XFSZ; exec "$0" "$@""#].map(str::to_owned).to_vec();
    arguments.extend(program("appends_through_a_stall"));
    let output = start(&arguments, directory.path()).wait_with_output().unwrap();
    let success = output.status.success();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(success, "{output}");
    let said: HashMap<&str, &str> = output.lines().filter_map(|line| line.split_once(' ')).collect();
    for call in ["refused", "sync", "last"] {
        let expected = "the log cannot be written at present: cannot ";
        assert!(said.get(call).is_some_and(|error| error.starts_with(expected)), "{output}");
    }
    let log = EmbeddedLog::open(directory.path(), &crash_options()).unwrap();
    let end = log.durable_end(RAW).unwrap();
    assert_eq!(end.to_string(), said["end"], "what was not acknowledged is gone");
    assert_eq!(check_numbered(&log, RAW), []);
    append_numbered(&log, RAW, end.0..end.0 + 10);
    log.sync().unwrap();
}
