//! One symbol's raw messages through a pipeline, with looks at the book on the way.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use depthlake_engine::pipeline::{BookStatus, Changed, Output, Pipeline};
use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::Price;
use depthlake_orderbook::event::Level;
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::SyncState;
use depthlake_orderbook::time::Timestamp;
use futures::TryStreamExt;
use tokio::task::spawn_blocking;

use super::cache::Standing;
use crate::access::Principal;
use crate::api::encode::Units;
use crate::api::problem::Problem;
use crate::api::reference::sql_time;
use crate::api::rows::{ask_as, integers, session_of, times};
use crate::api::state::ApiState;
use crate::live::Condition;

/// Events that a snapshot has not in it may have been received so long before it.
const BEFORE_SNAPSHOT: i64 = 120_000_000_000;

/// A pipeline is put aside after so many messages, for whoever asks for a time in between later.
const KEEP_EVERY: usize = 20_000;

/// The most messages between a snapshot and the time asked for.
const MOST_MESSAGES: usize = 5_000_000;

const COLUMNS: &str = "\"offset\", received_ns, event_time, kind, first_update_id, last_update_id, payload";

/// The times of which a symbol's book can be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// When the first snapshot was received.
    pub(super) earliest: Timestamp,
    /// When the last message was.
    pub(super) latest: Timestamp,
}

/// A book as it was.
#[derive(Debug)]
pub(super) struct PastBook {
    pub(super) at: Timestamp,
    pub(super) symbol: Symbol,
    pub(super) update_id: u64,
    pub(super) event_time: Timestamp,
    pub(super) receive_time: Timestamp,
    pub(super) condition: Condition,
    pub(super) units: Units,
    pub(super) horizon: [Option<Price>; 2],
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// The times of the last message that was applied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Applied {
    event_time: Timestamp,
    receive_time: Timestamp,
}

/// A symbol whose books are to be rebuilt.
pub(super) struct Rebuilding<'a> {
    state: &'a ApiState,
    principal: Principal,
    symbol: Symbol,
    extent: Extent,
}

/// A raw message with its envelope.
struct Message {
    offset: u64,
    envelope: Envelope,
    payload: Vec<u8>,
}

/// What is rebuilt, on its way through the messages.
struct Walk {
    standing: Standing,
    /// The times still to be looked at, in order.
    times: VecDeque<Timestamp>,
    depth: usize,
    seen: Vec<PastBook>,
    since_kept: usize,
    put_aside: Vec<Standing>,
}

impl Output for Applied {
    fn derived(&mut self, _: Trigger, _: Derived) {}

    fn book(&mut self, changed: Changed<'_>) {
        *self = Self { event_time: changed.event_time, receive_time: changed.received };
    }
}

impl<'a> Rebuilding<'a> {
    /// # Errors
    /// A problem where there is nothing to rebuild from, or the lake cannot be read.
    pub(super) async fn of(
        state: &'a ApiState,
        principal: Principal,
        symbol: Symbol,
    ) -> Result<Self, Problem> {
        let sql = format!(
            "SELECT min(CASE WHEN kind = 'snapshot' THEN received_ns END) AS earliest, max(received_ns) AS latest
            FROM raw.orderbook_diffs WHERE symbol = '{symbol}'"
        );
        let found = ask_as(state, &principal, &sql).await?;
        let number = |name| {
            let numbers = integers(found.first()?, name)?;
            let numbers = numbers.as_primitive_opt::<Int64Type>()?;
            (!numbers.is_empty() && numbers.is_valid(0)).then(|| Timestamp(numbers.value(0)))
        };
        let (Some(earliest), Some(latest)) = (number("earliest"), number("latest")) else {
            let detail = format!("no book of {symbol} can be rebuilt: the lake has no snapshot of it yet");
            return Err(Problem::outside_time(detail));
        };
        Ok(Self { state, principal, symbol, extent: Extent { earliest, latest } })
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// The books at these times, which are in order and within the extent.
    pub(super) async fn run(&self, times: Vec<Timestamp>, depth: usize) -> Result<Vec<PastBook>, Problem> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(Vec::new()) };
        let snapshot = self.last_of("snapshot", first).await?.ok_or_else(|| {
            Problem::outside_time(format!("the lake has no snapshot of {} before that time", self.symbol))
        })?;
        let taken = snapshot.envelope.received;
        let standing = match self.state.replays.cache.before(self.symbol, taken, first) {
            Some(standing) => standing,
            None => self.begin(&snapshot).await?,
        };
        let mut walk = Walk {
            standing,
            times: times.into(),
            depth,
            seen: Vec::new(),
            since_kept: 0,
            put_aside: Vec::new(),
        };
        let sql = self.question(&walk.standing, &snapshot, last);
        let mut batches = session_of(self.state, &self.principal).sql(&sql).await?;
        let mut count = 0;
        while let Some(batch) = batches.try_next().await? {
            count += batch.num_rows();
            if count > MOST_MESSAGES {
                let detail =
                    format!("more than {MOST_MESSAGES} messages lie between a snapshot and that time");
                return Err(Problem::bad_request(detail));
            }
            let symbol = self.symbol;
            let walked = spawn_blocking(move || {
                for message in messages(&batch, symbol) {
                    walk.step(&message);
                }
                walk
            });
            walk = walked.await.map_err(|error| Problem::internal(error.to_string()))?;
        }
        walk.finish(last);
        let Walk { standing, seen, put_aside, .. } = walk;
        // What is received at the very end of the extent may not have been read entirely.
        for standing in put_aside.into_iter().chain([standing]) {
            if standing.reached < self.extent.latest {
                self.state.replays.cache.keep(standing);
            }
        }
        Ok(seen)
    }

    /// A pipeline that knows the instrument as it was at the snapshot.
    async fn begin(&self, snapshot: &Message) -> Result<Standing, Problem> {
        let taken = snapshot.envelope.received;
        let instrument = match self.last_of("instrument", taken).await? {
            Some(instrument) => Some(instrument),
            None => self.last_of("instrument", self.extent.latest).await?,
        };
        let instrument = instrument.ok_or_else(|| {
            Problem::outside_time(format!("the lake has no entry of {} that tells its units", self.symbol))
        })?;
        let (mut pipeline, mut applied) = (Pipeline::new(0), Applied::default());
        let Message { envelope, payload, .. } = &instrument;
        pipeline.frame(RawStream::Orderbook, 0, envelope, payload, &mut applied);
        let reached = Timestamp(taken.0.saturating_sub(BEFORE_SNAPSHOT));
        Ok(Standing { symbol: self.symbol, snapshot: taken, reached, pipeline, applied })
    }

    /// The messages that follow on what stands already: changes that the snapshot has not in it, and the snapshot itself.
    fn question(&self, standing: &Standing, snapshot: &Message, last: Timestamp) -> String {
        let held = snapshot.envelope.last_id.unwrap_or(0);
        let taken = snapshot.envelope.received.0;
        format!(
            "SELECT {COLUMNS} FROM raw.orderbook_diffs
            WHERE symbol = '{}' AND received_at >= TIMESTAMP '{}' AND received_at <= TIMESTAMP '{}'
                AND received_ns > {} AND received_ns <= {}
                AND ((kind = 'depth_update' AND last_update_id > {held})
                    OR (kind = 'snapshot' AND received_ns >= {taken})
                    OR (kind IN ('instrument', 'silent') AND received_ns > {taken}))
            ORDER BY received_ns, \"offset\"",
            self.symbol,
            sql_time(down_to_microsecond(standing.reached)),
            sql_time(last),
            standing.reached.0,
            last.0,
        )
    }

    /// The last message of a kind that was received at a time or before.
    async fn last_of(&self, kind: &str, until: Timestamp) -> Result<Option<Message>, Problem> {
        let sql = format!(
            "SELECT {COLUMNS} FROM raw.orderbook_diffs
            WHERE symbol = '{}' AND kind = '{kind}' AND received_at <= TIMESTAMP '{}' AND received_ns <= {}
            ORDER BY received_ns DESC, \"offset\" DESC LIMIT 1",
            self.symbol,
            sql_time(until),
            until.0
        );
        let found = ask_as(self.state, &self.principal, &sql).await?;
        Ok(found.iter().flat_map(|batch| messages(batch, self.symbol)).next())
    }
}

impl Walk {
    fn step(&mut self, message: &Message) {
        let received = message.envelope.received;
        while let Some(time) = self.times.pop_front_if(|time| *time < received) {
            self.look(time);
        }
        // A message received in the same instant is not missed, whoever goes on from here.
        if received > self.standing.reached && self.since_kept >= KEEP_EVERY {
            self.since_kept = 0;
            self.put_aside.push(self.standing.fork());
        }
        let Standing { pipeline, applied, reached, .. } = &mut self.standing;
        pipeline.frame(RawStream::Orderbook, message.offset, &message.envelope, &message.payload, applied);
        *reached = (*reached).max(received);
        self.since_kept += 1;
    }

    /// Looks at what is left: nothing more comes up to `last`.
    fn finish(&mut self, last: Timestamp) {
        while let Some(time) = self.times.pop_front() {
            self.look(time);
        }
        self.standing.reached = self.standing.reached.max(last);
    }

    fn look(&mut self, at: Timestamp) {
        let symbol = self.standing.symbol;
        let Some((instrument, book, status)) = self.standing.pipeline.last_book(symbol) else { return };
        let levels = |side| book.levels(side).take(self.depth).collect();
        self.seen.push(PastBook {
            at,
            symbol,
            update_id: book.update_id().0,
            event_time: self.standing.applied.event_time,
            receive_time: self.standing.applied.receive_time,
            condition: condition_of(instrument, status),
            units: Units { price: instrument.price_scale, quantity: instrument.quantity_scale },
            horizon: [book.horizon(Side::Bid), book.horizon(Side::Ask)],
            bids: levels(Side::Bid),
            asks: levels(Side::Ask),
        });
    }
}

fn condition_of(instrument: &Instrument, status: &BookStatus) -> Condition {
    use depthlake_orderbook::instrument::TradingStatus;
    match status.sync {
        SyncState::Buffering => Condition::Waiting,
        SyncState::Resyncing => Condition::Resyncing,
        SyncState::Live if instrument.status == TradingStatus::Halted => Condition::Halted,
        SyncState::Live if status.is_silent => Condition::Stale,
        SyncState::Live => Condition::Live,
    }
}

fn down_to_microsecond(time: Timestamp) -> Timestamp {
    Timestamp::from_microseconds(time.microseconds())
}

/// The raw messages of rows; rows that cannot be read as such are passed over, as they are nowhere else.
fn messages(batch: &RecordBatch, symbol: Symbol) -> Vec<Message> {
    let columns = || {
        let payload = cast(batch.column_by_name("payload")?, &DataType::LargeBinary).ok()?;
        let ids = ["offset", "received_ns", "first_update_id", "last_update_id"];
        let [offsets, received, first, last] = ids.map(|name| integers(batch, name));
        let kinds = cast(batch.column_by_name("kind")?, &DataType::Utf8).ok()?;
        Some((payload, offsets?, received?, first?, last?, (times(batch, "event_time")?, kinds)))
    };
    let Some((payload, offsets, received, first, last, (event_times, kinds))) = columns() else {
        return Vec::new();
    };
    let message = |row: usize| {
        let number = |column: &dyn Array| {
            let numbers = column.as_primitive_opt::<Int64Type>()?;
            numbers.is_valid(row).then(|| numbers.value(row))
        };
        let id = |column: &dyn Array| number(column).and_then(|id| u64::try_from(id).ok());
        let kind = kinds.as_string_opt::<i32>()?.value(row);
        let event_times = event_times.as_primitive_opt::<TimestampNanosecondType>()?;
        Some(Message {
            offset: id(&offsets)?,
            envelope: Envelope {
                kind: FrameKind::ALL.into_iter().find(|known| known.name() == kind)?,
                symbol: Some(symbol),
                received: Timestamp(number(&received)?),
                event_time: event_times.is_valid(row).then(|| Timestamp(event_times.value(row))),
                first_id: id(&first),
                last_id: id(&last),
            },
            payload: payload.as_binary_opt::<i64>()?.value(row).to_vec(),
        })
    };
    (0..batch.num_rows()).filter_map(message).collect()
}
