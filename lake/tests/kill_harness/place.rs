//! The folder of one run: log, catalog, warehouse, and what the process that is killed has told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use depthlake_lake::commit::{Lake, PartitionOfTable};
use depthlake_lake::log::{
    Brokers, EmbeddedLog, KafkaLog, KafkaOptions, Log, Offset, Options, TopicPartition,
};
use depthlake_lake::record::table_of;
use depthlake_lake::table::Table;

use crate::judge::{judge_tail, letters_about_others};
use crate::records::{PARTITIONS, places};

/// Where each topic partition ends.
pub type Ends = BTreeMap<TopicPartition, u64>;

#[derive(Debug, Clone)]
pub struct Place {
    folder: PathBuf,
    /// Where the log is at a broker: its address.
    broker: Option<String>,
}

/// What a line of the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The log had acknowledged the records up to here.
    Durable,
    /// A sink had been told that the lake holds the rows up to here.
    Committed,
}

impl Told {
    const fn word(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Committed => "committed",
        }
    }
}

impl Place {
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, broker: None }
    }

    pub fn with_broker(self, broker: Option<String>) -> Self {
        Self { broker, ..self }
    }

    pub fn broker(&self) -> Option<&str> {
        self.broker.as_deref()
    }

    pub const fn folder(&self) -> &PathBuf {
        &self.folder
    }

    pub fn catalog(&self) -> PathBuf {
        self.folder.join("catalog.db")
    }

    /// The log to write and read. Its segments are small, so that every run begins and releases some.
    pub fn log(&self) -> Arc<dyn Log> {
        if let Some(options) = self.kafka() {
            return Arc::new(KafkaLog::open(&options).unwrap());
        }
        let options = Options {
            segment_bytes: 32 * 1024,
            queue_bytes: 64 * 1024,
            commit_interval: Duration::from_micros(500),
            ..Options::new(PARTITIONS)
        };
        Arc::new(EmbeddedLog::open(&self.folder.join("log"), &options).unwrap())
    }

    /// The log as somebody else sees it, who changes nothing.
    pub fn seen_log(&self) -> Arc<dyn Log> {
        match self.kafka() {
            Some(options) => Arc::new(KafkaLog::follow(&options).unwrap()),
            None => self.log(),
        }
    }

    fn kafka(&self) -> Option<KafkaOptions> {
        let brokers = Brokers::of_list(self.broker.as_deref()?).unwrap();
        let options = KafkaOptions::new(brokers, PARTITIONS, self.folder.join("outbox"));
        Some(KafkaOptions { segment_bytes: 32 * 1024, queue_bytes: 64 * 1024, ..options })
    }

    pub async fn lake(&self) -> Lake {
        Lake::open(&self.catalog(), &self.folder.join("warehouse")).await.unwrap()
    }

    /// Adds a line to the report. What was written is there though the writer be killed.
    pub fn tell(&self, told: Told, ends: &Ends) {
        let mut line = told.word().to_owned();
        for at in places() {
            write!(line, " {}", ends.get(&at).copied().unwrap_or_default()).unwrap();
        }
        line.push('\n');
        let file = OpenOptions::new().create(true).append(true).open(self.folder.join("report"));
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// The furthest of what was told; a line that a kill has cut off counts for nothing.
    pub fn told(&self, told: Told) -> Ends {
        let report = fs::read_to_string(self.folder.join("report")).unwrap_or_default();
        let complete = report.rsplit_once('\n').map_or("", |(complete, _)| complete);
        let mut furthest: Ends = places().map(|at| (at, 0)).collect();
        for line in complete.lines().filter_map(|line| line.strip_prefix(told.word())) {
            for (end, number) in furthest.values_mut().zip(line.split_whitespace()) {
                *end = (*end).max(number.parse().unwrap());
            }
        }
        furthest
    }

    /// Checks what must hold after any death: nothing that was told is gone, the lake is not ahead of the log, every table
    /// holds as many rows as its positions say, and the tail shows the rest.
    pub async fn check(&self) {
        let log = self.seen_log();
        let durable = durable_ends(&*log);
        for (at, told) in self.told(Told::Durable) {
            assert!(durable[&at] >= told, "{at} ends at {}, but {told} was acknowledged", durable[&at]);
        }
        let lake = self.lake().await;
        let committed = committed_ends(&lake).await;
        judge_tail(log, lake.clone(), &committed, &durable).await;
        for (at, told) in self.told(Told::Committed) {
            assert!(committed[&at] >= told, "{at} is committed to {}, but {told} was told", committed[&at]);
            assert!(committed[&at] <= durable[&at], "the lake is ahead of the log at {at}");
        }
        let mut passed: BTreeMap<Table, u64> = BTreeMap::new();
        for (at, end) in committed {
            *passed.entry(table_of(at.topic).unwrap()).or_default() += end;
        }
        let rows: BTreeMap<Table, u64> =
            lake.tables().await.unwrap().iter().map(|status| (status.table, status.rows)).collect();
        for table in [Table::RawOrderbookDiffs, Table::RawTrades] {
            assert_eq!(rows[&table], passed[&table], "{table}");
        }
        let about_others = letters_about_others(&lake).await.len() as u64;
        assert_eq!(
            rows[&Table::Trades] + rows[&Table::DeadLetters] - about_others,
            passed[&Table::Trades],
            "trades and letters"
        );
    }
}

pub fn durable_ends(log: &dyn Log) -> Ends {
    places().map(|at| (at, log.durable_end(at).unwrap().0)).collect()
}

/// Where each topic partition ends, to who has not appended to it yet: a log at a broker may take messages of others at the
/// end for records until they are read.
pub fn exact_ends(log: &dyn Log) -> Ends {
    let is_too_far = |at: TopicPartition, end: u64| {
        end > 0 && log.read(at, Offset(end - 1), 1).is_ok_and(|records| records.is_empty())
    };
    let exact = |at: TopicPartition| loop {
        let end = log.durable_end(at).unwrap().0;
        if !is_too_far(at, end) {
            break end;
        }
    };
    places().map(|at| (at, exact(at))).collect()
}

pub async fn committed_ends(lake: &Lake) -> Ends {
    let positions = lake.positions().await.unwrap();
    let end = |at: TopicPartition| {
        let (table, topic) = (table_of(at.topic).unwrap(), at.topic.name().to_owned());
        positions.get(&PartitionOfTable { table, topic, partition: at.partition.0.into() })
    };
    places().map(|at| (at, end(at).copied().unwrap_or_default())).collect()
}

pub fn ends_of(positions: &[(TopicPartition, Offset)]) -> Ends {
    positions.iter().map(|&(at, offset)| (at, offset.0)).collect()
}
