//! `depthlake top`: all books of a board in the terminal, live, or once as plain text.

mod columns;
mod ladder;
mod market;
mod plain;
mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use depthlake_engine::board::BoardError;
use depthlake_engine::clock::now;
use depthlake_orderbook::symbol::Symbol;
use depthlake_query::health::Targets;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

pub use self::columns::duration;
use self::market::{Market, SHORTEST_RATE_WINDOW};
use self::view::{Next, View};

use crate::messages::say;

/// How often a board that is not there yet is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Shows the books of the board at `board`, beginning with `symbol`, and looks at them every `refresh`.
/// `targets` say how well they are.
///
/// With `once`, or where the standard output is no terminal, prints one plain table (of `symbol` alone, with its
/// ladder, where one is given) and returns, after the second that it takes to measure the rates.
///
/// # Errors
/// Where the file is no board or is damaged, the symbol is not on it, the terminal refuses, or, with `once`, there
/// is no board yet.
pub fn run(
    board: &Path,
    targets: Targets,
    symbol: Option<&str>,
    refresh: Duration,
    once: bool,
) -> Result<()> {
    if once || !io::stdout().is_terminal() {
        let mut market = Market::open(board, targets).map_err(with_advice)?;
        let symbol = symbol.map(|text| known_symbol(&market, text)).transpose()?;
        thread::sleep(SHORTEST_RATE_WINDOW);
        market.refresh()?;
        return plain::print(&market, symbol, now());
    }
    let market = wait_for_board(board, &targets)?;
    let symbol = symbol.map(|text| known_symbol(&market, text)).transpose()?;
    watch(market, symbol, refresh, || true)
}

/// Shows the board of a writer in this process until the user quits, or `goes_on` says no more.
///
/// # Errors
/// As [`run`].
pub fn accompany(
    board: &Path,
    targets: Targets,
    refresh: Duration,
    goes_on: impl Fn() -> bool,
) -> Result<()> {
    watch(Market::open(board, targets)?, None, refresh, goes_on)
}

fn watch(
    market: Market,
    symbol: Option<Symbol>,
    refresh: Duration,
    goes_on: impl Fn() -> bool,
) -> Result<()> {
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let outcome = show(&mut terminal, market, View::new(symbol), refresh, goes_on);
    ratatui::try_restore().context("cannot give the terminal back")?;
    outcome
}

fn show(
    terminal: &mut DefaultTerminal,
    mut market: Market,
    mut view: View,
    refresh: Duration,
    goes_on: impl Fn() -> bool,
) -> Result<()> {
    while goes_on() {
        market.refresh()?;
        let due = Instant::now() + refresh;
        loop {
            terminal.draw(|frame| screen::draw(frame, &market, &mut view, now()))?;
            if !event::poll(due.saturating_duration_since(Instant::now()))? {
                break;
            }
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && view.press(key, &market) == Next::Quit
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn wait_for_board(path: &Path, targets: &Targets) -> Result<Market> {
    let mut told = false;
    loop {
        match Market::open(path, targets.clone()) {
            Err(BoardError::Missing { .. }) if !told => {
                say!("waiting for the board {} (`depthlake run` makes it; Ctrl-C to stop)", path.display());
                told = true;
            }
            Err(BoardError::Missing { .. }) => thread::sleep(LOOK_INTERVAL),
            opened => return Ok(opened?),
        }
    }
}

fn with_advice(error: BoardError) -> anyhow::Error {
    match error {
        BoardError::Missing { .. } => anyhow!("{error}; `depthlake run` makes one"),
        _ => error.into(),
    }
}

fn known_symbol(market: &Market, text: &str) -> Result<Symbol> {
    let known = || market.books().iter().map(|book| book.symbol);
    if let Some(symbol) = Symbol::new(text).ok().filter(|symbol| known().any(|other| other == *symbol)) {
        return Ok(symbol);
    }
    let upper = text.to_ascii_uppercase();
    match known().min_by_key(|other| strsim::damerau_levenshtein(&upper, other.as_str())) {
        Some(nearest) => bail!("unknown symbol {text:?}; the nearest on the board is {nearest}"),
        None => bail!("unknown symbol {text:?}; the board has none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::market::tests::TestBoard;

    #[test]
    fn an_unknown_symbol_is_answered_with_the_nearest() {
        let board = TestBoard::new();
        let market = board.open();
        assert_eq!(known_symbol(&market, "ethusdt").unwrap().as_str(), "ETHUSDT");
        let error = known_symbol(&market, "BTCUSTD").unwrap_err().to_string();
        assert_eq!(error, "unknown symbol \"BTCUSTD\"; the nearest on the board is BTCUSDT");
    }

    #[test]
    fn once_without_a_board_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            run(&folder.path().join("none"), Targets::default(), None, Duration::ZERO, true).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("there is no board at") && text.ends_with("`depthlake run` makes one"),
            "{text}"
        );
    }
}
