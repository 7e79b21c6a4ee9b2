//! The log against the tables that its topics give.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};
use depthlake_lake::commit::PartitionOfTable;
use depthlake_lake::log::{Log, LogError, Offset, Partition, StoredRecord, TopicPartition};
use depthlake_lake::record::{Contracts, DecodeError, Fault, Rows, Unusable};
use depthlake_lake::table::Table;

use super::STREAMS;
use super::judge::Judge;
use super::rules::{self, Rule};

/// Bytes of the log that are compared at a time.
const LOG_BYTES: usize = 16 << 20;

/// The log, and how its records are read.
#[derive(Clone, Copy)]
pub struct Upstream<'a> {
    pub log: &'a dyn Log,
    pub contracts: &'a Contracts,
}

impl Judge<'_> {
    /// Compares the raw tables with what the log still holds of what they have read.
    pub async fn raw(&mut self, upstream: Upstream<'_>) -> Result<()> {
        for stream in STREAMS {
            self.topic(upstream, &rules::raw(stream)).await?;
        }
        Ok(())
    }

    /// Compares the normalized tables with what the log still holds of what they have read: each record has its row.
    pub async fn landed(&mut self, upstream: Upstream<'_>) -> Result<()> {
        for rule in &rules::LANDED {
            self.topic(upstream, rule).await?;
        }
        Ok(())
    }

    async fn topic(&mut self, upstream: Upstream<'_>, rule: &Rule) -> Result<()> {
        let Some(topic) = rule.topic else { return Ok(()) };
        let committed = self.lake.positions().await?;
        for partition in 0..upstream.log.partitions().get() {
            let at = TopicPartition::new(topic, Partition(partition));
            let name = topic.name().to_owned();
            let of = PartitionOfTable { table: rule.table, topic: name, partition: partition.into() };
            let end = committed.get(&of).copied().map_or(Offset(0), Offset);
            let compared = self.topic_partition(upstream, at, end, rule).await;
            self.go_on(compared, &format!("{topic} of partition {partition}"), rule.layer(), &[]).await;
        }
        Ok(())
    }

    async fn topic_partition(
        &mut self,
        upstream: Upstream<'_>,
        at: TopicPartition,
        end: Offset,
        rule: &Rule,
    ) -> Result<()> {
        let Upstream { log, contracts } = upstream;
        let mut next = log.start(at)?;
        let mut unread = Unread::default();
        while next < end {
            let records = match tokio::task::block_in_place(|| log.read(at, next, LOG_BYTES)) {
                Err(LogError::Lost { next: after, .. }) => {
                    next = after;
                    continue;
                }
                read => read?,
            };
            let Some(last) = records.iter().map(|stored| stored.offset).rfind(|offset| *offset < end) else {
                // At a broker, what was seen behind may turn out to be no records.
                ensure!(log.durable_end(at)? <= next, "the log of {at} gave nothing from {next} on");
                break;
            };
            let kept: Vec<StoredRecord> =
                records.into_iter().take_while(|stored| stored.offset < end).collect();
            let Rows { batch: expected, unusable, .. } =
                tokio::task::block_in_place(|| contracts.rows(at, &kept))?;
            unread.records += kept.len();
            unread.add(self.without_letter(at, unusable).await?);
            if let Some(place) = rule.place(at, next..Offset(last.0 + 1), &expected) {
                let received = self.scope.received.clone();
                self.compare(rule, expected, &place, &received).await;
            }
            next = Offset(last.0 + 1);
        }
        unread.tell(contracts)
    }

    /// Of records that give no row here, those that no dead letter of the lake tells of: who landed them could read them.
    async fn without_letter(&self, at: TopicPartition, mut unusable: Vec<Unusable>) -> Result<Vec<Unusable>> {
        let offsets = || unusable.iter().map(|unusable| unusable.offset.0);
        let (Some(first), Some(last)) = (offsets().min(), offsets().max()) else { return Ok(unusable) };
        if let Some(day) = self.lake.retained_from(Table::DeadLetters).await? {
            let kept_from = i64::from(day).saturating_mul(86_400_000_000);
            unusable.retain(|unusable| unusable.time.microseconds() >= kept_from);
        }
        let query = format!(
            "SELECT source_offset FROM ops.dead_letters WHERE source_topic = '{}' AND source_partition = {} \
             AND source_offset BETWEEN {first} AND {last}",
            at.topic, at.partition
        );
        let told: HashSet<i64> = self.longs(&query).await?.into_iter().collect();
        unusable.retain(|unusable| !told.contains(&unusable.offset.0.cast_signed()));
        Ok(unusable)
    }
}

/// Records that cannot be read here, though nothing says that they could not be read when they were landed.
#[derive(Default)]
struct Unread {
    records: usize,
    count: usize,
    first: Option<Unusable>,
}

impl Unread {
    fn add(&mut self, unusable: Vec<Unusable>) {
        self.count += unusable.len();
        if self.first.is_none() {
            self.first = unusable.into_iter().next();
        }
    }

    fn tell(self, contracts: &Contracts) -> Result<()> {
        let Self { records, count, first: Some(first) } = self else { return Ok(()) };
        let is_of_schema = matches!(first.fault, Fault::Undecodable(DecodeError::Schema { .. }));
        let advice = if is_of_schema && !contracts.is_registered() {
            "; name the schema registry that gave their ids: --schema-registry URL"
        } else {
            ""
        };
        let (offset, fault) = (first.offset, first.fault);
        bail!(
            "{count} of its {records} records cannot be read here, and no dead letter tells of them; the first, at offset {offset}: {fault}{advice}"
        )
    }
}
