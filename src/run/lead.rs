//! Keeps a replay from running away from the tables: what is read faster than it can be committed would pile up in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use depthlake_lake::sink::CommitReport;
use depthlake_lake::table::Table;

/// Messages that the reader may be ahead: some hundred megabytes of the log.
const MOST: u64 = 1_000_000;

const PAUSE: Duration = Duration::from_millis(5);

/// The raw messages that are in the tables, counted by the sink; whoever reads a recording looks at it.
#[derive(Debug, Clone, Default)]
pub struct Lead {
    committed: Arc<AtomicU64>,
}

impl Lead {
    /// Takes note of a commit.
    pub fn committed(&self, report: &CommitReport) {
        let raw = [Table::RawOrderbookDiffs, Table::RawTrades];
        let rows = raw.iter().filter_map(|table| report.rows.get(table)).sum();
        self.committed.fetch_add(rows, Ordering::Relaxed);
    }

    /// Waits while the reader, who has handed on so many messages, is too far ahead. Ends too where no sink is left to
    /// commit.
    pub fn wait(&self, handed: u64) {
        while handed.saturating_sub(self.committed.load(Ordering::Relaxed)) > MOST
            && Arc::strong_count(&self.committed) > 1
        {
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_waits_for_the_sink_but_not_for_one_that_is_gone() {
        let lead = Lead::default();
        lead.wait(MOST);
        let counted = lead.clone();
        let sink = thread::spawn(move || {
            thread::sleep(PAUSE);
            counted.committed(&CommitReport {
                rows: [(Table::RawTrades, 10)].into(),
                ..CommitReport::default()
            });
        });
        lead.wait(MOST + 10);
        sink.join().unwrap();
        lead.wait(MOST + 11);
    }
}
