//! What the user has chosen to see, and what keys do to it.

use std::cmp::Reverse;

use depthlake_orderbook::symbol::Symbol;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;

use super::market::{Book, Market};

/// The rows a page key moves by.
const PAGE: isize = 10;

/// The user's choices.
pub struct View {
    selected: Option<Symbol>,
    order: Order,
    search: String,
    mode: Mode,
    /// Where the table is scrolled to.
    pub scroll: TableState,
}

/// What the keys are for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Browsing,
    Searching,
    Help,
}

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Symbol,
    Events,
    Spread,
    Imbalance,
    Depth,
    Age,
    Gaps,
}

/// What to do after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    GoOn,
    Quit,
}

impl View {
    pub fn new(selected: Option<Symbol>) -> Self {
        Self {
            selected,
            order: Order::Symbol,
            search: String::new(),
            mode: Mode::Browsing,
            scroll: TableState::default(),
        }
    }

    pub const fn mode(&self) -> Mode {
        self.mode
    }

    pub const fn order(&self) -> Order {
        self.order
    }

    pub fn search(&self) -> &str {
        &self.search
    }

    /// The books to show: those that the search finds, in the order chosen.
    pub fn books<'a>(&self, market: &'a Market) -> Vec<&'a Book> {
        let mut books: Vec<&Book> =
            market.books().iter().filter(|book| book.symbol.as_str().contains(&self.search)).collect();
        books.sort_by_key(|book| book.symbol);
        self.order.sort(&mut books);
        books
    }

    /// The place of the selected book among `books`; the first where it is not among them.
    pub fn selected(&self, books: &[&Book]) -> Option<usize> {
        let place = books.iter().position(|book| Some(book.symbol) == self.selected);
        place.or((!books.is_empty()).then_some(0))
    }

    /// Takes a key, on the books of `market`.
    pub fn press(&mut self, key: KeyEvent, market: &Market) -> Next {
        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match self.mode {
            _ if control_c => return Next::Quit,
            Mode::Help => self.mode = Mode::Browsing,
            Mode::Searching => self.press_searching(key.code),
            Mode::Browsing => return self.press_browsing(key.code, market),
        }
        Next::GoOn
    }

    fn press_browsing(&mut self, key: KeyCode, market: &Market) -> Next {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('/') => {
                self.search.clear();
                self.mode = Mode::Searching;
            }
            KeyCode::Up | KeyCode::Char('k') => self.step(-1, market),
            KeyCode::Down | KeyCode::Char('j') => self.step(1, market),
            KeyCode::PageUp => self.step(-PAGE, market),
            KeyCode::PageDown => self.step(PAGE, market),
            KeyCode::Home | KeyCode::Char('g') => self.step(isize::MIN, market),
            KeyCode::End | KeyCode::Char('G') => self.step(isize::MAX, market),
            _ => {}
        }
        Next::GoOn
    }

    fn press_searching(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.mode = Mode::Browsing,
            KeyCode::Esc => {
                self.search.clear();
                self.mode = Mode::Browsing;
            }
            KeyCode::Backspace => {
                self.search.pop();
            }
            KeyCode::Char(letter) if self.search.len() < Symbol::MAX_LENGTH => {
                self.search.push(letter.to_ascii_uppercase());
            }
            _ => {}
        }
    }

    fn step(&mut self, rows: isize, market: &Market) {
        let books = self.books(market);
        let Some(place) = self.selected(&books) else { return };
        let target = place.saturating_add_signed(rows).min(books.len() - 1);
        self.selected = books.get(target).map(|book| book.symbol);
    }
}

impl Order {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::Events => "events/s",
            Self::Spread => "spread",
            Self::Imbalance => "imbalance",
            Self::Depth => "depth",
            Self::Age => "age",
            Self::Gaps => "gaps",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Symbol => Self::Events,
            Self::Events => Self::Spread,
            Self::Spread => Self::Imbalance,
            Self::Imbalance => Self::Depth,
            Self::Depth => Self::Age,
            Self::Age => Self::Gaps,
            Self::Gaps => Self::Symbol,
        }
    }

    /// Sorts largest first, and last what has no such figure; equals stay as they were.
    fn sort(self, books: &mut [&Book]) {
        match self {
            Self::Symbol => {}
            Self::Events => sort_by_figure(books, |book| book.events_per_second),
            Self::Spread => sort_by_figure(books, |book| Some(book.row.features?.spread_bps)),
            Self::Imbalance => sort_by_figure(books, |book| book.imbalance_5().map(f64::abs)),
            Self::Depth => sort_by_figure(books, Book::depth_10bps),
            Self::Age => books.sort_by_key(|book| book.row.receive_time),
            Self::Gaps => books.sort_by_key(|book| Reverse(book.row.counters.gaps)),
        }
    }
}

fn sort_by_figure(books: &mut [&Book], figure: impl Fn(&Book) -> Option<f64>) {
    let figure = |book: &Book| figure(book).unwrap_or(f64::NEG_INFINITY);
    books.sort_by(|left, right| figure(right).total_cmp(&figure(left)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::market::tests::TestBoard;

    fn press(view: &mut View, market: &Market, keys: &[KeyCode]) -> Next {
        keys.iter().fold(Next::GoOn, |_, key| view.press(KeyEvent::new(*key, KeyModifiers::NONE), market))
    }

    fn selected(view: &View, market: &Market) -> String {
        let books = view.books(market);
        books[view.selected(&books).unwrap()].symbol.to_string()
    }

    #[test]
    fn the_selection_stays_with_its_symbol() {
        let board = TestBoard::new();
        let market = board.open();
        let mut view = View::new(None);
        assert_eq!(selected(&view, &market), "BTCUSDT");
        press(&mut view, &market, &[KeyCode::Char('j')]);
        assert_eq!(selected(&view, &market), "ETHUSDT");
        press(&mut view, &market, &[KeyCode::Char('s'), KeyCode::Char('s')]);
        assert_eq!(view.order(), Order::Spread);
        assert_eq!(
            view.books(&market).iter().map(|book| book.symbol.as_str()).collect::<Vec<_>>(),
            ["ETHUSDT", "BTCUSDT", "XRPUSDT"]
        );
        assert_eq!(selected(&view, &market), "ETHUSDT");
        press(&mut view, &market, &[KeyCode::End, KeyCode::Down]);
        assert_eq!(selected(&view, &market), "XRPUSDT");
        press(&mut view, &market, &[KeyCode::Home, KeyCode::Up]);
        assert_eq!(selected(&view, &market), "ETHUSDT");
    }

    #[test]
    fn a_search_narrows_and_escape_widens() {
        let board = TestBoard::new();
        let market = board.open();
        let mut view = View::new(None);
        let typed = [KeyCode::Char('/'), KeyCode::Char('x'), KeyCode::Char('r'), KeyCode::Char('q')];
        assert_eq!(press(&mut view, &market, &typed), Next::GoOn, "q is a letter here");
        assert!(view.books(&market).is_empty());
        press(&mut view, &market, &[KeyCode::Down, KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((view.mode(), selected(&view, &market).as_str()), (Mode::Browsing, "XRPUSDT"));
        press(&mut view, &market, &[KeyCode::Char('/'), KeyCode::Esc]);
        assert_eq!(view.books(&market).len(), 3);
    }

    #[test]
    fn keys_that_quit() {
        let board = TestBoard::new();
        let market = board.open();
        let mut view = View::new(None);
        for key in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(press(&mut view, &market, &[key]), Next::Quit);
        }
        press(&mut view, &market, &[KeyCode::Char('?')]);
        assert_eq!(view.mode(), Mode::Help);
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.press(control_c, &market), Next::Quit);
    }
}
