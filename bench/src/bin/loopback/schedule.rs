//! What the venue sends: recorded depth frames under the names of many symbols, and when.

use std::error::Error;

use depthlake_bench::{load, recordings};
use depthlake_ingest::recording::Recording;
use depthlake_orderbook::frame::FrameKind;

/// How long the client has to fetch its snapshots before anything counts.
pub const WARM_UP_SECONDS: u32 = 3;
/// Digits of a time in microseconds.
const TIME_DIGITS: usize = 16;

/// A recorded market: its snapshot, and its events from there on.
pub struct Market {
    symbol: String,
    pub entry: String,
    pub snapshot: String,
    /// What follows the symbol in each event's text.
    tails: Vec<String>,
}

/// A symbol of the venue, which lives through a recorded market's events.
pub struct Listed {
    pub name: String,
    pub market: usize,
}

/// All that is sent in a run.
pub struct Schedule {
    pub markets: Vec<Market>,
    pub listed: Vec<Listed>,
}

/// A frame with room for its event time.
pub struct Frame {
    text: String,
    time_at: usize,
}

impl Schedule {
    /// Reads a recording and lists `symbols` pairs that play it.
    pub fn new(recording: &str, symbols: usize) -> Result<Self, Box<dyn Error>> {
        let folders =
            recordings().ok_or("no recordings: DEPTHLAKE_SHARED names the folder that holds data/")?;
        let folder = folders.iter().find(|folder| folder.ends_with(recording));
        let folder = folder.ok_or_else(|| format!("no recording {recording}"))?;
        let entries = Recording::open(folder)?.instruments()?;
        let markets: Vec<_> = load(folder)
            .into_iter()
            .filter_map(|recorded| {
                let same = |symbol| symbol == recorded.instrument.symbol;
                let entry = entries.iter().find(|found| same(found.instrument.symbol))?.entry.clone();
                Market::new(&recorded, entry)
            })
            .collect();
        if markets.is_empty() {
            return Err(format!("{recording} has no symbol with a snapshot").into());
        }
        let listed = |number: usize| Listed {
            name: format!("S{number:03}{}", markets[number % markets.len()].symbol),
            market: number % markets.len(),
        };
        let listed = (0..symbols).map(listed).collect();
        Ok(Self { markets, listed })
    }

    /// How many messages there are before the first symbol has played its market to the end.
    pub fn length(&self) -> usize {
        let shortest = self.markets.iter().map(|market| market.tails.len()).min();
        shortest.unwrap_or(0) * self.listed.len()
    }

    /// Message `number`: the symbols take turns.
    pub fn frame(&self, number: usize) -> Frame {
        let listed = &self.listed[number % self.listed.len()];
        let tail = &self.markets[listed.market].tails[number / self.listed.len()];
        let stream = listed.name.to_ascii_lowercase();
        let mut text = format!(r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":"#);
        let time_at = text.len();
        text.push_str(&"0".repeat(TIME_DIGITS));
        text.push_str(r#","s":""#);
        text.push_str(&listed.name);
        text.push_str(tail);
        Frame { text, time_at }
    }
}

impl Frame {
    /// The text with `nanoseconds` as its event time, in microseconds.
    pub fn at(mut self, nanoseconds: i64) -> String {
        let time = format!("{:0TIME_DIGITS$}", nanoseconds / 1_000);
        self.text.replace_range(self.time_at..self.time_at + TIME_DIGITS, &time);
        self.text
    }
}

impl Market {
    fn new(recorded: &depthlake_bench::Recorded, entry: String) -> Option<Self> {
        let of_kind = |kind| recorded.frames.iter().filter(move |frame| frame.envelope.kind == kind);
        let snapshot = of_kind(FrameKind::Snapshot).next()?;
        let symbol = recorded.instrument.symbol.to_string();
        let marker = format!(r#""s":"{symbol}"#);
        let last_id = recorded.snapshot.last_update_id.0;
        let tail = |payload: &[u8]| {
            let text = std::str::from_utf8(payload).ok()?;
            Some(text.split_once(&marker)?.1.to_owned())
        };
        let tails = of_kind(FrameKind::DepthUpdate)
            .filter(|frame| frame.envelope.last_id.is_some_and(|last| last > last_id))
            .filter_map(|frame| tail(&frame.payload))
            .collect();
        let snapshot = String::from_utf8(snapshot.payload.to_vec()).ok()?;
        Some(Self { symbol, entry, snapshot, tails })
    }

    /// The market's entry of `exchangeInfo` under another name.
    pub fn entry_of(&self, name: &str) -> String {
        self.entry.replace(&format!(r#""{}""#, self.symbol), &format!(r#""{name}""#))
    }
}
