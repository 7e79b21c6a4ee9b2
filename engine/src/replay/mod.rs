//! Plays recordings through the same code that runs live.

mod lines;

use std::num::NonZeroU16;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_ingest::recording::{Recording, RecordingError};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::partition::partition_of;
use depthlake_orderbook::time::Timestamp;

pub use lines::{BarLines, BookLines, Report, SymbolCounts};

use crate::pipeline::{Output, Pipeline};

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as it can be read.
    Max,
}

/// Hands the messages of a recording to `each`: first every instrument's entry, then all messages in the order of
/// receipt. What cannot be read is handed to `lost`, and the rest goes on. Returns the number of messages.
///
/// # Errors
/// [`RecordingError`] where the recording cannot be opened, and what `each` returns.
pub fn play<E: From<RecordingError>>(
    recording: &Recording,
    speed: Speed,
    mut lost: impl FnMut(RecordingError),
    mut each: impl FnMut(&Envelope, &Bytes) -> Result<(), E>,
) -> Result<u64, E> {
    let mut pace = None;
    let mut count = 0;
    let instruments = recording.instruments()?;
    for frame in recording.frames()? {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                lost(error);
                continue;
            }
        };
        let received = frame.envelope.received;
        if count == 0 {
            for found in &instruments {
                let envelope = Envelope::own(FrameKind::Instrument, Some(found.instrument.symbol), received);
                each(&envelope, &Bytes::from(found.entry.clone()))?;
            }
        }
        if let Speed::Times(times) = speed {
            pace.get_or_insert_with(|| Pace { started: Instant::now(), first: received, times })
                .wait(received);
        }
        each(&frame.envelope, &frame.payload)?;
        count += 1;
    }
    Ok(count)
}

struct Pace {
    started: Instant,
    first: Timestamp,
    times: f64,
}

impl Pace {
    #[expect(clippy::cast_precision_loss, reason = "a pace need not be exact")]
    fn wait(&self, received: Timestamp) {
        let due = Duration::from_secs_f64(((received - self.first).max(0) as f64 / 1e9) / self.times);
        thread::sleep(due.saturating_sub(self.started.elapsed()));
    }
}

/// Pipelines without a log: offsets are counted as one would give them.
#[derive(Debug)]
pub struct OfflinePipelines {
    count: NonZeroU16,
    partitions: Vec<OfflinePartition>,
}

#[derive(Debug)]
struct OfflinePartition {
    pipeline: Pipeline,
    orderbook_end: u64,
    trade_end: u64,
    last_received: Timestamp,
}

impl OfflinePipelines {
    #[must_use]
    pub fn new(count: NonZeroU16) -> Self {
        let partition = |number| OfflinePartition {
            pipeline: Pipeline::new(number),
            orderbook_end: 0,
            trade_end: 0,
            last_received: Timestamp::default(),
        };
        Self { count, partitions: (0..count.get()).map(partition).collect() }
    }

    /// Handles one message.
    pub fn frame<O: Output>(&mut self, envelope: &Envelope, payload: &[u8], output: &mut O) {
        let number = partition_of(envelope.symbol, self.count);
        if let Some(partition) = self.partitions.get_mut(usize::from(number)) {
            partition.frame(envelope, payload, output);
        }
    }

    /// Closes all bars, for the recording has ended.
    pub fn finish<O: Output>(&mut self, output: &mut O) {
        for partition in &mut self.partitions {
            let end = Envelope::own(FrameKind::StreamEnd, None, partition.last_received);
            partition.frame(&end, &[], output);
        }
    }

    /// The pipelines, one a partition.
    pub fn pipelines(&self) -> impl Iterator<Item = &Pipeline> {
        self.partitions.iter().map(|partition| &partition.pipeline)
    }
}

impl OfflinePartition {
    fn frame<O: Output>(&mut self, envelope: &Envelope, payload: &[u8], output: &mut O) {
        for &stream in envelope.kind.streams() {
            let end = match stream {
                RawStream::Orderbook => &mut self.orderbook_end,
                RawStream::Trade => &mut self.trade_end,
            };
            let offset = *end;
            *end += 1;
            self.pipeline.frame(stream, offset, envelope, payload, output);
        }
        self.last_received = envelope.received;
    }
}
