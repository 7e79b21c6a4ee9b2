//! Replays a recording on one thread and prints its events from another:
//!
//!     cargo run --release -p depthlake-engine --example subscribe -- FOLDER
//!
//! FOLDER holds a recording in one of the formats that `depthlake replay` reads. The replay runs at full speed; what the
//! printing thread is too slow for, it says.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU16;
use std::path::Path;
use std::thread;

use depthlake_engine::clock;
use depthlake_engine::events::{self, Event, EventFeed, EventWriter, Happening, Received, Subscription};
use depthlake_engine::pipeline::{Changed, Output};
use depthlake_engine::replay::{self, OfflinePipelines, Speed};
use depthlake_ingest::recording::{Recording, RecordingError};
use depthlake_orderbook::event::{Level, Trade};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::{Symbol, SymbolId};

/// Publishes what a pipeline gives.
struct Publisher {
    symbols: BTreeMap<Symbol, SymbolId>,
    events: EventWriter,
}

impl Publisher {
    fn publish(&mut self, symbol: Symbol, event: impl FnOnce(SymbolId) -> Option<Event>) {
        if let Some(event) = self.symbols.get(&symbol).and_then(|symbol| event(*symbol)) {
            self.events.publish(&event);
        }
    }
}

impl Output for Publisher {
    fn derived(&mut self, _: Trigger, record: Derived) {
        let symbol = match &record {
            Derived::Bar(bar) => Some(bar.instrument.symbol),
            Derived::Feed(feed) => feed.symbol,
            Derived::Book(_) | Derived::Trade(_) | Derived::DeadLetter(_) => None,
        };
        if let Some(symbol) = symbol {
            self.publish(symbol, |id| Event::of_record(id, &record, clock::now()));
        }
    }

    fn book(&mut self, changed: Changed<'_>) {
        self.publish(changed.instrument.symbol, |id| Some(Event::of_book(id, &changed, clock::now())));
    }

    fn trade(&mut self, instrument: &Instrument, trade: &Trade) {
        self.publish(instrument.symbol, |id| Some(Event::of_trade(id, instrument, trade, clock::now())));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: subscribe FOLDER")?;
    let recording = Recording::open(Path::new(&folder))?;
    let symbols: Vec<Symbol> = recording.instruments()?.iter().map(|found| found.instrument.symbol).collect();
    let (feed, mut writers) = events::feed(symbols.clone(), 1);
    let numbers = symbols.iter().filter_map(|&symbol| Some((symbol, feed.find(symbol)?)));
    let events = writers.pop().ok_or("a feed of one shard has a writer")?;
    let publisher = Publisher { symbols: numbers.collect(), events };

    let subscription = feed.subscribe();
    let printer = thread::spawn(move || print(&feed, subscription));
    play(&recording, publisher)?;
    let [received, missed] = printer.join().map_err(|_| "the printing thread panicked")?;
    println!("{received} events received, {missed} missed");
    Ok(())
}

/// Ends the feed by dropping the publisher.
fn play(recording: &Recording, mut publisher: Publisher) -> Result<(), RecordingError> {
    let mut pipelines = OfflinePipelines::new(NonZeroU16::MIN);
    let lost = |error| eprintln!("passed over: {error}");
    replay::play(recording, Speed::Max, lost, |envelope, payload| {
        pipelines.frame(envelope, payload, &mut publisher);
        Ok::<(), RecordingError>(())
    })?;
    pipelines.finish(&mut publisher);
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
