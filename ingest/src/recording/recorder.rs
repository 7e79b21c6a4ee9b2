//! Records what a live feed brings, with a book of each symbol so that the recording can be replayed.

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use tokio::sync::mpsc;

use super::{RecordingError, RecordingWriter};
use crate::live::{FrameSink, Request, SinkError, SnapshotPriority};

/// Writes each message to a recording, and asks for a book once a symbol's changes flow, and again after its connection
/// was lost.
#[derive(Debug)]
pub struct Recorder {
    writer: RecordingWriter,
    requests: mpsc::Sender<Request>,
    asked: HashSet<Symbol>,
    written: u64,
}

impl Recorder {
    /// Records into `folder`; `requests` goes to the feed.
    ///
    /// # Errors
    /// [`RecordingError`] where the folder cannot be made.
    pub fn create(folder: &Path, requests: mpsc::Sender<Request>) -> Result<Self, RecordingError> {
        let writer = RecordingWriter::create(folder)?;
        Ok(Self { writer, requests, asked: HashSet::new(), written: 0 })
    }

    /// How many messages were written.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Ends all files.
    ///
    /// # Errors
    /// [`RecordingError`] where a file cannot be written to its end.
    pub fn finish(self) -> Result<(), RecordingError> {
        self.writer.finish()
    }
}

impl FrameSink for Recorder {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        self.written +=
            u64::from(self.writer.write(envelope, &payload).map_err(|error| SinkError(error.into()))?);
        let Some(symbol) = envelope.symbol else { return Ok(()) };
        match envelope.kind {
            FrameKind::DepthUpdate if !self.asked.contains(&symbol) => {
                let request = Request::Snapshot { symbol, priority: SnapshotPriority::StartUp };
                // Where the feed is busy with other requests, the next change asks again.
                if self.requests.try_send(request).is_ok() {
                    self.asked.insert(symbol);
                }
            }
            FrameKind::Disconnected => {
                self.asked.remove(&symbol);
            }
            _ => {}
        }
        Ok(())
    }
}
