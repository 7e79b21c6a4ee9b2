//! What the operating system knows of this process.

use std::fs;
use std::time::Duration;

/// The kernel's unit of CPU time on Linux, whatever the machine.
const TICKS_PER_SECOND: u64 = 100;

/// The most memory this process had at a time, in MiB.
pub fn peak_memory() -> u64 {
    memory("VmHWM:")
}

/// The memory of this process, in MiB.
pub fn memory_now() -> u64 {
    memory("VmRSS:")
}

fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}

/// The CPU time of all threads so far.
pub fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets, user and system time are the 12th and 13th field.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}
