//! How long a record that the log has acknowledged is not yet in its table.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use depthlake_lake::log::{Log, LogError, Offset, Partition, Topic, TopicPartition};
use depthlake_lake::sink::CommitReport;
use hdrhistogram::Histogram;

/// Milliseconds beyond which nobody asks.
const LONGEST: u64 = 10_000_000;

/// Takes note of where the log ends, now and then, and of when the tables get there.
pub struct Freshness {
    noted: BTreeMap<TopicPartition, VecDeque<(Offset, Instant)>>,
    milliseconds: Histogram<u64>,
    pub commits: u64,
    pub rows: u64,
    /// Bytes of the log that commits have taken.
    pub log_bytes: u64,
}

impl Default for Freshness {
    fn default() -> Self {
        let milliseconds = Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are valid");
        Self { noted: BTreeMap::new(), milliseconds, commits: 0, rows: 0, log_bytes: 0 }
    }
}

impl Freshness {
    /// Notes what is acknowledged now of the raw topics.
    pub fn note(&mut self, log: &dyn Log) -> Result<(), LogError> {
        let now = Instant::now();
        for topic in [Topic::RawOrderbook, Topic::RawTrade] {
            for partition in 0..log.partitions().get() {
                let at = TopicPartition::new(topic, Partition(partition));
                let end = log.durable_end(at)?;
                let noted = self.noted.entry(at).or_default();
                if noted.back().map_or(end > Offset(0), |(last, _)| end > *last) {
                    noted.push_back((end, now));
                }
            }
        }
        Ok(())
    }

    pub fn committed(&mut self, report: &CommitReport) {
        let now = Instant::now();
        self.commits += 1;
        self.rows += report.total_rows();
        self.log_bytes += report.log_bytes;
        for (at, next) in &report.positions {
            let Some(noted) = self.noted.get_mut(at) else { continue };
            while let Some((_, then)) = noted.pop_front_if(|(end, _)| *end <= *next) {
                let waited = now.duration_since(then).as_millis();
                self.milliseconds.saturating_record(u64::try_from(waited).unwrap_or(LONGEST));
            }
        }
    }

    /// The milliseconds that this part of the notes stayed below.
    pub fn percentile(&self, percent: f64) -> u64 {
        self.milliseconds.value_at_percentile(percent)
    }
}
