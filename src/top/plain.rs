//! One plain text table, for scripts and where there is no terminal.

use std::io::{self, Write};

use anyhow::Result;
use depthlake_orderbook::event::Level;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::columns::{Column, compact, fixed};
use super::market::{Book, Market, text_of, word_of};

/// Prints all books, or `symbol` alone with its ladder, to the standard output.
///
/// # Errors
/// Where the standard output refuses; not where its reader has read enough.
pub fn print(market: &Market, symbol: Option<Symbol>, now: Timestamp) -> Result<()> {
    match write(&mut io::stdout().lock(), market, symbol, now) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

fn write(out: &mut impl Write, market: &Market, symbol: Option<Symbol>, now: Timestamp) -> io::Result<()> {
    writeln!(out, "{}", summary(market, now))?;
    writeln!(out, "{}", line(|column| column.title().to_owned()))?;
    let shown = |book: &&Book| symbol.is_none_or(|symbol| symbol == book.symbol);
    for book in market.books().iter().filter(shown) {
        writeln!(out, "{}", line(|column| column.text(book, now)))?;
        if symbol.is_some() {
            write_ladder(out, book)?;
        }
    }
    Ok(())
}

fn summary(market: &Market, now: Timestamp) -> String {
    let events =
        market.events_per_second().map_or_else(String::new, |rate| format!(", {} events/s", compact(rate)));
    let (writer, live, all) = (text_of(market.writer(now), now), market.live(), market.books().len());
    let health = word_of(market.health(now).map(|health| health.status));
    let latencies = market.latencies();
    let latencies = if latencies.is_empty() { latencies } else { format!(", {latencies}") };
    format!("{writer}, {live}/{all} live{events}{latencies}, books {health}")
}

fn line(text: impl Fn(Column) -> String) -> String {
    let padded = |column: Column| {
        let (text, width) = (text(column), usize::from(column.width()));
        if column.is_text() { format!("{text:<width$}") } else { format!("{text:>width$}") }
    };
    Column::ALL.map(padded).join(" ")
}

/// Asks from the worst to the best, then bids from the best to the worst.
fn write_ladder(out: &mut impl Write, book: &Book) -> io::Result<()> {
    let row = &book.row;
    let mut write_level = |side: &str, level: &Level| {
        let (price, quantity) =
            (fixed(row.price_scale, level.price.0), fixed(row.quantity_scale, level.quantity.0));
        writeln!(out, "{side} {price:>18} {quantity:>20}")
    };
    row.asks.iter().rev().try_for_each(|level| write_level("ask", level))?;
    row.bids.iter().try_for_each(|level| write_level("bid", level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::market::tests::{NOW, TestBoard};

    fn printed(symbol: Option<&str>) -> Vec<String> {
        let board = TestBoard::new();
        let mut out = Vec::new();
        write(&mut out, &board.open(), symbol.map(|text| Symbol::new(text).unwrap()), NOW).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn all_books_are_a_line_each() {
        let lines = printed(None);
        assert!(
            lines[0].starts_with("writer alive (pid ")
                && lines[0].ends_with("), 1/3 live, 12ms from venue, 42.6µs to board, books failing"),
            "{}",
            lines[0]
        );
        let words: Vec<Vec<&str>> = lines[1..].iter().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words.len(), 4);
        assert!(words.iter().all(|words| words.len() == Column::ALL.len()), "{lines:#?}");
        assert_eq!(words[1][..4], ["BTCUSDT", "live", "61837.63", "61837.64"]);
    }

    #[test]
    fn one_book_comes_with_its_ladder() {
        let lines = printed(Some("ETHUSDT"));
        assert_eq!(lines.len(), 2 + 1 + 40);
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(22), ["ask", "2450.01", "1.50000"]);
        assert_eq!(words(23), ["bid", "2450.00", "1.50000"]);
    }
}
