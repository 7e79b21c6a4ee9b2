//! One book's ladder: asks above, bids below, with a bar for each quantity.

use depthlake_engine::board::LADDER_LEVELS;
use depthlake_orderbook::event::{Level, Taker};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};

use super::columns::{fixed, state_name};
use super::market::Book;

/// The columns a ladder needs, border included.
pub const LADDER_WIDTH: u16 = 44;

const PRICE_WIDTH: usize = 12;
const QUANTITY_WIDTH: usize = 15;
const BAR_WIDTH: usize = 12;

/// The lines that are no levels: title, spread, two of details.
const OTHER_LINES: u16 = 4;

/// Draws as many levels around the touch as `area` has room for, at most twenty a side.
pub fn draw(frame: &mut Frame, area: Rect, book: &Book) {
    let shown = usize::from(area.height.saturating_sub(OTHER_LINES) / 2).min(LADDER_LEVELS);
    let row = &book.row;
    let largest =
        |levels: &[Level]| levels.iter().take(shown).map(|level| level.quantity.0).max().unwrap_or(0);
    let largest = largest(&row.bids).max(largest(&row.asks));
    let line = |level: &Level, colour: Color| {
        let price = fixed(row.price_scale, level.price.0);
        let quantity = fixed(row.quantity_scale, level.quantity.0);
        let bar = quantity_bar(level.quantity.0, largest);
        Line::from(vec![
            format!("{price:>PRICE_WIDTH$}").fg(colour),
            format!("{quantity:>QUANTITY_WIDTH$} ").into(),
            bar.fg(colour).dim(),
        ])
    };
    let missing_asks = shown.saturating_sub(row.asks.len());
    let mut lines = vec![Line::default(); missing_asks];
    lines.extend(row.asks.iter().take(shown).rev().map(|level| line(level, Color::Red)));
    lines.push(spread_line(book));
    lines.extend(row.bids.iter().take(shown).map(|level| line(level, Color::Green)));
    lines.resize(2 * shown + 1, Line::default());
    lines.push(trade_line(book));
    lines.push(Line::from(format!(" update {} · epoch {}", row.update_id.0, row.epoch)).dim());
    let title = format!(" {} · {} ", book.symbol, state_name(row.state));
    let block = Block::new()
        .borders(Borders::LEFT | Borders::TOP)
        .border_style(Style::new().dim())
        .title(title.bold());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn spread_line(book: &Book) -> Line<'static> {
    let row = &book.row;
    let Some(features) = row.features else {
        return Line::from("            no touch").dim();
    };
    let spread = fixed(row.price_scale, features.spread.0);
    Line::from(format!("{:>PRICE_WIDTH$} spread ({:.2} bps)", spread, features.spread_bps)).dim()
}

fn trade_line(book: &Book) -> Line<'static> {
    let row = &book.row;
    let Some(trade) = row.last_trade else {
        return Line::from(" no trade yet").dim();
    };
    let (taker, colour) = match trade.taker {
        Taker::Buyer => ("bought", Color::Green),
        Taker::Seller => ("sold", Color::Red),
    };
    let (price, quantity) =
        (fixed(row.price_scale, trade.price.0), fixed(row.quantity_scale, trade.quantity.0));
    Line::from(vec![" last ".dim(), format!("{taker} {quantity} at {price}").fg(colour)])
}

fn quantity_bar(quantity: i64, largest: i64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if largest <= 0 {
        return String::new();
    }
    let eighths = i128::from(quantity.max(0)) * (8 * BAR_WIDTH as i128) / i128::from(largest);
    let eighths = usize::try_from(eighths).unwrap_or(0).max(1);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!(quantity_bar(i64::MAX, i64::MAX), "█".repeat(BAR_WIDTH));
        assert_eq!(quantity_bar(50, 100), "█".repeat(BAR_WIDTH / 2));
        assert_eq!(quantity_bar(1, i64::MAX), "▏", "a level is never invisible");
        assert_eq!(quantity_bar(0, 0), "");
    }
}
