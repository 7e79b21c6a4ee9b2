//! Prints the best bid and ask of one symbol at each change, whoever writes the board and however often it is restarted:
//!
//! `cargo run -p depthlake-engine --example watch_board -- depthlake-data/board BTCUSDT`
//!
//! It waits for the board if it is not there yet, and runs until it is stopped.

use std::env;
use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::Duration;

use depthlake_engine::board::{BoardError, BoardTouch, Followed, Follower, WaitBy};
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;

const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(path), Some(symbol)) = (arguments.next(), arguments.next()) else {
        return Err("usage: watch_board PATH SYMBOL".into());
    };
    let mut book = open(Path::new(&path), Symbol::new(&symbol)?)?;
    let mut printed = None;
    loop {
        match book.wait(WaitBy::Sleeping, PATIENCE)? {
            Followed::Changed => {}
            Followed::Restarted => println!("the writer was restarted"),
            Followed::TimedOut => continue,
            Followed::WriterDead => {
                println!("nobody writes the board");
                continue;
            }
        }
        let touch = match book.touch() {
            Ok(touch) => touch.value,
            Err(BoardError::HalfWritten { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        // A slot changes with each trade as well, and with levels below the best.
        let shown = (touch.state, touch.bid, touch.ask);
        if printed != Some(shown) {
            print(&touch);
            printed = Some(shown);
        }
    }
}

fn open(path: &Path, symbol: Symbol) -> Result<Follower, BoardError> {
    loop {
        match Follower::open(path, symbol) {
            Err(BoardError::Missing { .. }) => thread::sleep(PATIENCE),
            opened => return opened,
        }
    }
}

fn print(touch: &BoardTouch) {
    let BoardTouch { state, price_scale, quantity_scale, update_id, .. } = *touch;
    let side = |level: Option<Level>| {
        level.map_or_else(
            || "nothing".to_owned(),
            |level| {
                format!("{} @ {}", quantity_scale.text(level.quantity.0), price_scale.text(level.price.0))
            },
        )
    };
    println!("{:?} at {}: bid {}, ask {}", state, update_id.0, side(touch.bid), side(touch.ask));
}
