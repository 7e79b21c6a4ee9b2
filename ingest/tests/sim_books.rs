//! The simulated venue's books, tickers, trades and bars agree with each other on the wire.

mod sim_support;

use std::collections::BTreeMap;
use std::time::Duration;

use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{Source, VenueConfig, default_markets, market_for};
use serde_json::Value;
use sim_support::{Client, Following, get, id, open, units};

fn config(product: Product, symbols: &[&str], rate: f64) -> VenueConfig {
    let markets = symbols.iter().map(|symbol| market_for(symbol).unwrap()).collect();
    let mut config = VenueConfig::generated(product, markets, 11);
    if let Source::Generated { rate: configured, .. } = &mut config.source {
        *configured = rate;
    }
    config
}

async fn follow(product: Product, symbols: &[&str]) {
    let venue = open(config(product, symbols, 3.0)).await;
    let mut following = Following::open(&venue, product.rest_prefix(), symbols).await;
    following.follow_for(&venue, Duration::from_secs(2)).await;
    following.settle(&venue).await;
    following.assert_equal_books(&venue);
    for book in &following.books {
        assert_eq!(book.gaps, 0, "{}", book.symbol);
        assert!(book.agreeing_tickers() > 0, "{}", book.symbol);
    }
    let sent: BTreeMap<_, _> = venue.counters().into_iter().map(|count| (count.stream, count.sent)).collect();
    assert_eq!(following.frames, sent);
    assert!(venue.counters().iter().all(|count| count.sent == count.published));
    venue.shutdown().await;
}

#[tokio::test]
async fn spot_books_follow_the_stream() {
    follow(Product::Spot, &["BTCUSDT", "SOLUSDT", "PEPEUSDT"]).await;
}

#[tokio::test]
async fn futures_books_follow_the_stream() {
    follow(Product::UsdM, &["BTCUSDT", "ETHUSDT"]).await;
    follow(Product::CoinM, &["BTCUSD_PERP"]).await;
}

/// Open, high, low, close, volume, quote volume, trades, taker-buy volume.
type Bar = (i64, i64, i64, i64, i64, i128, u64, i64);

fn bar_of(trades: &[&Value]) -> Bar {
    let prices: Vec<i64> = trades.iter().map(|trade| units(&trade["p"])).collect();
    let quantities = trades.iter().map(|trade| units(&trade["q"]));
    let volume = quantities.clone().sum();
    let quote =
        prices.iter().zip(quantities.clone()).map(|(p, q)| i128::from(*p) * i128::from(q)).sum::<i128>();
    let bought = trades.iter().filter(|trade| trade["m"] == false).map(|trade| units(&trade["q"])).sum();
    (
        prices[0],
        *prices.iter().max().unwrap(),
        *prices.iter().min().unwrap(),
        prices[prices.len() - 1],
        volume,
        quote / 100_000_000,
        trades.len() as u64,
        bought,
    )
}

fn bar_shown(bar: &Value) -> Bar {
    let number = |name: &str| units(&bar[name]);
    let quote = i128::from(number("q"));
    (number("o"), number("h"), number("l"), number("c"), number("v"), quote, id(bar, "n"), number("V"))
}

#[tokio::test]
async fn klines_and_aggregates_equal_the_trades() {
    let venue = open(config(Product::Spot, &["ETHUSDT"], 4.0)).await;
    venue.pause().await;
    let streams = "/stream?streams=ethusdt@trade/ethusdt@aggTrade/ethusdt@kline_1m";
    let mut client = Client::open(&venue, streams).await;
    let before = get(&venue, "/api/v3/trades?symbol=ETHUSDT&limit=1000").await.body;
    let mut trades: BTreeMap<u64, Value> = BTreeMap::new();
    for trade in before.as_array().unwrap() {
        let as_streamed =
            serde_json::json!({ "p": trade["price"], "q": trade["qty"], "m": trade["isBuyerMaker"] });
        trades.insert(id(trade, "id"), as_streamed);
    }
    venue.resume();
    let (mut klines, mut aggregates) = (0, 0);
    while klines < 3 {
        let message = client.json().await;
        let data = &message["data"];
        match data["e"].as_str() {
            Some("trade") => {
                trades.insert(id(data, "t"), data.clone());
            }
            Some("aggTrade") => {
                let range: Vec<_> =
                    trades.range(id(data, "f")..=id(data, "l")).map(|(_, trade)| trade).collect();
                assert!(range.iter().all(|trade| trade["p"] == data["p"] && trade["m"] == data["m"]));
                assert_eq!(bar_of(&range).4, units(&data["q"]));
                aggregates += 1;
            }
            _ if data["k"]["n"].as_u64() > Some(0) => {
                let bar = &data["k"];
                let range: Vec<_> =
                    trades.range(id(bar, "f")..=id(bar, "L")).map(|(_, trade)| trade).collect();
                assert_eq!(bar_of(&range), bar_shown(bar));
                klines += 1;
            }
            _ => {}
        }
    }
    assert!(aggregates > 10);
    assert!(venue.pause().await);
    let rows = get(&venue, "/api/v3/klines?symbol=ETHUSDT&interval=1m").await.body;
    let in_bars: u64 = rows.as_array().unwrap().iter().map(|row| row[8].as_u64().unwrap()).sum();
    let last = get(&venue, "/api/v3/trades?symbol=ETHUSDT&limit=1").await.body;
    assert_eq!(in_bars, id(&last[0], "id") - trades.first_key_value().unwrap().0 + 1);
}

#[tokio::test]
async fn a_seed_decides_the_events() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let venue = open(config(Product::Spot, &["BTCUSDT"], 8.0)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(venue.pause().await);
        let trades = get(&venue, "/api/v3/trades?symbol=BTCUSDT&limit=1000").await.body;
        let events: Vec<_> = trades
            .as_array()
            .unwrap()
            .iter()
            .map(|trade| (trade["price"].clone(), trade["qty"].clone(), trade["isBuyerMaker"].clone()))
            .collect();
        runs.push(events);
    }
    let common = runs[0].len().min(runs[1].len());
    assert!(common > 20);
    assert_eq!(runs[0][..common], runs[1][..common]);
}

/// Fifty pairs at their usual activity, all streams a feed wants: the venue keeps its pace and loses nothing.
#[tokio::test]
async fn fifty_markets_keep_their_pace() {
    let markets = default_markets();
    let symbols: Vec<_> = markets.iter().map(|spec| spec.symbol.clone()).collect();
    let venue = open(VenueConfig::generated(Product::Spot, markets, 1)).await;
    let streams: Vec<_> = symbols
        .iter()
        .map(|symbol| symbol.to_ascii_lowercase())
        .flat_map(|s| [format!("{s}@depth@100ms"), format!("{s}@bookTicker"), format!("{s}@trade")])
        .collect();
    let mut client = Client::open(&venue, &format!("/stream?streams={}", streams.join("/"))).await;
    let time = Duration::from_secs(2);
    let begin = tokio::time::Instant::now();
    let mut frames = 0_u64;
    while begin.elapsed() < time {
        client.text().await.unwrap();
        frames += 1;
    }
    assert!((2_000..10_000).contains(&frames), "{frames} frames in two seconds");
    assert!(venue.pause().await);
    let sent: u64 = venue.counters().iter().map(|count| count.sent).sum();
    while frames < sent {
        client.text().await.unwrap();
        frames += 1;
    }
    assert!(client.is_silent_for(Duration::from_millis(50)).await);
}
