//! What the tests of the simulated venue share: a plain client, and a follower that keeps a book the slow way.
#![allow(dead_code, reason = "each test program uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use depthlake_ingest::sim::{Venue, VenueBook, VenueConfig, start};
use depthlake_orderbook::decimal::Scale;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const PATIENCE: Duration = Duration::from_secs(10);

pub async fn open(config: VenueConfig) -> Venue {
    start(config).await.expect("the venue starts")
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Closed(Option<CloseFrame>),
    /// Without a close frame.
    Cut,
}

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub async fn open(venue: &Venue, path: &str) -> Self {
        Self::try_open(venue, path).await.expect("the venue lets us in")
    }

    pub async fn try_open(venue: &Venue, path: &str) -> Result<Self, Error> {
        let (socket, _) = connect_async(format!("{}{path}", venue.websocket_url())).await?;
        Ok(Self { socket })
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the connection takes a message");
    }

    /// The next text, whatever it is; an error where the connection ends before.
    pub async fn text(&mut self) -> Result<String, Ended> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a message comes in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(Ended::Closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Ended::Cut),
            }
        }
    }

    /// The next text as JSON.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await.expect("the connection is open");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The answer to a control message, past any frames before it.
    pub async fn ask(&mut self, request: &str) -> Value {
        self.send(request).await;
        loop {
            let message = self.json().await;
            if message.get("id").is_some() {
                return message;
            }
        }
    }

    /// Whether nothing comes for so long, not even an end.
    pub async fn is_silent_for(&mut self, time: Duration) -> bool {
        timeout(time, self.socket.next()).await.is_err()
    }

    /// Reads to the end of the connection.
    pub async fn end(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.text().await {
                return ended;
            }
        }
    }
}

pub struct Answer {
    pub status: u16,
    pub used_weight: u32,
    pub retry_after: Option<u64>,
    pub body: Value,
}

/// The body of an answer as it came.
pub async fn get_text(venue: &Venue, path: &str) -> String {
    let response = reqwest::get(format!("{}{path}", venue.rest_url())).await.expect("the venue answers");
    response.text().await.expect("the answer has a body")
}

pub async fn get(venue: &Venue, path: &str) -> Answer {
    let response = reqwest::get(format!("{}{path}", venue.rest_url())).await.expect("the venue answers");
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    let (used_weight, retry_after) = (header("X-MBX-USED-WEIGHT-1M").unwrap_or(0), header("Retry-After"));
    let status = response.status().as_u16();
    let text = response.text().await.expect("the answer has a body");
    let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Answer { status, used_weight: u32::try_from(used_weight).unwrap(), retry_after, body }
}

pub fn units(text: &Value) -> i64 {
    let text = text.as_str().expect("numbers are texts");
    Scale::MAX.parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn id(message: &Value, name: &str) -> u64 {
    message[name].as_u64().unwrap_or_else(|| panic!("no {name} in {message}"))
}

type Levels = BTreeMap<i64, i64>;

fn levels(side: &Value) -> impl Iterator<Item = (i64, i64)> + '_ {
    side.as_array().expect("levels are an array").iter().map(|level| (units(&level[0]), units(&level[1])))
}

/// A book kept by the venue's documented procedure, with two maps.
#[derive(Default)]
pub struct Follower {
    pub symbol: String,
    buffered: VecDeque<Value>,
    pub last_update_id: Option<u64>,
    fresh: bool,
    pub bids: Levels,
    pub asks: Levels,
    /// Best bid and ask after each event, by its last update id.
    touches: BTreeMap<u64, [(i64, i64); 2]>,
    tickers: Vec<(u64, [(i64, i64); 2])>,
    /// Events that did not follow the one before.
    pub gaps: usize,
    pub stale: usize,
    seen: BTreeSet<u64>,
}

impl Follower {
    pub fn new(symbol: &str) -> Self {
        Self { symbol: symbol.to_owned(), ..Self::default() }
    }

    pub fn is_live(&self) -> bool {
        self.last_update_id.is_some()
    }

    /// Whether an event is buffered, so that a snapshot may be asked for.
    pub fn has_buffered(&self) -> bool {
        !self.buffered.is_empty()
    }

    /// Takes the data of a depth or ticker message of this symbol.
    pub fn take(&mut self, data: &Value) {
        if data["e"] == "depthUpdate" {
            self.seen.insert(id(data, "u"));
            if self.is_live() {
                self.apply(data);
            } else {
                self.buffered.push_back(data.clone());
            }
        } else if data.get("B").is_some() {
            let bid = (units(&data["b"]), units(&data["B"]));
            self.tickers.push((id(data, "u"), [bid, (units(&data["a"]), units(&data["A"]))]));
        }
    }

    /// Takes a snapshot; false where it is too old.
    pub fn load(&mut self, snapshot: &Value) -> bool {
        let last = id(snapshot, "lastUpdateId");
        if self.buffered.front().is_some_and(|first| last + 1 < id(first, "U")) {
            return false;
        }
        self.bids = levels(&snapshot["bids"]).collect();
        self.asks = levels(&snapshot["asks"]).collect();
        (self.last_update_id, self.fresh) = (Some(last), true);
        while let Some(event) = self.buffered.pop_front() {
            self.apply(&event);
        }
        true
    }

    /// Gives the book up and starts again from a new snapshot.
    pub fn restart(&mut self) {
        *self = Self { gaps: self.gaps, stale: self.stale, ..Self::new(&self.symbol) };
    }

    fn apply(&mut self, event: &Value) {
        let held = self.last_update_id.expect("the book is live");
        let (first, last) = (id(event, "U"), id(event, "u"));
        let previous = event.get("pu").and_then(Value::as_u64);
        let stale = if previous.is_some() && self.fresh { last < held } else { last <= held };
        if stale {
            // At or below the snapshot, an event is stale by the procedure, not by a fault.
            self.stale += usize::from(!self.fresh);
            return;
        }
        let follows = match previous {
            Some(previous) => previous == held || (self.fresh && first <= held),
            None => first == held + 1 || (self.fresh && first <= held + 1),
        };
        if !follows {
            self.gaps += 1;
        }
        for (side, changes) in [(&mut self.bids, &event["b"]), (&mut self.asks, &event["a"])] {
            for (price, quantity) in levels(changes) {
                if quantity == 0 {
                    side.remove(&price);
                } else {
                    side.insert(price, quantity);
                }
            }
        }
        (self.last_update_id, self.fresh) = (Some(last), false);
        let best =
            |level: Option<(&i64, &i64)>| level.map_or((0, 0), |(price, quantity)| (*price, *quantity));
        self.touches.insert(last, [best(self.bids.last_key_value()), best(self.asks.first_key_value())]);
    }

    /// How many book tickers have the id of an event, after asserting that they equal the book there.
    pub fn agreeing_tickers(&self) -> usize {
        let shared = self.tickers.iter().filter_map(|(id, shown)| Some((id, shown, self.touches.get(id)?)));
        shared.inspect(|(id, shown, kept)| assert_eq!(shown, kept, "{} at {id}", self.symbol)).count()
    }

    /// Asserts that this is the venue's book, as deep as the snapshot of 5,000 levels (or 1,000 on futures) went.
    pub fn assert_equals(&self, venue: &VenueBook, levels: usize) {
        assert_eq!(self.last_update_id, Some(venue.last_update_id), "{}", self.symbol);
        let text = |(price, quantity): &(String, String)| {
            let units = |text: &String| Scale::MAX.parse(text.as_bytes()).unwrap();
            (units(price), units(quantity))
        };
        let theirs: [Vec<_>; 2] =
            [&venue.bids, &venue.asks].map(|side| side.iter().take(levels).map(text).collect());
        let ours = [
            self.bids.iter().rev().take(levels).map(|(p, q)| (*p, *q)).collect::<Vec<_>>(),
            self.asks.iter().take(levels).map(|(p, q)| (*p, *q)).collect(),
        ];
        assert!(!ours[0].is_empty() && !ours[1].is_empty());
        assert_eq!(ours, theirs, "{}", self.symbol);
    }
}

/// A client that follows the books of some symbols on one combined connection.
pub struct Following {
    pub client: Client,
    pub books: Vec<Follower>,
    prefix: &'static str,
    limit: usize,
    /// Frames by stream.
    pub frames: BTreeMap<String, u64>,
    /// Texts that were no JSON.
    pub broken: Vec<String>,
}

impl Following {
    pub async fn open(venue: &Venue, prefix: &'static str, symbols: &[&str]) -> Self {
        let streams: Vec<_> = symbols
            .iter()
            .map(|symbol| symbol.to_ascii_lowercase())
            .flat_map(|symbol| [format!("{symbol}@depth@100ms"), format!("{symbol}@bookTicker")])
            .collect();
        let client = Client::open(venue, &format!("/stream?streams={}", streams.join("/"))).await;
        let books = symbols.iter().map(|symbol| Follower::new(symbol)).collect();
        let limit = if prefix == "/api/v3" { 5_000 } else { 1_000 };
        Self { client, books, prefix, limit, frames: BTreeMap::new(), broken: Vec::new() }
    }

    /// Takes one frame, and a snapshot for each book that has none.
    pub async fn step(&mut self, venue: &Venue) -> Result<(), Ended> {
        let text = self.client.text().await?;
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            self.broken.push(text);
            return Ok(());
        };
        let Some(stream) = message["stream"].as_str() else { return Ok(()) };
        *self.frames.entry(stream.to_owned()).or_default() += 1;
        let symbol = stream.split('@').next().unwrap_or_default().to_ascii_uppercase();
        let Some(book) = self.books.iter_mut().find(|book| book.symbol == symbol) else { return Ok(()) };
        book.take(&message["data"]);
        if !book.is_live() && book.has_buffered() {
            let path = format!("{}/depth?symbol={symbol}&limit={}", self.prefix, self.limit);
            let answer = get(venue, &path).await;
            if answer.status == 200 {
                book.load(&answer.body);
            }
        }
        Ok(())
    }

    pub async fn follow_for(&mut self, venue: &Venue, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            self.step(venue).await.expect("the connection is open");
        }
    }

    pub fn received(&self) -> u64 {
        self.frames.values().sum::<u64>() + self.broken.len() as u64
    }

    /// Pauses the venue and reads all it sent; then the books have to be equal.
    pub async fn settle(&mut self, venue: &Venue) {
        assert!(venue.pause().await);
        while self.received() < venue.counters().iter().map(|count| count.sent).sum() {
            self.step(venue).await.expect("the connection is open");
        }
    }

    pub fn assert_equal_books(&self, venue: &Venue) {
        for book in &self.books {
            let levels = if self.limit == 5_000 { 4_000 } else { 700 };
            book.assert_equals(&venue.book(&book.symbol).expect("the symbol is listed"), levels);
        }
    }
}
