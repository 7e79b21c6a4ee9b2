//! Figures of this process, under the names that Prometheus' own clients give them.

use std::fs;

use depthlake_orderbook::metrics::{Page, Source};

/// Ticks of the kernel's accounting in a second: 100 on every Linux that reports to programs.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: u64 = 4_096;

/// Tells of memory, processor time, open files and the start of this process. Nothing where there is no `/proc`.
#[derive(Debug, Clone, Copy)]
pub struct ProcessFigures;

impl Source for ProcessFigures {
    fn tell(&self, page: &mut Page) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text)) {
            stat.tell(page);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            page.gauge("process_open_fds", "Open file descriptors.").whole(&[], open.count() as u64);
        }
        if let Some(most) = fs::read_to_string("/proc/self/limits").ok().and_then(|text| most_files(&text)) {
            page.gauge("process_max_fds", "File descriptors that may be open.").whole(&[], most);
        }
    }
}

/// The fields of `/proc/self/stat` that are told.
#[derive(Debug, PartialEq)]
struct Stat {
    processor_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The command's name, in parentheses, may hold anything, so fields are counted from behind it.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            processor_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }

    fn tell(&self, page: &mut Page) {
        page.counter("process_cpu_seconds_total", "User and system processor time.")
            .number(&[], seconds(self.processor_ticks));
        page.gauge("process_resident_memory_bytes", "Memory that is resident.")
            .whole(&[], self.resident_pages * PAGE_BYTES);
        page.gauge("process_virtual_memory_bytes", "Memory that is mapped.").whole(&[], self.virtual_bytes);
        page.gauge("process_threads", "Threads.").whole(&[], self.threads);
        let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
        if let Some(booted) = booted {
            page.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.")
                .number(&[], booted + seconds(self.start_ticks));
        }
    }
}

fn boot_time(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_files(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a running process")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_command_may_hold_anything() {
        let text = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 50 60 0 0 20 0 12 0 999 4096000 77 0 0";
        let stat = Stat::parse(text).unwrap();
        let expected = Stat {
            processor_ticks: 110,
            threads: 12,
            start_ticks: 999,
            virtual_bytes: 4_096_000,
            resident_pages: 77,
        };
        assert_eq!(stat, expected);
        assert_eq!(Stat::parse("7 (cut) S 1"), None);
        assert_eq!(
            most_files("Max open files            1024                 524288               files"),
            Some(1_024)
        );
    }
}
