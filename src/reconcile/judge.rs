//! Goes through the layers, compares, and keeps what differs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use depthlake_lake::commit::{ColumnDrift, Lake, PartitionOfTable, TableChange};
use depthlake_lake::log::{Log, LogError, Offset, Partition, TopicPartition};
use depthlake_lake::reconcile::{
    Break, BreakClass, Comparison, Correction, Difference, Layer, Place, ValueDrift, break_rows, breaks_of,
    conformed, received_within, repair, retained,
};
use depthlake_lake::record::rows;
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::Session;
use futures::TryStreamExt;

use super::course::{Begin, Course, RUN_UP, Step, Window};
use super::derive::{Derivation, raw_columns};
use super::rules::{self, Rule};

/// Raw messages that are derived again before what they gave is compared.
const WINDOW_MESSAGES: usize = 200_000;

/// Bytes of the log that are compared at a time.
const LOG_BYTES: usize = 16 << 20;

const STREAMS: [RawStream; 2] = [RawStream::Orderbook, RawStream::Trade];

/// What is looked at, and what is done about it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Rows received in these times.
    pub received: Range<Timestamp>,
    /// By how much, relative to the expected, measures may differ.
    pub tolerance: f64,
    pub repairs: bool,
}

/// A reconciliation under way.
pub struct Judge<'a> {
    pub(super) lake: &'a Lake,
    session: Session,
    pub scope: Scope,
    pub(super) begun: Timestamp,
    pub(super) unreadable: BTreeSet<Table>,
    pub breaks: Vec<Break>,
    /// Rows expected, by table, or by the topic that gives them.
    pub compared: BTreeMap<String, u64>,
}

impl<'a> Judge<'a> {
    pub fn new(lake: &'a Lake, scope: Scope, begun: Timestamp) -> Result<Self> {
        let session = Session::new(lake.clone())?;
        Ok(Self {
            lake,
            session,
            scope,
            begun,
            unreadable: BTreeSet::new(),
            breaks: Vec::new(),
            compared: BTreeMap::new(),
        })
    }

    /// Compares the columns of the layers' tables with those declared. Tables that cannot be read as declared are looked at no
    /// further.
    pub async fn columns(&mut self, layers: &[Layer]) -> Result<()> {
        for ColumnDrift { table, column, expected, found } in self.lake.column_drifts().await? {
            let layer = layer_of(table);
            if !layers.contains(&layer) {
                continue;
            }
            let detail = match (&expected, &found) {
                (None, _) => "this column was added".to_owned(),
                (_, None) => "this column was removed".to_owned(),
                _ => "this column was given another type".to_owned(),
            };
            if expected.is_some() {
                self.unreadable.insert(table);
            }
            let value = ValueDrift { column: column.clone(), expected, found, relative_difference: None };
            self.breaks.push(Break {
                layer,
                class: BreakClass::SchemaDrift,
                table: table.to_string(),
                key: column,
                value: Some(value),
                detail,
                repaired_at: None,
            });
        }
        Ok(())
    }

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

    /// Compares the normalized tables with what the raw ones give.
    pub async fn normalized(&mut self) -> Result<()> {
        let readable = |stream: &RawStream| !self.unreadable.contains(&rules::raw(*stream).table);
        for stream in STREAMS.into_iter().filter(readable).collect::<Vec<_>>() {
            for partition in self.partitions(stream).await? {
                let derived = self.stream(stream, partition).await;
                derived.with_context(|| format!("partition {partition} of {}", rules::raw(stream).table))?;
            }
        }
        Ok(())
    }

    /// Keeps what was found in `ops.recon_breaks`.
    pub async fn keep(&self) -> Result<()> {
        if self.breaks.is_empty() {
            return Ok(());
        }
        let rows = break_rows(&self.breaks, self.begun)?;
        self.lake.change(vec![TableChange::append(Table::ReconBreaks, vec![rows], Vec::new())]).await?;
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
            self.topic_partition(log, at, end, rule).await?;
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
                self.compare(rule, expected, &place, &received).await?;
            }
            next = Offset(last.0 + 1);
        }
        Ok(())
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
        let mut course = Course::begin(begin, self.unreadable_messages(stream, partition).await?);
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

    async fn lost(&mut self, table: Table, partition: u16, lost: &Range<i64>) -> Result<()> {
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
            detail: "these messages are not there; what follows from them, up to the next session, is not looked at"
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
            self.compare(rule, expected, &place, &received).await?;
        }
        Ok(())
    }

    /// Compares expected rows with those of the table at a place, of what was received in these times.
    async fn compare(
        &mut self,
        rule: &Rule,
        expected: RecordBatch,
        place: &str,
        received: &Range<Timestamp>,
    ) -> Result<()> {
        let Rule { layer, table, key, given, .. } = *rule;
        if self.unreadable.contains(&table) {
            return Ok(());
        }
        let expected = received_within(&expected, received)?;
        let expected = retained(table, &expected, self.lake.retained_from(table).await?)?;
        let query = format!(
            "SELECT * FROM {table} WHERE {place} AND received_at >= {} AND received_at < {} AND {given}",
            literal(received.start),
            literal(received.end)
        );
        let found = self.rows(table, &query).await?;
        let comparison = rule.comparison(self.scope.tolerance);
        let mut differences = self.differences(rule.name(), &comparison, &expected, &found)?;
        if rule.may_have_more() {
            differences.retain(|difference| !matches!(difference, Difference::Unfounded { .. }));
        }
        if differences.is_empty() {
            return Ok(());
        }
        let name = table.to_string();
        let place = Place { layer, source: rule.source(), table: &name, key };
        let mut breaks = breaks_of(place, &expected, &found, &differences)?;
        if self.scope.repairs {
            let repairable = |difference: &&Difference| is_repairable(layer, difference);
            let repaired: Vec<_> = differences.iter().filter(repairable).cloned().collect();
            let correction = Correction::of(key, &expected, &found, &repaired)?;
            repair(self.lake, table, key, &correction).await?;
            for (difference, broken) in differences.iter().zip(&mut breaks) {
                broken.repaired_at = is_repairable(layer, difference).then_some(self.begun);
            }
        }
        if rule.may_have_more() {
            self.forget_known(&mut breaks);
        }
        self.breaks.append(&mut breaks);
        Ok(())
    }

    /// Drops the breaks that another layer has shown already.
    fn forget_known(&self, breaks: &mut Vec<Break>) {
        let which = |broken: &Break| (broken.class.name(), broken.table.clone(), broken.key.clone());
        let known: HashSet<_> = self.breaks.iter().map(which).collect();
        breaks.retain(|broken| !known.contains(&which(broken)));
    }

    pub(super) fn differences(
        &mut self,
        name: String,
        comparison: &Comparison<'_>,
        expected: &RecordBatch,
        found: &RecordBatch,
    ) -> Result<Vec<Difference>> {
        *self.compared.entry(name).or_default() += expected.num_rows() as u64;
        Ok(comparison.differences(expected, found)?)
    }

    pub(super) async fn rows(&self, table: Table, query: &str) -> Result<RecordBatch> {
        Ok(conformed(table, &self.session.sql(query).await?.collect().await?)?)
    }

    async fn long(&self, query: &str) -> Result<Option<i64>> {
        Ok(self.longs(query).await?.first().copied())
    }

    pub(super) async fn longs(&self, query: &str) -> Result<Vec<i64>> {
        let batches = self.session.sql(query).await?.collect().await?;
        super::derive::longs(&batches)
    }
}

/// The layer a table belongs to. Those of operation are derived of raw messages, as the normalized ones.
fn layer_of(table: Table) -> Layer {
    let named = Layer::ALL.into_iter().find(|layer| layer.name() == table.namespace());
    named.unwrap_or(Layer::Normalized)
}

/// What is in a raw table and not in the log stays: nothing else tells of it.
fn is_repairable(layer: Layer, difference: &Difference) -> bool {
    !(layer == Layer::Raw && matches!(difference, Difference::Unfounded { .. }))
}

/// A time as SQL, in microseconds; what lies beyond is cut to what SQL can tell.
fn literal(time: Timestamp) -> String {
    literal_micros(time.microseconds())
}

pub(super) fn literal_micros(microseconds: i64) -> String {
    format!("to_timestamp_micros({microseconds})")
}
