//! The API of the running program: what clients follow and what is rebuilt from the lake is the book on the board.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use depthlake_engine::depth::DepthReader;
use depthlake_engine::live_books::depth_path;
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, VenueConfig};
use depthlake_orderbook::book::Side;
use depthlake_orderbook::symbol::Symbol;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use support::server::listening;
use support::stop;
use tokio::runtime::Runtime;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const PATIENCE: Duration = Duration::from_mins(2);

/// A book put together from the messages of a stream.
#[derive(Default)]
struct Followed {
    update_id: u64,
    sides: [BTreeMap<String, String>; 2],
}

impl Followed {
    fn take(&mut self, message: &Value) {
        if message["type"] == "snapshot" {
            self.sides = Default::default();
        }
        self.update_id = message["update_id"].as_u64().unwrap();
        for (side, name) in self.sides.iter_mut().zip(["bids", "asks"]) {
            for level in message[name].as_array().unwrap() {
                let [price, quantity] = [0, 1].map(|part| level[part].as_str().unwrap().to_owned());
                if quantity == "0" {
                    side.remove(&price)
                } else {
                    side.insert(price, quantity)
                };
            }
        }
    }
}

fn levels(book: &Value) -> [BTreeMap<String, String>; 2] {
    let mut followed = Followed::default();
    followed.take(book);
    followed.sides
}

async fn json(url: &str, path: &str) -> Result<Value, String> {
    let answer = reqwest::get(format!("{url}{path}")).await.map_err(|e| e.to_string())?;
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    if status.is_success() {
        Ok(serde_json::from_str(&body).unwrap())
    } else {
        Err(format!("{status}: {body}"))
    }
}

/// Asks until the answer is as wanted.
async fn until(url: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let asked = async {
        loop {
            match json(url, path).await {
                Ok(answer) if wanted(&answer) => return answer,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    if let Ok(answer) = tokio::time::timeout(PATIENCE, asked).await {
        return answer;
    }
    panic!("{path} is not as wanted: {:?}", json(url, path).await)
}

#[test]
fn the_running_program_serves_its_books() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let markets = SYMBOLS.map(|symbol| sim::market_for(symbol).unwrap()).to_vec();
    let config = VenueConfig::generated(Product::Spot, markets, 5);
    let venue = runtime.block_on(sim::start(config)).unwrap();
    let (address, symbols) = (format!("{},{}", venue.websocket_url(), venue.rest_url()), SYMBOLS.join(","));
    let arguments =
        ["run", "--venue", &address, "--symbols", &symbols, "--data", "data", "--listen", "127.0.0.1:0"];
    let (program, url) = listening(folder.path(), &arguments);
    runtime.block_on(async {
        until(&url, "/api/v1/tickers", |answer| {
            answer["tickers"].as_array().unwrap().iter().filter(|ticker| ticker["state"] == "live").count()
                == 3
        })
        .await;
        until(&url, "/readyz", |answer| answer["ready"] == true).await;
        let stream = format!("{}/api/v1/stream", url.replace("http", "ws"));
        let (mut socket, _) = connect_async(stream).await.unwrap();
        for wish in [
            r#"{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":5000}"#,
            r#"{"op":"subscribe","channel":"trades","symbols":["BTCUSDT"]}"#,
        ] {
            socket.send(Message::text(wish)).await.unwrap();
        }
        let (mut book, mut trades, mut updates) = (Followed::default(), Vec::new(), 0);
        while updates < 20 || trades.len() < 5 {
            let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["channel"].as_str().unwrap() {
                "book" => {
                    book.take(&message);
                    updates += 1;
                }
                "trades" => trades.extend(message["trades"].as_array().unwrap().clone()),
                _ => {}
            }
        }
        assert!(venue.pause().await);

        // The last change of a venue that stands still, wherever it is asked for.
        let depth = DepthReader::open(&depth_path(&folder.path().join("data/board"))).unwrap();
        let mut whole = depth.copy(Symbol::new("BTCUSDT").unwrap()).unwrap();
        loop {
            whole.refresh().unwrap();
            if book.update_id == whole.book().update_id().0 && is_quiet(&mut socket, &mut book).await {
                break;
            }
            if book.update_id != whole.book().update_id().0 {
                is_quiet(&mut socket, &mut book).await;
            }
        }
        let text = |side| {
            let levels = whole.book().levels(side).take(5_000);
            let text = |scale: depthlake_orderbook::decimal::Scale, units| scale.text(units).to_string();
            let (price, quantity) = (whole.price_scale(), whole.quantity_scale());
            let pair = |level: depthlake_orderbook::event::Level| {
                (text(price, level.price.0), text(quantity, level.quantity.0))
            };
            levels.map(pair).collect::<BTreeMap<_, _>>()
        };
        let expected = [text(Side::Bid), text(Side::Ask)];
        assert_eq!(book.sides, expected, "what a client followed");
        let asked = json(&url, "/api/v1/book/BTCUSDT?depth=5000").await.unwrap();
        assert_eq!(levels(&asked), expected, "what is asked for");

        // The lake has the last message once it has come that far; a time after it is refused until then, and ever after.
        let last = depthlake_query::output::utc(whole.receive_time());
        let past =
            format!("/api/v1/replay/BTCUSDT?at={}&depth=5000", nanoseconds(&last, whole.receive_time().0));
        let past = until(&url, &past, |answer| answer["update_id"].as_u64() == Some(book.update_id)).await;
        assert_eq!(levels(&past), expected, "what is rebuilt from raw messages");

        // Trades that were heard of are in the tables, once.
        let heard: Vec<i64> = trades.iter().map(|trade| trade["trade_id"].as_i64().unwrap()).collect();
        let stored = until(&url, "/api/v1/trades/BTCUSDT?limit=1000", |answer| {
            let stored = ids(answer);
            heard.iter().all(|id| stored.contains(id))
        })
        .await;
        let mut ids = ids(&stored);
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        let symbols =
            until(&url, "/api/v1/symbols", |answer| answer["symbols"].as_array().unwrap().len() == 3);
        assert_eq!(symbols.await["symbols"][0]["symbol"], "BTCUSDT");
    });
    stop(program);
}

/// A time to the nanosecond, of its text to the millisecond.
fn nanoseconds(text: &str, time: i64) -> String {
    let second = text.split('.').next().unwrap();
    format!("{second}.{:09}Z", time.rem_euclid(1_000_000_000))
}

fn ids(trades: &Value) -> Vec<i64> {
    trades["trades"].as_array().unwrap().iter().map(|trade| trade["trade_id"].as_i64().unwrap()).collect()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Takes what comes within a moment, and says whether nothing came.
async fn is_quiet(socket: &mut Socket, book: &mut Followed) -> bool {
    let mut quiet = true;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(300), socket.next()).await {
        let Message::Text(text) = message else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["channel"] == "book" {
            book.take(&message);
            quiet = false;
        }
    }
    quiet
}
