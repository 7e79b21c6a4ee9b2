//! Takes a partition up again after a stop, however it came: raw messages that were kept but not derived from are
//! derived from now, and nothing is derived twice.
//!
//! Raw messages are kept before anything derived from them, so a crash leaves at most records missing at the end. The
//! last record kept of each kind tells where: records come in the order of their [`Trigger`]s, kind by kind and stream by
//! stream.

use std::collections::HashMap;

use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::record::{Derived, RecordKind, Trigger};

use crate::pipeline::{Checkpoint, Output, Pipeline};

/// A partition on its way back.
#[derive(Debug)]
pub struct Recovery {
    restored: Restored,
    last_kept: HashMap<(RecordKind, RawStream), Trigger>,
}

/// A partition as a stop left it, ready to go on.
#[derive(Debug)]
pub struct Restored {
    pub pipeline: Pipeline,
    /// The offset behind the last message of the order-book stream.
    pub orderbook_end: u64,
    /// The offset behind the last message of the trade stream.
    pub trade_end: u64,
}

impl Restored {
    /// A partition that was never run.
    #[must_use]
    pub fn new(partition: u16) -> Self {
        Self { pipeline: Pipeline::new(partition), orderbook_end: 0, trade_end: 0 }
    }
}

impl Recovery {
    /// Begins with the last checkpoint kept, or with nothing.
    #[must_use]
    pub fn new(partition: u16, checkpoint: Option<&Checkpoint>) -> Self {
        let mut restored = Restored::new(partition);
        if let Some(checkpoint) = checkpoint {
            restored.pipeline.restore(checkpoint);
            restored.orderbook_end = checkpoint.orderbook_offset();
            restored.trade_end = checkpoint.trade_offset();
        }
        Self { restored, last_kept: HashMap::new() }
    }

    /// Tells of a record that was kept.
    pub fn kept(&mut self, kind: RecordKind, trigger: Trigger) {
        let last = self.last_kept.entry((kind, trigger.stream)).or_insert(trigger);
        *last = trigger.max(*last);
    }

    /// The first offset of `stream` that must be read again.
    #[must_use]
    pub const fn from(&self, stream: RawStream) -> u64 {
        match stream {
            RawStream::Orderbook => self.restored.orderbook_end,
            RawStream::Trade => self.restored.trade_end,
        }
    }

    /// Reads a message again; `missing` takes the records that were not kept.
    pub fn frame(
        &mut self,
        stream: RawStream,
        offset: u64,
        envelope: &Envelope,
        payload: &[u8],
        missing: impl FnMut(Trigger, Derived),
    ) {
        match stream {
            RawStream::Orderbook => self.restored.orderbook_end = offset + 1,
            RawStream::Trade => self.restored.trade_end = offset + 1,
        }
        let mut output = Missing { last_kept: &self.last_kept, missing };
        self.restored.pipeline.frame(stream, offset, envelope, payload, &mut output);
    }

    /// The last record kept of each kind and stream.
    pub fn last_kept(&self) -> impl Iterator<Item = (RecordKind, Trigger)> + '_ {
        self.last_kept.iter().map(|(&(kind, _), &trigger)| (kind, trigger))
    }

    #[must_use]
    pub fn finish(self) -> Restored {
        self.restored
    }
}

struct Missing<'a, F> {
    last_kept: &'a HashMap<(RecordKind, RawStream), Trigger>,
    missing: F,
}

impl<F: FnMut(Trigger, Derived)> Output for Missing<'_, F> {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        let is_kept =
            self.last_kept.get(&(record.kind(), trigger.stream)).is_some_and(|&last| trigger <= last);
        if !is_kept {
            (self.missing)(trigger, record);
        }
    }
}
