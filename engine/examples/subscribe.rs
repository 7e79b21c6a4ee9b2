//! Replays a recording on one thread and prints its events from another:
//!
//!     cargo run --release -p depthlake-engine --example subscribe -- FOLDER
//!
//! FOLDER holds a recording in one of the formats that `depthlake replay` reads. The replay runs at full speed; what the
//! printing thread is too slow for, it says.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::thread;

use depthlake_engine::clock;
use depthlake_engine::events::{Event, EventFeed, Happening, Received, Subscription};
use depthlake_engine::live_books::{LiveBooks, depth_path};
use depthlake_engine::recovery::Restored;
use depthlake_engine::replay::{self, Speed};
use depthlake_engine::shard::{Inbound, Outbound, Worker, WorkerConfig};
use depthlake_ingest::recording::{Recording, RecordingError};
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;
use rtrb::Consumer;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: subscribe FOLDER")?;
    let recording = Recording::open(Path::new(&folder))?;
    let symbols: Vec<Symbol> = recording.instruments()?.iter().map(|found| found.instrument.symbol).collect();
    let board = std::env::temp_dir().join(format!("depthlake-subscribe-{}", std::process::id()));
    let (live_books, outlets, mut events) = LiveBooks::create(&board, &symbols, 1, clock::now())?;
    let partitions = BTreeMap::from([(0, Restored::new(0))]);
    let events = events.pop().ok_or("one shard has one event writer")?;
    let config = WorkerConfig { partitions, outlets, events, needs: Box::new(|_, _| {}) };
    let (worker, records, _) = Worker::new(config);

    let feed = live_books.feed().clone();
    let subscription = feed.subscribe();
    let printer = thread::spawn(move || print(&feed, subscription));
    play(&recording, worker, records)?;
    let [received, missed] = printer.join().map_err(|_| "the printing thread panicked")?;
    println!("{received} events received, {missed} missed");
    drop(live_books);
    fs::remove_file(depth_path(&board))?;
    fs::remove_file(board)?;
    Ok(())
}

/// Ends the feed by dropping the worker. Records have no log to go to here.
fn play(
    recording: &Recording,
    mut worker: Worker,
    mut records: Consumer<Outbound>,
) -> Result<(), RecordingError> {
    let lost = |error| eprintln!("passed over: {error}");
    let mut offset = 0;
    replay::play(recording, Speed::Max, lost, |envelope, payload| {
        for &stream in envelope.kind.streams() {
            let payload = payload.clone();
            worker.handle(&Inbound { stream, partition: 0, offset, envelope: *envelope, payload });
        }
        while records.pop().is_ok() {}
        offset += 1;
        Ok::<(), RecordingError>(())
    })?;
    Ok(())
}

/// Returns how many events were received and how many missed.
fn print(feed: &EventFeed, subscription: Subscription) -> [u64; 2] {
    let [mut received, mut missed] = [0; 2];
    for next in subscription {
        match next {
            Received::Event(event) => {
                received += 1;
                println!("{}", describe(feed, &event));
            }
            Received::Missed(count) => {
                missed += count;
                println!("… {count} events missed");
            }
        }
    }
    [received, missed]
}

fn describe(feed: &EventFeed, event: &Event) -> String {
    let symbol = feed.symbol(event.symbol).map_or_else(String::new, |symbol| symbol.to_string());
    match event.what {
        Happening::Book { scales, update_id, bid, ask } => {
            let text = |side: Option<Level>| {
                side.map_or_else(
                    || "none".to_owned(),
                    |level| {
                        let quantity = scales.quantity.text(level.quantity.0);
                        format!("{} × {quantity}", scales.price.text(level.price.0))
                    },
                )
            };
            format!("{symbol} book {}: bid {}, ask {}", update_id.0, text(bid), text(ask))
        }
        Happening::Trade { scales, price, quantity, taker, .. } => {
            let (price, quantity) = (scales.price.text(price.0), scales.quantity.text(quantity.0));
            format!("{symbol} trade: {taker:?} took {quantity} at {price}")
        }
        Happening::Bar { scales, bar } => {
            let [open, high, low, close] =
                [bar.open, bar.high, bar.low, bar.close].map(|price| scales.price.text(price.0).to_string());
            format!("{symbol} bar: open {open}, high {high}, low {low}, close {close}, {} trades", bar.trades)
        }
        Happening::Gap { expected, received } => {
            format!("{symbol} gap: expected {expected:?}, got {received:?}")
        }
        Happening::Resync { update_id } => format!("{symbol} live again at {}", update_id.0),
    }
}
