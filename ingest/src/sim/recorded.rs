//! The recorded source: plays a recording's frames as they came, with REST books that fit the stream.
//!
//! Invariants: a frame goes out byte for byte; a depth request is answered with the book as of the last frame played,
//! or, where no recorded book can be applied yet, with the next recorded one, as a client of that day got it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use depthlake_orderbook::event::{Level, Provenance, Snapshot};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::sync::{SyncState, SyncedBook};
use depthlake_orderbook::time::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::bars::{Bar, Trade};
use super::config::{Speed, VenueError};
use super::depth::Depth;
use super::exchange::Exchange;
use super::hub::Hub;
use super::listing::{Listing, Status};
use super::market::AggregateTrade;
use super::publisher::{Publication, PublicationKind, Publisher};
use super::stop::Stop;
use super::stream::{Channel, depth_intervals};
use crate::product::Product;
use crate::recording::{Frames, RecordedFrame, RecordedInstrument, Recording};
use crate::wire::{Decoder, decode_snapshot};

/// The recording begins when subscriptions have been quiet for so long.
const SETTLED: Duration = Duration::from_millis(300);

/// The markets of a recording.
pub(super) struct RecordedExchange {
    product: Product,
    publisher: Arc<Publisher>,
    markets: BTreeMap<String, RecordedMarket>,
    paused: watch::Sender<bool>,
    played_out: watch::Sender<bool>,
}

struct RecordedMarket {
    listing: Listing,
    instrument: RecordedInstrument,
    /// All recorded books, in the order of their receipt.
    snapshots: Vec<Snapshot>,
    position: Mutex<Position>,
}

/// Where the stream of one symbol stands.
#[derive(Default)]
struct Position {
    book: SyncedBook,
    decoder: Decoder,
    last_update_id: u64,
    time: Timestamp,
}

impl RecordedExchange {
    /// Reads the recording once for its symbols, scales and books, and once more, later, to play it.
    pub(super) fn open(
        recording: &Recording,
        product: Product,
        publisher: Arc<Publisher>,
    ) -> Result<(Arc<Self>, Frames), VenueError> {
        let mut markets = BTreeMap::new();
        for instrument in recording.instruments()? {
            let market = RecordedMarket::new(instrument);
            markets.insert(market.listing.symbol.clone(), market);
        }
        for frame in recording.frames()?.flatten() {
            let symbol = frame.envelope.symbol.map(|symbol| symbol.to_string()).unwrap_or_default();
            if let Some(market) = markets.get_mut(&symbol) {
                market.learn(&frame);
            }
        }
        let (paused, played_out) = (watch::Sender::new(false), watch::Sender::new(false));
        Ok((Arc::new(Self { product, publisher, markets, paused, played_out }), recording.frames()?))
    }

    /// Turns true when all frames are out.
    pub(super) fn played_out(&self) -> watch::Receiver<bool> {
        self.played_out.subscribe()
    }

    /// Waits for listeners, then plays the frames until they or the venue end.
    pub(super) async fn run(self: Arc<Self>, frames: Frames, speed: Speed, hub: Arc<Hub>, mut stop: Stop) {
        tokio::select! {
            () = async {
                settled(&hub).await;
                self.play(frames, speed).await;
            } => {
                self.publisher.release_held();
                self.played_out.send_replace(true);
            }
            () = stop.requested() => {}
        }
    }

    async fn play(&self, frames: Frames, speed: Speed) {
        let mut paused = self.paused.subscribe();
        let mut pace: Option<(Instant, Timestamp)> = None;
        for frame in frames {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::warn!(%error, "a part of the recording cannot be played");
                    continue;
                }
            };
            if *paused.borrow_and_update() {
                let since = Instant::now();
                if paused.wait_for(|paused| !*paused).await.is_err() {
                    return;
                }
                pace = pace.map(|(begin, first)| (begin + since.elapsed(), first));
            }
            if let Speed::Times(times) = speed {
                let (begin, first) = *pace.get_or_insert((Instant::now(), frame.envelope.received));
                sleep_until(begin + scaled(frame.envelope.received - first, times)).await;
            }
            self.play_frame(&frame).await;
        }
    }

    async fn play_frame(&self, frame: &RecordedFrame) {
        let symbol = frame.envelope.symbol.map(|symbol| symbol.to_string()).unwrap_or_default();
        if let Some(market) = self.markets.get(&symbol) {
            market.advance(frame);
        }
        if frame.envelope.kind == FrameKind::Snapshot {
            return;
        }
        let Some((recorded, data)) = parts(&frame.payload, &symbol) else { return };
        let kind = match frame.envelope.kind {
            FrameKind::DepthUpdate => PublicationKind::DepthDiff,
            FrameKind::BookTicker => PublicationKind::Ticker,
            _ => PublicationKind::Other,
        };
        let mut streams = vec![recorded];
        if kind == PublicationKind::DepthDiff {
            // Whatever interval a client asks for, what was recorded is all there is.
            let lower = symbol.to_ascii_lowercase();
            let intervals = depth_intervals(self.product).iter();
            let names = intervals
                .map(|interval| Channel::Depth { interval: *interval }.stream_of(&lower, self.product));
            streams.extend(names);
            streams.sort();
            streams.dedup();
        }
        for stream in streams {
            let publication = Publication { symbol: &symbol, stream, kind };
            self.publisher.publish_patiently(publication, |_| data.to_owned()).await;
        }
    }
}

/// Waits until someone listens and no more subscriptions come.
async fn settled(hub: &Hub) {
    let mut changes = hub.changes();
    loop {
        let quiet = timeout(SETTLED, changes.changed()).await.is_err();
        if quiet && hub.has_subscribers() {
            return;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pace needs no exact nanoseconds")]
fn scaled(nanoseconds: i64, times: f64) -> Duration {
    Duration::try_from_secs_f64(nanoseconds.max(0) as f64 / 1e9 / times).unwrap_or_default()
}

/// The stream and the data of a combined message. A bare message gets the name its kind has.
fn parts<'a>(payload: &'a [u8], symbol: &str) -> Option<(String, &'a str)> {
    let text = std::str::from_utf8(payload).ok()?;
    let combined = || {
        let (stream, rest) = text.strip_prefix(r#"{"stream":""#)?.split_once('"')?;
        let data = rest.strip_prefix(r#","data":"#)?.strip_suffix('}')?;
        Some((stream.to_owned(), data))
    };
    let bare = || {
        let channel = match crate::wire::peek(payload, Timestamp::default()).kind {
            FrameKind::DepthUpdate => "depth",
            FrameKind::BookTicker => "bookTicker",
            FrameKind::Trade => "trade",
            FrameKind::AggregateTrade => "aggTrade",
            FrameKind::Kline => "kline_1m",
            _ => return None,
        };
        Some((format!("{}@{channel}", symbol.to_ascii_lowercase()), text))
    };
    combined().or_else(bare)
}

impl RecordedMarket {
    fn new(recorded: RecordedInstrument) -> Self {
        let instrument = &recorded.instrument;
        let symbol = instrument.symbol.to_string();
        let (price_scale, quantity_scale) =
            (instrument.price_scale.decimals(), instrument.quantity_scale.decimals());
        let listing = Listing {
            stream_symbol: symbol.to_ascii_lowercase(),
            pair: symbol.split('_').next().unwrap_or_default().to_owned(),
            base: String::new(),
            quote: String::new(),
            tick_units: instrument.tick.0,
            lot_units: instrument.step.0,
            price_scale,
            quantity_scale,
            price_decimals: price_scale,
            quantity_decimals: quantity_scale,
            status: Status::Trading,
            symbol,
        };
        Self { listing, instrument: recorded, snapshots: Vec::new(), position: Mutex::default() }
    }

    /// Takes from a frame, before it is played, what later answers need.
    fn learn(&mut self, frame: &RecordedFrame) {
        if frame.envelope.kind == FrameKind::Snapshot {
            self.snapshots.extend(decode_snapshot(&frame.payload, &self.instrument.instrument));
        }
        if matches!(frame.envelope.kind, FrameKind::Snapshot | FrameKind::DepthUpdate)
            && let Some((price, quantity)) = printed_decimals(&frame.payload)
        {
            self.listing.price_decimals = self.listing.price_decimals.max(price);
            self.listing.quantity_decimals = self.listing.quantity_decimals.max(quantity);
        }
    }

    /// Moves the book on by a frame that is played.
    fn advance(&self, frame: &RecordedFrame) {
        let instrument = &self.instrument.instrument;
        let Position { book, decoder, last_update_id, time } = &mut *self.position();
        match frame.envelope.kind {
            FrameKind::DepthUpdate => {
                if let Ok(update) = decoder.depth(&frame.payload, instrument, Provenance::default()) {
                    *last_update_id = update.last.0;
                    *time = update.event_time;
                    book.depth(update, |_, _| {});
                }
            }
            FrameKind::Snapshot => {
                if let Ok(snapshot) = decode_snapshot(&frame.payload, instrument) {
                    book.snapshot(&snapshot, |_, _| {});
                }
            }
            _ => {}
        }
    }

    fn depth(&self, levels: usize) -> Option<Depth> {
        let position = self.position();
        let snapshot = match position.book.state() {
            SyncState::Live => position.book.book().to_snapshot(),
            SyncState::Buffering | SyncState::Resyncing => {
                let fits = |snapshot: &&Snapshot| snapshot.last_update_id.0 >= position.last_update_id;
                self.snapshots.iter().find(fits).or(self.snapshots.last())?.clone()
            }
        };
        let mut depth = in_units(&snapshot, position.time);
        depth.truncate(levels);
        Some(depth)
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_units(snapshot: &Snapshot, time: Timestamp) -> Depth {
    let units = |levels: &[Level]| levels.iter().map(|level| (level.price.0, level.quantity.0)).collect();
    Depth {
        last_update_id: snapshot.last_update_id.0,
        time,
        bids: units(&snapshot.bids),
        asks: units(&snapshot.asks),
    }
}

/// The decimal places of the first level of a depth message.
fn printed_decimals(payload: &[u8]) -> Option<(u8, u8)> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, level) = text.split_once(r#"[[""#)?;
    let mut numbers = level.split('"').step_by(2);
    let mut places = || {
        let number = numbers.next()?;
        u8::try_from(number.split_once('.').map_or(0, |(_, fraction)| fraction.len())).ok()
    };
    Some((places()?, places()?))
}

impl Exchange for RecordedExchange {
    fn symbols(&self) -> Vec<String> {
        self.markets.keys().cloned().collect()
    }

    fn listing(&self, symbol: &str) -> Option<Listing> {
        self.markets.get(symbol).map(|market| market.listing.clone())
    }

    fn exchange_info_entry(&self, symbol: &str) -> Option<Value> {
        let market = self.markets.get(symbol)?;
        serde_json::from_str(&market.instrument.entry).ok()
    }

    fn depth(&self, symbol: &str, levels: usize) -> Option<Depth> {
        self.markets.get(symbol)?.depth(levels)
    }

    fn stale_depth(&self, symbol: &str) -> Option<Depth> {
        let first = self.markets.get(symbol)?.snapshots.first()?;
        Some(in_units(first, Timestamp::default()))
    }

    /// Recordings answer for books only; their klines and trades come over the streams.
    fn bars(&self, symbol: &str, _limit: usize) -> Option<Vec<Bar>> {
        self.markets.contains_key(symbol).then(Vec::new)
    }

    fn trades(&self, symbol: &str, _limit: usize) -> Option<Vec<Trade>> {
        self.markets.contains_key(symbol).then(Vec::new)
    }

    fn aggregates(&self, symbol: &str, _limit: usize) -> Option<Vec<AggregateTrade>> {
        self.markets.contains_key(symbol).then(Vec::new)
    }

    fn pause(&self) {
        self.paused.send_replace(true);
    }

    fn resume(&self) {
        self.paused.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_bytes() {
        let message = br#"{"stream":"x@trade","data":{"e":"trade", "t":1}}"#;
        assert_eq!(parts(message, "X"), Some(("x@trade".to_owned(), r#"{"e":"trade", "t":1}"#)));
        let bare = br#"{"e":"trade","s":"X","t":1}"#;
        assert_eq!(parts(bare, "X").map(|(stream, _)| stream).as_deref(), Some("x@trade"));
    }

    #[test]
    fn decimals_are_those_printed() {
        let places = |text: &str| printed_decimals(text.as_bytes());
        assert_eq!(places(r#"{"b":[],"a":[["61773.60","0.014"]]}"#), Some((2, 3)));
        assert_eq!(places(r#"{"b":[["61773.6","1001"]]}"#), Some((1, 0)));
        assert_eq!(places(r#"{"b":[],"a":[]}"#), None);
    }
}
