//! The raw tables of the log's messages against the normalized ones that follow from them.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;
use arrow_array::RecordBatch;
use depthlake_lake::reconcile::{Break, BreakClass, Layer};
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::time::Timestamp;
use futures::TryStreamExt;

use super::course::{Begin, Course, Gaps, RUN_UP, Step, Window};
use super::derive::{Derivation, raw_columns};
use super::judge::{Judge, literal};
use super::{STREAMS, rules};

/// Raw messages that are derived again before what they gave is compared.
const WINDOW_MESSAGES: usize = 200_000;

impl Judge<'_> {
    /// Compares the normalized tables with what the raw ones give.
    pub async fn normalized(&mut self) {
        for stream in STREAMS {
            let table = rules::raw(stream).table;
            if self.unreadable.contains(&table) {
                continue;
            }
            let reads = [table, Table::DeadLetters];
            let partitions = match self.partitions(stream).await {
                Ok(partitions) => partitions,
                Err(error) => {
                    self.go_on(Err(error), &format!("what {table} gives"), Layer::Normalized, &reads).await;
                    continue;
                }
            };
            for partition in partitions {
                let derived = self.stream(stream, partition).await;
                let what = format!("what partition {partition} of {table} gives");
                self.go_on(derived, &what, Layer::Normalized, &reads).await;
            }
        }
    }

    async fn partitions(&self, stream: RawStream) -> Result<Vec<u16>> {
        let query = format!("SELECT DISTINCT partition FROM {} ORDER BY 1", rules::raw(stream).table);
        let found = self.longs(&query).await?;
        Ok(found.into_iter().filter_map(|partition| u16::try_from(partition).ok()).collect())
    }

    /// When the messages of some offsets were received; `None` where the raw table has none of them.
    pub async fn received(
        &self,
        stream: RawStream,
        partition: u16,
        offsets: &Range<u64>,
    ) -> Result<Option<Range<Timestamp>>> {
        let query = |which: &str| {
            format!(
                r#"SELECT {which}(received_ns) FROM {} WHERE partition = {partition}
                   AND "offset" >= {} AND "offset" < {} HAVING count(*) > 0"#,
                rules::raw(stream).table,
                offsets.start,
                offsets.end
            )
        };
        let (first, last) = (self.longs(&query("min")).await?, self.longs(&query("max")).await?);
        let bounds = first.first().zip(last.first());
        Ok(bounds.map(|(first, last)| Timestamp(*first)..Timestamp(last.saturating_add(1_000))))
    }

    /// Derives one stream of one partition again, from a place where a session began. What follows from messages that the raw
    /// table lacks is left alone up to the next session: nobody can say what it should be.
    pub async fn stream(&mut self, stream: RawStream, partition: u16) -> Result<()> {
        let table = rules::raw(stream).table;
        let Some(begin) = self.begin(table, partition).await? else { return Ok(()) };
        // Beyond the times looked at, too: what closes a bar comes after its minute.
        let query = format!(
            r#"SELECT {} FROM {table} WHERE partition = {partition} AND "offset" >= {} ORDER BY "offset""#,
            raw_columns(stream),
            begin.offset
        );
        let gaps = Gaps {
            unreadable: self.unreadable_messages(stream, partition).await?,
            disputed: self.disputed_offsets(table, partition.into()),
        };
        let mut course = Course::begin(begin, gaps);
        let mut derivation = Derivation::new(stream, partition, self.begun);
        let mut raw = self.session.sql(&query).await?;
        while let Some(batch) = raw.try_next().await? {
            for step in course.steps(&batch)? {
                match step {
                    Step::Derive(rows) => derivation.add(&rows)?,
                    Step::Lost(window, lost) => {
                        self.window(stream, partition, &mut derivation, window).await?;
                        self.lost(table, partition, &lost).await?;
                        derivation = Derivation::new(stream, partition, self.begun);
                    }
                }
            }
            if course.waiting() >= WINDOW_MESSAGES {
                self.window(stream, partition, &mut derivation, course.take_window()).await?;
            }
        }
        self.window(stream, partition, &mut derivation, course.take_window()).await
    }

    /// Where deriving begins: where the last session before the times looked at did, or else the first there is. `None` where the
    /// table has no beginning of a session: nothing can be derived then.
    async fn begin(&mut self, table: Table, partition: u16) -> Result<Option<Begin>> {
        let early = literal(Timestamp(self.scope.received.start.0.saturating_sub(RUN_UP)));
        let rows = format!("FROM {table} WHERE partition = {partition}");
        let sessions = format!("{rows} AND kind = 'session_start'");
        let before =
            self.long(&format!(r#"SELECT max("offset") {sessions} AND received_at <= {early}"#)).await?;
        if let Some(offset) = before {
            return Ok(Some(Begin { offset, judged_from: self.scope.received.start }));
        }
        let first = self.long(&format!(r#"SELECT min("offset") {sessions}"#)).await?;
        let missing = match first {
            Some(offset) => offset,
            None => self.long(&format!(r#"SELECT min("offset") {rows}"#)).await?.unwrap_or(0),
        };
        if missing > 0 {
            self.lost(table, partition, &(0..missing)).await?;
        }
        let Some(offset) = first else { return Ok(None) };
        let received =
            self.long(&format!(r#"SELECT received_ns {sessions} AND "offset" = {offset}"#)).await?;
        // With nothing before it, there was nothing that went on when it began.
        let judged_from = if offset == 0 { 0 } else { received.unwrap_or(0).saturating_add(RUN_UP) };
        let judged_from = Timestamp(judged_from).max(self.scope.received.start);
        Ok(Some(Begin { offset, judged_from }))
    }

    /// The offsets of messages that no raw row could be made of.
    async fn unreadable_messages(&self, stream: RawStream, partition: u16) -> Result<BTreeSet<i64>> {
        let topic = rules::raw(stream).topic.map_or("", |topic| topic.name());
        let query = format!(
            "SELECT source_offset FROM ops.dead_letters WHERE source_topic = '{topic}' AND source_partition = {partition} AND reason <> 'foreign'"
        );
        Ok(self.longs(&query).await?.into_iter().collect())
    }

    pub(super) async fn lost(&mut self, table: Table, partition: u16, lost: &Range<i64>) -> Result<()> {
        if self.lake.retained_from(table).await?.is_some() {
            return Ok(());
        }
        let Range { start, end } = lost;
        self.breaks.push(Break {
            layer: Layer::Normalized,
            class: BreakClass::Missing,
            table: table.to_string(),
            key: format!("partition={partition} offset={start}..{end}"),
            value: None,
            detail: "these messages are not there, or not once; what follows from them, up to the next session, is not looked at"
                .to_owned(),
            repaired_at: None,
        });
        Ok(())
    }

    async fn window(
        &mut self,
        stream: RawStream,
        partition: u16,
        derivation: &mut Derivation,
        Window { offsets, judged_from }: Window,
    ) -> Result<()> {
        let mut derived = derivation.take()?;
        let received = judged_from..self.scope.received.end;
        if received.is_empty() {
            return Ok(());
        }
        for rule in rules::normalized(stream) {
            let none = || RecordBatch::new_empty(rule.table.arrow_schema());
            let expected = derived.remove(&rule.table).unwrap_or_else(none);
            let place = format!(
                "source_partition = {partition} AND source_offset >= {} AND source_offset < {}",
                offsets.start, offsets.end
            );
            self.compare(rule, expected, &place, &received).await;
        }
        Ok(())
    }
}
