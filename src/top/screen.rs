//! The live screen: a header, the table of books, the selected book's ladder, a line of keys.

use depthlake_engine::board::BoardState;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::health::Status;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table};

use super::columns::{Column, compact, imbalance_bar};
use super::ladder::{self, LADDER_WIDTH};
use super::market::{Book, Market, Writer, text_of, word_of};
use super::view::{Mode, View};

/// The table beside a ladder keeps at least this width.
const NARROWEST_TABLE: u16 = 79;

const HELP: &str = "\
↑ ↓  k j      select a book
PgUp PgDn     ten rows
Home End      first, last
/             search; Enter keeps, Esc ends it
s             sort by the next column
?             this help
q  Esc  ^C    quit

imbal_5       bids over asks, best five levels
depth10bp     both sides within 10 bps of the
              mid, in the quote currency
age           since the last event received

any key closes this";

/// Draws everything.
pub fn draw(frame: &mut Frame, market: &Market, view: &mut View, now: Timestamp) {
    let [header, middle, footer] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(header_line(market, view, now), header);
    frame.render_widget(footer_line(view), footer);
    let books = view.books(market);
    let selected = view.selected(&books);
    let with_ladder = middle.width >= NARROWEST_TABLE + 1 + LADDER_WIDTH;
    let ladder_width = if with_ladder { LADDER_WIDTH } else { 0 };
    let [table, ladder] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(ladder_width)]).spacing(1).areas(middle);
    view.scroll.select(selected);
    let table = if with_ladder { table } else { middle };
    draw_table(frame, table, &books, view, now);
    if let Some(book) = selected.and_then(|place| books.get(place)).filter(|_| with_ladder) {
        ladder::draw(frame, ladder, book);
    }
    if view.mode() == Mode::Help {
        draw_help(frame, middle);
    }
}

fn header_line(market: &Market, view: &View, now: Timestamp) -> Line<'static> {
    let writer = market.writer(now);
    let text = text_of(writer, now);
    let writer = match writer {
        Writer::Alive { .. } => text.green(),
        Writer::Dead { .. } => text.red().bold(),
    };
    let (live, total) = (market.live(), market.books().len());
    let live_colour = if live == total { Color::Green } else { Color::Yellow };
    let events = market.events_per_second().map_or_else(|| "–".to_owned(), compact);
    let status = market.health(now).map(|health| health.status);
    let health = match status {
        Some(Status::Ok) => word_of(status).green(),
        Some(Status::Degraded) => word_of(status).yellow().bold(),
        Some(Status::Failing) | None => word_of(status).red().bold(),
    };
    Line::from(vec![
        "depthlake ".bold(),
        health,
        "  ".into(),
        writer,
        "  ".into(),
        format!("{live}/{total} live").fg(live_colour),
        format!("  {events} events/s  {}  by {}", market.latencies(), view.order().name()).into(),
    ])
}

fn footer_line(view: &View) -> Line<'_> {
    match view.mode() {
        Mode::Searching => {
            Line::from(vec!["/".bold(), view.search().into(), "▏".into(), "  Enter keeps, Esc ends".dim()])
        }
        _ if !view.search().is_empty() => Line::from(vec![
            "only ".dim(),
            view.search().bold(),
            "   / search   s sort   ? help   q quit".dim(),
        ]),
        _ => Line::from("↑↓ select   / search   s sort   ? help   q quit").dim(),
    }
}

fn draw_table(frame: &mut Frame, area: Rect, books: &[&Book], view: &mut View, now: Timestamp) {
    let columns = Column::fitting(area.width);
    let title = |column: &Column| Cell::from(aligned(*column, column.title().into()));
    let rows = books.iter().map(|book| Row::new(columns.iter().map(|column| cell(*column, book, now))));
    let widths = columns.iter().map(|column| Constraint::Length(column.width()));
    let table = Table::new(rows, widths)
        .header(Row::new(columns.iter().map(title)).style(Style::new().bold().underlined()))
        .row_highlight_style(Style::new().reversed());
    frame.render_stateful_widget(table, area, &mut view.scroll);
}

fn cell(column: Column, book: &Book, now: Timestamp) -> Cell<'static> {
    let content = match (column, book.imbalance_5()) {
        (Column::Imbalance, Some(imbalance)) => {
            imbalance_bar(imbalance).fg(if imbalance < 0.0 { Color::Red } else { Color::Green })
        }
        (Column::State, _) => column.text(book, now).fg(state_colour(book.row.state)),
        (Column::Gaps, _) if book.row.counters.gaps > 0 => column.text(book, now).yellow(),
        _ => column.text(book, now).into(),
    };
    Cell::from(aligned(column, content))
}

fn aligned(column: Column, content: Span<'static>) -> Text<'static> {
    let alignment = if column.is_text() { Alignment::Left } else { Alignment::Right };
    Text::from(Line::from(content).alignment(alignment))
}

const fn state_colour(state: BoardState) -> Color {
    match state {
        BoardState::Waiting => Color::DarkGray,
        BoardState::Live => Color::Green,
        BoardState::Resyncing => Color::Yellow,
        BoardState::Stale => Color::Magenta,
        BoardState::Halted => Color::Red,
    }
}

fn draw_help(frame: &mut Frame, area: Rect) {
    let lines = u16::try_from(HELP.lines().count()).unwrap_or(u16::MAX);
    let area = area.centered(Constraint::Length(50), Constraint::Length(lines + 2));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" keys ")), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};

    use super::*;
    use crate::top::market::tests::{NOW, TestBoard};

    fn drawn(width: u16, height: u16, keys: &[KeyCode]) -> Vec<String> {
        let board = TestBoard::new();
        let market = board.open();
        let mut view = View::new(None);
        for key in keys {
            view.press(KeyEvent::from(*key), &market);
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &market, &mut view, NOW)).unwrap();
        let buffer = terminal.backend().buffer();
        let symbols: Vec<&str> = buffer.content().iter().map(buffer::Cell::symbol).collect();
        symbols.chunks(usize::from(width)).map(<[&str]>::concat).collect()
    }

    #[test]
    fn a_small_terminal_shows_the_table_alone() {
        let lines = drawn(80, 24, &[]);
        assert!(lines[0].contains("writer alive") && lines[0].contains("1/3 live"), "{}", lines[0]);
        assert!(lines[1].contains("symbol") && lines[1].contains("gaps"), "{}", lines[1]);
        assert!(
            lines[2].contains("BTCUSDT") && lines[2].contains("61837.63") && lines[2].contains("61837.64")
        );
        assert!(!lines.concat().contains("spread ("));
        assert!(lines[23].contains("quit"));
    }

    #[test]
    fn a_wide_terminal_shows_the_whole_ladder() {
        let screen = drawn(180, 50, &[KeyCode::Down]).concat();
        assert!(screen.contains("ETHUSDT · resyncing") && screen.contains("micro"));
        // Bids 2450.00 to 2449.81 and asks 2450.01 to 2450.20, of which the last have thirty.
        assert!(
            screen.contains("2449.81       30.00000") && screen.contains("2450.20       30.00000"),
            "{screen}"
        );
        assert!(screen.contains("0.01 spread (0.04 bps)") && screen.contains("bought 0.50000 at 2450.00"));
    }

    #[test]
    fn a_low_terminal_shows_the_levels_at_the_touch() {
        let screen = drawn(130, 12, &[]).concat();
        assert!(screen.contains("61837.63        1.50000") && !screen.contains("61837.59"), "{screen}");
    }

    #[test]
    fn no_size_and_no_mode_fails_to_draw() {
        let modes: [&[KeyCode]; 3] = [&[], &[KeyCode::Char('?')], &[KeyCode::Char('/'), KeyCode::Char('z')]];
        for keys in modes {
            for (width, height) in [(1, 1), (10, 3), (79, 5), (121, 2), (300, 100)] {
                assert_eq!(drawn(width, height, keys).len(), usize::from(height));
            }
        }
        assert!(drawn(80, 24, modes[1]).concat().contains("any key closes this"));
    }
}
