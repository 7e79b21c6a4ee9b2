//! Streams as clients see them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use depthlake_engine::board::{BoardRow, BoardState};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, UpdateId};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Served;
use crate::live::samples::row;

/// How long a message is waited for on the busiest of machines.
const PATIENCE: Duration = Duration::from_secs(60);

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(served: &Served) -> Self {
        let (socket, _) = connect_async(format!("ws://{}/api/v1/stream", served.address)).await.unwrap();
        Self(socket)
    }

    async fn say(&mut self, message: &str) {
        self.0.send(Message::text(message)).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Text(text) = message {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["channel"] != "heartbeat" {
                    return message;
                }
            }
        }
    }

    async fn hear_of(&mut self, channel: &str) -> Value {
        loop {
            let message = self.hear().await;
            if message["channel"] == channel {
                return message;
            }
        }
    }
}

/// A book put together from messages, as a client does.
#[derive(Default)]
struct Followed {
    seq: u64,
    sides: [BTreeMap<String, String>; 2],
}

impl Followed {
    fn take(&mut self, message: &Value) {
        let seq = message["seq"].as_u64().unwrap();
        if message["type"] == "snapshot" {
            self.sides = Default::default();
        } else {
            assert_eq!(seq, self.seq + 1, "no message is missing");
        }
        self.seq = seq;
        for (side, name) in self.sides.iter_mut().zip(["bids", "asks"]) {
            for level in message[name].as_array().unwrap() {
                let (price, quantity) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                match quantity {
                    "0" => assert!(side.remove(price).is_some(), "only what was there can go: {message}"),
                    _ => drop(side.insert(price.to_owned(), quantity.to_owned())),
                }
            }
        }
    }
}

fn shown(row: &BoardRow, depth: usize) -> [BTreeMap<String, String>; 2] {
    let text = |scale: Scale, units| scale.text(units).to_string();
    [&row.bids, &row.asks].map(|side| {
        let levels = side.iter().take(depth);
        levels
            .map(|level| (text(row.price_scale, level.price.0), text(row.quantity_scale, level.quantity.0)))
            .collect()
    })
}

/// A book that looks random and repeats itself exactly.
fn invented(step: u64) -> BoardRow {
    let noise = |salt: u64| {
        (step + 1).wrapping_mul(6_364_136_223_846_793_005).rotate_left(17).wrapping_mul(salt | 1) >> 33
    };
    let part = |salt: u64, range: u64| i64::try_from(noise(salt) % range).unwrap();
    let bid = 6_183_000 + part(3, 40);
    let level = |price, salt| Level { price: Price(price), quantity: Quantity(part(salt, 3) + 1) };
    let levels = 12 + noise(5) % 9;
    let mut row = row(bid, 0.0, BoardState::Live);
    row.update_id = UpdateId(1_000 + step);
    row.bids = (0..levels).map(|rank| level(bid - i64::try_from(rank).unwrap(), rank + 11)).collect();
    row.asks = (0..levels).map(|rank| level(bid + 1 + i64::try_from(rank).unwrap(), rank + 37)).collect();
    if step == 120 {
        row.epoch = 2;
    }
    row
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_book_is_that_of_the_board() {
    let mut served = Served::start().await;
    let mut client = Client::connect(&served).await;
    client.say(r#"{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":10}"#).await;
    assert_eq!(client.hear_of("control").await["type"], "subscribed");
    let mut book = Followed::default();
    let first = client.hear_of("book").await;
    assert_eq!((first["type"].as_str(), first["state"].as_str()), (Some("snapshot"), Some("live")));
    book.take(&first);
    let mut slot = served.board.slots.remove(0);
    let writing = tokio::task::spawn_blocking(move || {
        for step in 0..240 {
            slot.write(&invented(step));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let last = invented(239);
    loop {
        let message = client.hear_of("book").await;
        book.take(&message);
        let update_id = message["update_id"].as_u64().unwrap();
        if update_id >= 1_000 {
            assert_eq!(book.sides, shown(&invented(update_id - 1_000), 10), "at {update_id}");
        }
        if update_id == last.update_id.0 {
            break;
        }
    }
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tickers_begin_whole_and_go_on_with_changes() {
    let mut served = Served::start().await;
    let mut client = Client::connect(&served).await;
    client.say(r#"{"op":"subscribe","channel":"tickers","symbols":["*"]}"#).await;
    let whole = client.hear_of("tickers").await;
    assert_eq!(whole["tickers"].as_array().unwrap().len(), 3);
    let mut changed = row(6_183_763, 0.42, BoardState::Live);
    changed.update_id = UpdateId(78);
    served.board.slots[0].write(&changed);
    let update = client.hear_of("tickers").await;
    assert_eq!(update["seq"].as_u64(), whole["seq"].as_u64().map(|seq| seq + 1));
    assert_eq!(update["tickers"], json!([{"symbol": "BTCUSDT", "update_id": 78}]));
    let mut late = Client::connect(&served).await;
    late.say(r#"{"op":"subscribe","channel":"tickers"}"#).await;
    let whole = late.hear_of("tickers").await;
    assert_eq!((whole["tickers"].as_array().unwrap().len(), &whole["seq"]), (3, &update["seq"]));
    assert_eq!(whole["tickers"][0]["update_id"], 78);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_answered_and_harms_nobody() {
    let served = Served::start().await;
    let mut client = Client::connect(&served).await;
    for (text, part) in [
        ("nonsense", "not understood"),
        (r#"{"op":"buy","symbol":"BTCUSDT"}"#, "unknown variant"),
        (r#"{"op":"subscribe","channel":"book","symbols":["BTCUSD"]}"#, "BTCUSDT"),
        (r#"{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":6000}"#, "1 to 5000"),
        (r#"{"op":"subscribe","channel":"tickers","conflate_ms":99999}"#, "conflate_ms"),
        (r#"{"op":"subscribe","channel":"trades"}"#, "the process that keeps the books"),
    ] {
        client.say(text).await;
        let answer = client.hear().await;
        assert_eq!(answer["channel"], "error", "{text}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(part), "{text}: {answer}");
    }
    client.say(r#"{"op":"ping"}"#).await;
    assert_eq!(client.hear().await["op"], "pong");
    client.say(r#"{"op":"subscribe","channel":"health"}"#).await;
    assert!(client.hear_of("health").await["health"]["status"].is_string());
    client.say(r#"{"op":"unsubscribe","channel":"health"}"#).await;
    assert_eq!(client.hear_of("control").await["subscriptions"], 0);
    client.0.send(Message::text("x".repeat(100 << 10))).await.unwrap();
    let ends = async {
        while let Some(Ok(message)) = client.0.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ends).await.unwrap();
    let mut other = Client::connect(&served).await;
    other.say(r#"{"op":"ping"}"#).await;
    assert_eq!(other.hear().await["op"], "pong", "others go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_let_go_and_others_are_not() {
    let mut served = Served::start().await;
    let mut slow = Client::connect(&served).await;
    // Many topics, so that what the system buffers for a connection is full soon.
    for depth in 1..=20 {
        slow.say(&format!(r#"{{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":{depth}}}"#))
            .await;
    }
    slow.hear_of("book").await;
    let mut quick = Client::connect(&served).await;
    quick.say(r#"{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":20}"#).await;
    let counts = served.state.stream_counts();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let mut slot = served.board.slots.remove(0);
    let writing = std::thread::spawn(move || {
        let mut step = 0;
        while stopped.try_recv().is_err() {
            slot.write(&invented(step));
            step += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let dropped = async {
        while counts.dropped.load(Ordering::Relaxed) == 0 {
            tokio::select! {
                message = quick.hear() => drop(message),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE * 3, dropped).await.unwrap();
    quick.hear_of("book").await;
    stop.send(()).unwrap();
    writing.join().unwrap();
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 1);
    let farewell = async {
        while let Some(Ok(message)) = slow.0.next().await {
            if let Message::Close(Some(frame)) = message {
                return Some((u16::from(frame.code), frame.reason.to_string()));
            }
        }
        None
    };
    // A client that reads on in time is told why; one that does not is cut off.
    if let Some((code, reason)) = tokio::time::timeout(PATIENCE, farewell).await.unwrap() {
        assert_eq!(code, 4008);
        assert!(reason.contains("too slow"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_carry_the_same_messages() {
    let served = Served::start().await;
    let mut response = served.get("/api/v1/events?channel=tickers&symbols=BTCUSDT,ETHUSDT").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("data: ").count() < 2 {
        let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let symbols: Vec<_> = lines
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["tickers"][0]["symbol"].clone())
        .collect();
    assert!(symbols.contains(&json!("BTCUSDT")) && symbols.contains(&json!("ETHUSDT")), "{symbols:?}");
}
