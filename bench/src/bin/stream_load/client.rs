//! One client of the stream.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::time::nanoseconds;

/// The WebSocket writes zeros over so many bytes before each look for more.
const READ_AT_ONCE: usize = 16 << 10;

/// What a client got.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counted {
    pub messages: u64,
    pub bytes: u64,
    /// Messages whose number was passed over.
    pub missed: u64,
    pub ended_early: u64,
}

/// Times from board to client.
pub struct Latencies(Histogram<u64>);

impl Counted {
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.missed += other.missed;
        self.ended_early += other.ended_early;
    }
}

impl Latencies {
    pub fn new() -> Result<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub fn add(&mut self, other: &Self) -> Result<()> {
        Ok(self.0.add(&other.0)?)
    }
}

impl fmt::Display for Latencies {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e6;
        write!(
            f,
            "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms of {} changes",
            at(0.5),
            at(0.95),
            at(0.99),
            self.0.max() as f64 / 1e6,
            self.0.len()
        )
    }
}

/// Follows all tickers until told to stop.
pub async fn follow(
    address: String,
    is_sampled: bool,
    mut stop: watch::Receiver<bool>,
) -> Result<(Counted, Option<Latencies>)> {
    let config = WebSocketConfig::default().read_buffer_size(READ_AT_ONCE);
    let connecting = connect_async_with_config(format!("ws://{address}/api/v1/stream"), Some(config), true);
    let (mut socket, _) = connecting.await.context("cannot connect")?;
    socket.send(Message::text(r#"{"op":"subscribe","channel":"tickers","symbols":["*"]}"#)).await?;
    let mut counted = Counted::default();
    let mut latencies = is_sampled.then(Latencies::new).transpose()?;
    let mut before = 0;
    loop {
        let message = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            message = socket.next() => message,
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                counted.ended_early += 1;
                break;
            }
            Some(Ok(_)) => continue,
        };
        if !text.starts_with("{\"channel\":\"tickers\"") {
            continue;
        }
        counted.messages += 1;
        counted.bytes += text.len() as u64;
        let seq = number_after(&text, "\"seq\":").context("a message without a number")?;
        // The first message tells everything, however old.
        if before > 0 {
            counted.missed += seq.saturating_sub(before + 1);
            if let Some(latencies) = &mut latencies {
                record(&text, latencies)?;
            }
        }
        before = seq;
    }
    Ok((counted, latencies))
}

fn record(text: &str, latencies: &mut Latencies) -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    for part in text.split("\"publish_time\":\"").skip(1) {
        let time = part.split('"').next().and_then(nanoseconds).context("a time that cannot be read")?;
        latencies.0.record(u64::try_from(now - time).unwrap_or(0))?;
    }
    Ok(())
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(name)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}
