//! Something of a running program that is held from outside for a while.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Takes the write lock of a SQLite database, as another program would that writes to it for long.
const DATABASE: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute('BEGIN EXCLUSIVE')
print('held', flush=True)
sys.stdin.read()
connection.execute('ROLLBACK')";

/// Stops one thread, as a processor would that has no time for it: `PTRACE_SEIZE`, then `PTRACE_INTERRUPT`.
const THREAD: &str = "
import ctypes, os, sys
ptrace, thread = ctypes.CDLL(None, use_errno=True).ptrace, int(sys.argv[1])
for request in (0x4206, 0x4207):
    if ptrace(ctypes.c_long(request), thread, ctypes.c_void_p(0), ctypes.c_void_p(0)) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, 0x40000000)
print('held', flush=True)
sys.stdin.read()";

/// Holds until it is dropped.
pub struct Held(Child);

impl Held {
    /// Keeps everybody else from writing to a database; `None`, with a message, where there is no Python.
    pub fn database(path: &Path) -> Option<Self> {
        Self::by(DATABASE, path.to_str().unwrap())
    }

    /// Stops the thread of a process that has this name; `None`, with a message, where that is not allowed.
    pub fn thread(process: u32, name: &str) -> Option<Self> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let mut threads = threads.map(|entry| entry.unwrap().path());
        let is_named = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|known| known.trim_end() == name)
        };
        let thread = threads.find(is_named).unwrap_or_else(|| panic!("no thread {name}"));
        Self::by(THREAD, thread.file_name().unwrap().to_str().unwrap())
    }

    fn by(script: &str, what: &str) -> Option<Self> {
        let python = std::env::var_os("DEPTHLAKE_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.args(["-c", script, what]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("SKIPPED: no python3, and DEPTHLAKE_PYTHON names none");
            return None;
        };
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let held = Self(child);
        if said == "held\n" {
            return Some(held);
        }
        eprintln!("SKIPPED: {what} cannot be held");
        None
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The script ends, and lets go, when there is nothing more to read.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
