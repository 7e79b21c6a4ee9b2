//! Writes a board of invented markets, so that readers can be tried without a venue:
//!
//! `cargo run -p depthlake-engine --example write_board -- /dev/shm/board BTCUSDT ETHUSDT`
//!
//! Every market walks at random and changes a hundred times a second, until the program is stopped.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use depthlake_engine::board::{BoardRow, BoardState, BoardWriter, LastTrade, SlotSpec, SlotWriter};
use depthlake_engine::clock;
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Snapshot, Taker, UpdateId};
use depthlake_orderbook::features::{Features, Top};
use depthlake_orderbook::symbol::Symbol;

const CHANGE_INTERVAL: Duration = Duration::from_millis(10);
/// 600.00, of which 200 levels are 33 basis points: all depths are known.
const FIRST_PRICE: i64 = 60_000;
const LEVELS: i64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: write_board PATH SYMBOL...")?);
    let price_scale = Scale::new(2).ok_or("no such scale")?;
    let quantity_scale = Scale::new(5).ok_or("no such scale")?;
    let spec = |text: String| Ok(SlotSpec { symbol: Symbol::new(&text)?, price_scale, quantity_scale });
    let specs = arguments.map(spec).collect::<Result<Vec<_>, Box<dyn Error>>>()?;

    let (board, writers) = BoardWriter::create(&path, &specs, clock::now())?;
    let market = |(seed, (spec, writer))| Market::new(seed, &spec, writer);
    let mut markets: Vec<_> = (1..).zip(specs.into_iter().zip(writers)).map(market).collect();
    loop {
        board.heartbeat(clock::now());
        markets.iter_mut().for_each(Market::change);
        thread::sleep(CHANGE_INTERVAL);
    }
}

struct Market {
    writer: SlotWriter,
    row: BoardRow,
    book: Book,
    best_bid: i64,
    random: u64,
}

impl Market {
    fn new(seed: u64, spec: &SlotSpec, writer: SlotWriter) -> Self {
        let row = BoardRow::waiting(spec.price_scale, spec.quantity_scale);
        Self { writer, row, book: Book::new(), best_bid: FIRST_PRICE, random: seed }
    }

    fn change(&mut self) {
        self.best_bid += self.random_below(5) - 2;
        let spread = 1 + self.random_below(3);
        let best_ask = self.best_bid + spread;
        let bids = (0..LEVELS).map(|rank| self.level(self.best_bid - rank, rank)).collect();
        let asks = (0..LEVELS).map(|rank| self.level(best_ask + rank, rank)).collect();
        self.book.load(&Snapshot {
            last_update_id: UpdateId(self.row.update_id.0 + 1),
            bids,
            asks,
            bid_horizon: Some(Price(self.best_bid - LEVELS)),
            ask_horizon: Some(Price(best_ask + LEVELS)),
        });
        self.publish();
    }

    fn publish(&mut self) {
        let now = clock::now();
        let taker = if self.random_below(2) == 0 { Taker::Buyer } else { Taker::Seller };
        let quantity = Quantity(1 + self.random_below(50_000));
        let (book, row) = (&self.book, &mut self.row);
        row.state = BoardState::Live;
        row.epoch = 1;
        row.update_id = book.update_id();
        (row.event_time, row.receive_time, row.publish_time) = (now, now, now);
        let top = Top::of(book);
        (row.bids, row.asks) = (top.bids, top.asks);
        row.bid_horizon = book.horizon(Side::Bid);
        row.ask_horizon = book.horizon(Side::Ask);
        row.features = Features::of(book, &top, row.price_scale, row.quantity_scale);
        row.last_trade = book.touch().map(|touch| {
            let price = if taker == Taker::Buyer { touch.ask.price } else { touch.bid.price };
            LastTrade { price, quantity, taker, time: now }
        });
        row.counters.events_applied += 1;
        self.writer.write(row);
    }

    /// More rests further from the touch.
    fn level(&mut self, price: i64, rank: i64) -> Level {
        Level { price: Price(price), quantity: Quantity(1 + self.random_below(20_000 * (rank + 1))) }
    }

    /// A linear congruential generator is random enough to look at.
    fn random_below(&mut self, limit: i64) -> i64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33).cast_signed() % limit
    }
}
