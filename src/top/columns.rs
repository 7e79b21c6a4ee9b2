//! The columns of the table of books, and how their figures are written.

use depthlake_engine::board::BoardState;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Level;
use depthlake_orderbook::time::Timestamp;

use super::market::Book;

/// What is shown where there is nothing to show.
const NOTHING: &str = "–";

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;
const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// The cells on either side of the middle of an imbalance bar.
const HALF_BAR: usize = 3;

/// The same in half cells.
const HALF_BAR_HALVES: f64 = 6.0;

/// A column, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Symbol,
    State,
    Bid,
    Ask,
    Spread,
    Mid,
    Microprice,
    Imbalance,
    Depth,
    Events,
    Age,
    Gaps,
}

impl Column {
    pub const ALL: [Self; 12] = [
        Self::Symbol,
        Self::State,
        Self::Bid,
        Self::Ask,
        Self::Spread,
        Self::Mid,
        Self::Microprice,
        Self::Imbalance,
        Self::Depth,
        Self::Events,
        Self::Age,
        Self::Gaps,
    ];

    /// What is left out first where the screen is narrow.
    const DISPENSABLE: [Self; 7] =
        [Self::Microprice, Self::Mid, Self::Depth, Self::Gaps, Self::Age, Self::Imbalance, Self::Spread];

    /// The columns that fit into `width` with one cell between them.
    pub fn fitting(width: u16) -> Vec<Self> {
        let mut columns = Self::ALL.to_vec();
        for dispensable in Self::DISPENSABLE {
            if Self::total_width(&columns) <= width {
                break;
            }
            columns.retain(|column| *column != dispensable);
        }
        columns
    }

    /// With one cell between them.
    pub fn total_width(columns: &[Self]) -> u16 {
        columns.iter().map(|column| column.width() + 1).sum::<u16>().saturating_sub(1)
    }

    pub const fn width(self) -> u16 {
        match self {
            Self::Bid | Self::Ask => 11,
            Self::Symbol | Self::Mid | Self::Microprice => 12,
            Self::State => 9,
            Self::Imbalance => 7,
            Self::Depth => 10,
            Self::Spread | Self::Events => 6,
            Self::Age => 5,
            Self::Gaps => 4,
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::State => "state",
            Self::Bid => "bid",
            Self::Ask => "ask",
            Self::Spread => "bps",
            Self::Mid => "mid",
            Self::Microprice => "micro",
            Self::Imbalance => "imbal_5",
            Self::Depth => "depth10bp",
            Self::Events => "ev/s",
            Self::Age => "age",
            Self::Gaps => "gaps",
        }
    }

    pub const fn is_text(self) -> bool {
        matches!(self, Self::Symbol | Self::State)
    }

    /// The figure of `book` in this column; an imbalance as a number.
    pub fn text(self, book: &Book, now: Timestamp) -> String {
        let row = &book.row;
        let features = row.features.as_ref();
        let decimals = usize::from(row.price_scale.decimals());
        let price = |level: Option<&Level>| level.map(|level| fixed(row.price_scale, level.price.0));
        let text = match self {
            Self::Symbol => Some(book.symbol.to_string()),
            Self::State => Some(state_name(row.state).to_owned()),
            Self::Bid => price(row.bids.first()),
            Self::Ask => price(row.asks.first()),
            Self::Spread => features.map(|features| format!("{:.2}", features.spread_bps)),
            // One digit more than a price has: a mid lies at half ticks.
            Self::Mid => features.map(|features| format!("{:.*}", decimals + 1, features.mid)),
            Self::Microprice => features.map(|features| format!("{:.*}", decimals + 1, features.microprice)),
            Self::Imbalance => book.imbalance_5().map(|imbalance| format!("{imbalance:+.3}")),
            Self::Depth => book.depth_10bps().map(compact),
            Self::Events => book.events_per_second.map(compact),
            Self::Age => book.age(now).map(duration),
            Self::Gaps => Some(row.counters.gaps.to_string()),
        };
        text.unwrap_or_else(|| NOTHING.to_owned())
    }
}

pub const fn state_name(state: BoardState) -> &'static str {
    match state {
        BoardState::Waiting => "waiting",
        BoardState::Live => "live",
        BoardState::Resyncing => "resyncing",
        BoardState::Stale => "stale",
        BoardState::Halted => "halted",
    }
}

/// `units` of `scale` with all of its decimal places, so that figures stand below each other.
pub fn fixed(scale: Scale, units: i64) -> String {
    let text = scale.text(units).to_string();
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let missing = usize::from(scale.decimals()) - places;
    match places {
        0 if missing > 0 => format!("{text}.{:0<missing$}", ""),
        _ => format!("{text}{:0<missing$}", ""),
    }
}

/// A figure in about five characters: `0.25`, `17.3`, `512`, `1.23M`.
pub fn compact(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    match UNITS.into_iter().find(|(least, _)| value >= *least) {
        Some((_, "k")) => format!("{:.1}k", value / 1e3),
        Some((unit, suffix)) => format!("{:.2}{suffix}", value / unit),
        None if value >= 100.0 => format!("{value:.0}"),
        None if value >= 10.0 => format!("{value:.1}"),
        None => format!("{value:.2}"),
    }
}

/// Nanoseconds in about four characters: `45ms`, `3.2s`, `12s`, `4m`, `2h`, `9d`.
pub fn duration(nanoseconds: i64) -> String {
    let seconds = nanoseconds / NANOSECONDS_PER_SECOND;
    match seconds {
        ..1 => format!("{}ms", nanoseconds / NANOSECONDS_PER_MILLISECOND),
        1..10 => {
            format!("{seconds}.{}s", nanoseconds % NANOSECONDS_PER_SECOND / (NANOSECONDS_PER_SECOND / 10))
        }
        10..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Nanoseconds that are few, in microseconds: `12.3µs`.
pub fn microseconds(nanoseconds: i64) -> String {
    format!("{}.{}µs", nanoseconds / 1_000, nanoseconds % 1_000 / 100)
}

/// An imbalance from -1 to 1 as a bar that grows from the middle, in half cells: right for bids, left for asks.
pub fn imbalance_bar(imbalance: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few half cells, at least 0"
    )]
    let halves = (imbalance.abs().min(1.0) * HALF_BAR_HALVES).round() as usize;
    let (full, half) = ("█".repeat(halves / 2), halves % 2 == 1);
    if imbalance < 0.0 {
        let bar = format!("{}{full}", if half { "▐" } else { "" });
        format!("{bar:>HALF_BAR$}│{:HALF_BAR$}", "")
    } else {
        let bar = format!("{full}{}", if half { "▌" } else { "" });
        format!("{:HALF_BAR$}│{bar:<HALF_BAR$}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::market::tests::{NOW, TestBoard};

    #[test]
    fn columns_go_one_by_one_as_the_screen_narrows() {
        assert_eq!(Column::fitting(200), Column::ALL);
        for width in 40..200 {
            let columns = Column::fitting(width);
            assert!(Column::total_width(&columns) <= width.max(60), "{width}");
            assert!([Column::Symbol, Column::Bid, Column::Ask].iter().all(|column| columns.contains(column)));
        }
        assert!(Column::fitting(80).contains(&Column::Gaps));
    }

    #[test]
    fn a_live_book_has_every_figure_and_one_not_begun_has_none() {
        let board = TestBoard::new();
        let market = board.open();
        let texts =
            |place: usize| Column::ALL.map(|column| column.text(&market.books()[place], NOW)).join(" ");
        assert_eq!(
            texts(0),
            "BTCUSDT live 61837.63 61837.64 0.00 61837.635 61837.634 +0.420 1.23M – 250ms 3"
        );
        assert_eq!(texts(2), "XRPUSDT waiting – – – – – – – – – 0");
    }

    #[test]
    fn fixed_figures_have_all_their_places() {
        let texts = |decimals| {
            let scale = Scale::new(decimals).unwrap();
            [0, 7, -120, 12_345].map(|units| fixed(scale, units))
        };
        assert_eq!(texts(0), ["0", "7", "-120", "12345"]);
        assert_eq!(texts(2), ["0.00", "0.07", "-1.20", "123.45"]);
        assert_eq!(texts(8), ["0.00000000", "0.00000007", "-0.00000120", "0.00012345"]);
    }

    #[test]
    fn figures_are_short() {
        let texts = [0.0, 9.994, 17.26, 512.4, 9_999.4, 12_345.0, 1.5e6, 2.5e9, 3e12].map(compact);
        assert_eq!(texts, ["0.00", "9.99", "17.3", "512", "9999", "12.3k", "1.50M", "2.50G", "3.00T"]);
        let second = NANOSECONDS_PER_SECOND;
        let texts = [45_000_000, 3_250_000_000, 12 * second, 250 * second, 10_000 * second, 777_777 * second];
        assert_eq!(texts.map(duration), ["45ms", "3.2s", "12s", "4m", "2h", "9d"]);
    }

    #[test]
    fn an_imbalance_bar_grows_from_the_middle() {
        assert_eq!(imbalance_bar(0.0), "   │   ");
        assert_eq!(imbalance_bar(1.0), "   │███");
        assert_eq!(imbalance_bar(-0.5), " ▐█│   ");
        assert_eq!(imbalance_bar(7.0), imbalance_bar(1.0));
    }
}
