//! Runs a feed beside a test that looks at what it brings.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use depthlake_ingest::live::{
    Endpoints, FeedConfig, FeedError, FeedReport, FrameSink, Request, SinkError, run,
};
use depthlake_ingest::product::Product;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub type Frame = (Envelope, Bytes);

/// A test's view of a running feed.
pub struct Feed {
    frames: mpsc::UnboundedReceiver<Frame>,
    pub requests: mpsc::Sender<Request>,
    /// Everything the sink was handed so far.
    pub seen: Vec<Frame>,
}

struct Recorder(mpsc::UnboundedSender<Frame>);

impl FrameSink for Recorder {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        self.0.send((*envelope, payload)).map_err(|error| SinkError(error.into()))
    }
}

/// Feeds `test` until it is done, and gives what the feed reports then.
pub async fn fed(config: FeedConfig, test: impl AsyncFnOnce(&mut Feed)) -> Result<FeedReport, FeedError> {
    let (sink, frames) = mpsc::unbounded_channel();
    let (requests, asked) = mpsc::channel(100);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut feed = Feed { frames, requests, seen: Vec::new() };
    let running = run(config, Recorder(sink), asked, async { stopped.await.unwrap_or_default() });
    let tested = async {
        test(&mut feed).await;
        drop(stop);
    };
    tokio::join!(running, tested).0
}

/// Why a feed does not start.
pub async fn refused(config: FeedConfig) -> FeedError {
    let (sink, _frames) = mpsc::unbounded_channel();
    let (_requests, asked) = mpsc::channel(1);
    let running = run(config, Recorder(sink), asked, std::future::pending());
    timeout(PATIENCE, running).await.expect("the feed runs").unwrap_err()
}

impl Feed {
    /// The next frame of one kind.
    pub async fn next(&mut self, kind: FrameKind) -> Frame {
        self.until(|envelope| envelope.kind == kind).await
    }

    /// The next frame that is as wanted.
    pub async fn until(&mut self, mut is_wanted: impl FnMut(&Envelope) -> bool) -> Frame {
        let found = timeout(PATIENCE, async {
            loop {
                let frame = self.frames.recv().await.expect("the feed ended");
                self.seen.push(frame.clone());
                if is_wanted(&frame.0) {
                    return frame;
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("it did not come; came: {:?}", self.counts()))
    }

    /// Takes what has come meanwhile, and what comes within `wait`.
    pub async fn linger(&mut self, wait: Duration) {
        let lingering = timeout(wait, async {
            while let Some(frame) = self.frames.recv().await {
                self.seen.push(frame);
            }
        });
        assert!(lingering.await.is_err(), "the feed ended");
    }

    pub fn kinds(&self) -> Vec<FrameKind> {
        self.seen.iter().map(|(envelope, _)| envelope.kind).collect()
    }

    fn counts(&self) -> HashMap<FrameKind, usize> {
        let mut counts = HashMap::new();
        for kind in self.kinds() {
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }

    /// The frames of one kind and symbol.
    pub fn of(&self, kind: FrameKind, name: &str) -> Vec<&Frame> {
        let symbol = Some(symbol(name));
        self.seen.iter().filter(|(envelope, _)| (envelope.kind, envelope.symbol) == (kind, symbol)).collect()
    }
}

pub fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A feed of spot symbols from a venue at these addresses.
pub fn config(websocket: String, rest: String, symbols: &[&str]) -> FeedConfig {
    let symbols = symbols.iter().map(|name| symbol(name)).collect();
    FeedConfig::new(Endpoints { websocket, trades_websocket: None, rest }, Product::Spot, symbols)
}
