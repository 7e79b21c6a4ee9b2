//! What is on the disk before what refers to it, told by the system calls of a real process.
//!
//! Killing a process takes nothing from the page cache, so it does not show whether a power cut would: that shows here.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use depthlake_lake::sink::{Sink, SinkConfig};

use crate::carrier::FOLDER;
use crate::place::{Place, Told, durable_ends};
use crate::records::record;

const COMMITS: usize = 3;

/// The body of the process that is watched: one thing after the other, so that the order means something.
#[tokio::test]
#[ignore = "started by another test"]
async fn commits_step_by_step() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let place = Place::new(PathBuf::from(folder));
    let (log, lake) = (place.log(), place.lake().await);
    let mut sink = Sink::new(Arc::clone(&log), lake, SinkConfig::default());
    for _ in 0..COMMITS {
        for (at, end) in durable_ends(&*log) {
            for offset in end..end + 60 {
                log.append(at, &record(at, offset)).unwrap();
            }
        }
        log.sync().unwrap();
        place.tell(Told::Durable, &durable_ends(&*log));
        sink.commit_once().await.unwrap();
    }
}

#[test]
fn nothing_refers_to_what_is_not_yet_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(trace) = trace(folder.path()) else { return };
    let (mut calls, mut disk) = (Calls::default(), Disk::default());
    let (mut commits, mut acknowledged) = (0, 0);
    for line in trace.lines() {
        let Some(call) = calls.next(line) else { continue };
        if call.writes_to("catalog.db-wal") && line.contains(".metadata.json") {
            disk.assert_all_synced("/warehouse/", line);
            commits += 1;
        }
        if call.writes_to("/report") {
            disk.assert_all_synced("/log/", line);
            acknowledged += 1;
        }
        disk.apply(&call);
    }
    assert!(commits >= COMMITS && acknowledged == COMMITS, "{commits} commits, {acknowledged} acknowledged");
}

/// The system calls of the process by `strace`, where there is one that may watch.
fn trace(folder: &Path) -> Option<String> {
    let output = folder.join("trace");
    let calls = "trace=openat,mkdir,write,pwrite64,pwritev,ftruncate,fsync,fdatasync";
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--decode-fds=path", "--string-limit=100000", "-e", calls, "-o"]);
    strace.arg(&output).arg(env::current_exe().unwrap());
    strace.args(["durability::commits_step_by_step", "--exact", "--ignored", "--nocapture"]);
    let status = strace.env(FOLDER, folder).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Some(fs::read_to_string(output).unwrap()),
        other => {
            eprintln!("SKIPPED: the order of what reaches the disk, for strace does not run here: {other:?}");
            None
        }
    }
}

/// A system call: its name, and the file it is about.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    name: &'a str,
    path: &'a str,
    creates: bool,
}

/// The calls of a trace. One that another thread's interrupts stands in two lines: what it writes counts from the first
/// on, that it has synced only from the second.
#[derive(Debug, Default)]
struct Calls<'a> {
    unfinished: HashMap<&'a str, Call<'a>>,
}

impl<'a> Calls<'a> {
    fn next(&mut self, line: &'a str) -> Option<Call<'a>> {
        let (process, rest) = line.split_once(' ')?;
        if rest.trim_start().starts_with("<... ") {
            return self.unfinished.remove(process);
        }
        let call = Call::parse(rest)?;
        if call.syncs() && line.ends_with("<unfinished ...>") {
            self.unfinished.insert(process, call);
            return None;
        }
        Some(call)
    }
}

impl<'a> Call<'a> {
    /// Reads `name(3</a/path>, …) = 0` or `openat(AT_FDCWD</…>, "/a/path", O_CREAT|…) = 3</a/path>`.
    fn parse(line: &'a str) -> Option<Self> {
        let (name, arguments) = line.trim_start().split_once('(')?;
        let path = match name {
            "openat" | "mkdir" => arguments.split('"').nth(1)?,
            _ => arguments.split_once('<')?.1.split_once('>')?.0,
        };
        Some(Self { name, path, creates: name == "openat" && arguments.contains("O_CREAT") })
    }

    fn syncs(&self) -> bool {
        matches!(self.name, "fsync" | "fdatasync")
    }

    fn writes_to(&self, end: &str) -> bool {
        matches!(self.name, "write" | "pwrite64" | "pwritev") && self.path.ends_with(end)
    }
}

/// What a power cut would take: files with bytes, and folders with entries, that are not synced.
#[derive(Debug, Default)]
struct Disk {
    unsynced: HashSet<String>,
}

impl Disk {
    fn apply(&mut self, call: &Call<'_>) {
        match call.name {
            "fsync" | "fdatasync" => _ = self.unsynced.remove(call.path),
            "write" | "pwrite64" | "pwritev" | "ftruncate" => _ = self.unsynced.insert(call.path.to_owned()),
            "mkdir" => self.change_folder_of(call.path),
            "openat" if call.creates => self.change_folder_of(call.path),
            _ => {}
        }
    }

    fn change_folder_of(&mut self, path: &str) {
        let folder = Path::new(path).parent().and_then(Path::to_str);
        self.unsynced.extend(folder.map(ToOwned::to_owned));
    }

    fn assert_all_synced(&self, part: &str, before: &str) {
        let unsynced: Vec<_> = self.unsynced.iter().filter(|path| path.contains(part)).collect();
        assert!(unsynced.is_empty(), "{unsynced:?} is not on the disk before {before:.300}");
    }
}
