//! The log against the tables that its topics give.

use anyhow::Result;
use depthlake_lake::commit::PartitionOfTable;
use depthlake_lake::log::{Log, LogError, Offset, Partition, TopicPartition};
use depthlake_lake::record::rows;

use super::STREAMS;
use super::judge::Judge;
use super::rules::{self, Rule};

/// Bytes of the log that are compared at a time.
const LOG_BYTES: usize = 16 << 20;

impl Judge<'_> {
    /// Compares the raw tables with what the log still holds of what they have read.
    pub async fn raw(&mut self, log: &dyn Log) -> Result<()> {
        for stream in STREAMS {
            self.topic(log, &rules::raw(stream)).await?;
        }
        Ok(())
    }

    /// Compares the normalized tables with what the log still holds of what they have read: each record has its row.
    pub async fn landed(&mut self, log: &dyn Log) -> Result<()> {
        for rule in &rules::LANDED {
            self.topic(log, rule).await?;
        }
        Ok(())
    }

    async fn topic(&mut self, log: &dyn Log, rule: &Rule) -> Result<()> {
        let Some(topic) = rule.topic else { return Ok(()) };
        let committed = self.lake.positions().await?;
        for partition in 0..log.partitions().get() {
            let at = TopicPartition::new(topic, Partition(partition));
            let name = topic.name().to_owned();
            let of = PartitionOfTable { table: rule.table, topic: name, partition: partition.into() };
            let end = committed.get(&of).copied().map_or(Offset(0), Offset);
            let compared = self.topic_partition(log, at, end, rule).await;
            self.go_on(compared, &format!("{topic} of partition {partition}"), rule.layer, &[]).await;
        }
        Ok(())
    }

    async fn topic_partition(
        &mut self,
        log: &dyn Log,
        at: TopicPartition,
        end: Offset,
        rule: &Rule,
    ) -> Result<()> {
        let mut next = log.start(at)?;
        while next < end {
            let records = match tokio::task::block_in_place(|| log.read(at, next, LOG_BYTES)) {
                Err(LogError::Lost { next: after, .. }) => {
                    next = after;
                    continue;
                }
                read => read?,
            };
            let Some(last) = records.iter().map(|stored| stored.offset).rfind(|offset| *offset < end) else {
                break;
            };
            let kept: Vec<_> = records.into_iter().take_while(|stored| stored.offset < end).collect();
            let expected = rows(at, &kept)?.batch;
            if let Some(place) = rule.place(at, next..Offset(last.0 + 1), &expected) {
                let received = self.scope.received.clone();
                self.compare(rule, expected, &place, &received).await;
            }
            next = Offset(last.0 + 1);
        }
        Ok(())
    }
}
