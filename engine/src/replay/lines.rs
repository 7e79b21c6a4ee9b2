//! Books and bars as JSON lines, letter for letter as independent tools write them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::ExactDecimal;
use depthlake_orderbook::event::{DepthUpdate, Trade};
use depthlake_orderbook::features::ratio;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{BarRecord, DeadLetterReason, Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::pipeline::{Changed, Output};

const SUMMED_LEVELS: usize = 5;

/// Writes a line for each event applied to a book: touch, sums over the best five levels, and their imbalance.
#[derive(Debug)]
pub struct BookLines<W> {
    writer: W,
    failure: Option<io::Error>,
}

/// Collects bars, to be written in the order of symbol and time.
#[derive(Debug, Default)]
pub struct BarLines {
    bars: BTreeMap<(Symbol, Timestamp), (Instrument, Bar)>,
}

/// All that a replay without a lake gives.
#[derive(Debug)]
pub struct Report<W> {
    pub books: Option<BookLines<W>>,
    pub bars: BarLines,
    pub counts: SymbolCounts,
}

/// Counts trades by symbol, and dead letters by reason.
#[derive(Debug, Default)]
pub struct SymbolCounts {
    pub trades: BTreeMap<Symbol, u64>,
    pub dead_letters: BTreeMap<&'static str, u64>,
}

impl<W: Write> BookLines<W> {
    pub const fn new(writer: W) -> Self {
        Self { writer, failure: None }
    }

    /// Ends the lines.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn finish(mut self) -> io::Result<()> {
        self.failure.take().map_or_else(|| self.writer.flush(), Err)
    }

    fn add(&mut self, changed: &Changed<'_>, update: &DepthUpdate) {
        if self.failure.is_none() {
            self.failure = self.line(changed, update).err();
        }
    }

    fn line(&mut self, changed: &Changed<'_>, update: &DepthUpdate) -> io::Result<()> {
        let &Changed { instrument, book, .. } = changed;
        let Some(touch) = book.touch() else { return Ok(()) };
        let sum = |side| -> i128 {
            book.levels(side).take(SUMMED_LEVELS).map(|level| i128::from(level.quantity.0)).sum()
        };
        let (bid, ask) = (sum(Side::Bid), sum(Side::Ask));
        let (prices, quantities) = (instrument.price_scale, instrument.quantity_scale);
        writeln!(
            self.writer,
            r#"{{"symbol": "{}", "update_id": {}, "event_ms": {}, "bid": "{}", "bid_qty": "{}", "ask": "{}", "ask_qty": "{}", "bid_qty_5": "{}", "ask_qty_5": "{}", "imbalance_5": {}}}"#,
            instrument.symbol,
            update.last.0,
            update.event_time.milliseconds(),
            prices.text(touch.bid.price.0),
            quantities.text(touch.bid.quantity.0),
            prices.text(touch.ask.price.0),
            quantities.text(touch.ask.quantity.0),
            ExactDecimal::new(bid, quantities.decimals()),
            ExactDecimal::new(ask, quantities.decimals()),
            json_number(ratio(bid - ask, bid + ask)),
        )
    }
}

impl BarLines {
    fn add(&mut self, record: BarRecord) {
        let BarRecord { instrument, bar, .. } = record;
        self.bars.insert((instrument.symbol, bar.open_time), (instrument, bar));
    }

    /// Writes a line for each bar.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        for ((symbol, open_time), (instrument, bar)) in &self.bars {
            let price = |price: i64| instrument.price_scale.text(price);
            let quantity_decimals = instrument.quantity_scale.decimals();
            writeln!(
                writer,
                r#"{{"symbol": "{symbol}", "open_ms": {}, "open": "{}", "high": "{}", "low": "{}", "close": "{}", "volume": "{}", "quote_volume": "{}", "trades": {}}}"#,
                open_time.milliseconds(),
                price(bar.open.0),
                price(bar.high.0),
                price(bar.low.0),
                price(bar.close.0),
                ExactDecimal::new(bar.volume, quantity_decimals),
                ExactDecimal::new(bar.quote_volume, quantity_decimals + instrument.price_scale.decimals()),
                bar.trades,
            )?;
        }
        writer.flush()
    }
}

impl<W: Write> Output for Report<W> {
    fn derived(&mut self, _: Trigger, record: Derived) {
        match record {
            Derived::Bar(bar) => self.bars.add(bar),
            Derived::DeadLetter(letter) => self.counts.dead_letter(letter.reason),
            Derived::Book(_) | Derived::Trade(_) | Derived::Feed(_) => {}
        }
    }

    fn book(&mut self, changed: Changed<'_>) {
        if let (Some(books), Some(update)) = (&mut self.books, changed.update) {
            books.add(&changed, update);
        }
    }

    fn trade(&mut self, instrument: &Instrument, _: &Trade) {
        self.counts.trade(instrument.symbol);
    }
}

impl SymbolCounts {
    fn dead_letter(&mut self, reason: DeadLetterReason) {
        *self.dead_letters.entry(reason.name()).or_default() += 1;
    }

    fn trade(&mut self, symbol: Symbol) {
        *self.trades.entry(symbol).or_default() += 1;
    }
}

/// The shortest digits that give the same double again; below 10⁻⁴ with an exponent of two digits, as Python prints it.
fn json_number(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-4 {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_python_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-0.592_824_363_788_068_5, "-0.5928243637880685"),
            (0.0001, "0.0001"),
            (0.000_099, "9.9e-05"),
            (-1e-5, "-1e-05"),
            (1.25e-11, "1.25e-11"),
        ] {
            assert_eq!(json_number(value), text);
        }
    }
}
