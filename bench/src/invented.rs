//! Invented markets, each with something that a book could find hard.

use depthlake_orderbook::decimal::{Price, Quantity};
use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot};

/// A book and what happens to it.
pub struct Market {
    pub name: &'static str,
    pub snapshot: Snapshot,
    pub updates: Vec<DepthUpdate>,
}

/// The first market is an ordinary one.
#[must_use]
pub fn markets() -> Vec<Market> {
    vec![
        Shape { name: "an ordinary book", ..Shape::ORDINARY }.market(),
        Shape { name: "all changes 100,000 ticks away", away: 100_000, ..Shape::ORDINARY }.market(),
        Shape { name: "one price comes and goes far ahead", outlier: Some(100_000), ..Shape::ORDINARY }
            .market(),
        Shape { name: "the touch walks up 10,000 ticks", drift: 10, ..Shape::ORDINARY }.market(),
        Shape { name: "the touch walks down 10,000 ticks", drift: -10, ..Shape::ORDINARY }.market(),
        Shape { name: "a tick 100 times finer", spacing: 100, ..Shape::ORDINARY }.market(),
        Shape { name: "100,000 levels", levels: 50_000, reach: 50_000, ..Shape::ORDINARY }.market(),
        Shape {
            name: "100,000 levels, 100 ticks apart",
            levels: 50_000,
            reach: 50_000,
            spacing: 100,
            ..Shape::ORDINARY
        }
        .market(),
    ]
}

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// Of each side at the start.
    levels: i64,
    /// Ticks between neighbouring levels.
    spacing: i64,
    /// How many levels deep changes reach.
    reach: i64,
    /// Ticks from the touch at which changes begin.
    away: i64,
    /// Ticks the touch moves with each event.
    drift: i64,
    /// Ticks ahead of the best ask at which a level comes and goes. Bids are as far below, so that the book never crosses.
    outlier: Option<i64>,
}

const EVENTS: i64 = 1_000;
const LEVELS_AN_EVENT: usize = 15;
const MID: i64 = 10_000_000;

impl Shape {
    const ORDINARY: Self =
        Self { name: "", levels: 5_000, spacing: 1, reach: 2_000, away: 0, drift: 0, outlier: None };

    fn market(self) -> Market {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let gap = self.outlier.map_or(1, |ahead| 2 * ahead);
        let side = |sign: i64, random: &mut Random| {
            (0..self.levels)
                .map(|rank| level(MID + sign * (gap + rank * self.spacing), random.below(1_000) + 1))
                .collect()
        };
        let snapshot =
            Snapshot { bids: side(-1, &mut random), asks: side(1, &mut random), ..Snapshot::default() };
        let updates = (0..EVENTS).map(|event| self.event(event, gap, &mut random)).collect();
        Market { name: self.name, snapshot, updates }
    }

    fn event(self, number: i64, gap: i64, random: &mut Random) -> DepthUpdate {
        let mid = MID + self.drift * number;
        let mut side = |sign: i64| {
            let mut levels = Vec::new();
            // What the touch left behind goes, what it moved away from comes.
            for passed in 0..self.drift.abs() {
                let is_left = sign * self.drift > 0;
                let price = mid - self.drift.signum() * passed + sign * gap;
                levels.push(level(price, if is_left { 0 } else { random.below(1_000) + 1 }));
            }
            while levels.len() < LEVELS_AN_EVENT {
                let rank = random.below(self.reach);
                let is_gone = random.below(3) == 0;
                let price = mid + sign * (gap + self.away + rank * self.spacing);
                levels.push(level(price, if is_gone { 0 } else { random.below(1_000) + 1 }));
            }
            // Best first, as venues send them.
            levels.sort_by_key(|level| sign * level.price.0);
            levels
        };
        let (bids, mut asks) = (side(-1), side(1));
        asks.extend(self.outlier.map(|ahead| level(mid + gap - ahead, number % 2)));
        DepthUpdate { bids, asks, ..DepthUpdate::default() }
    }
}

fn level(price: i64, quantity: i64) -> Level {
    Level { price: Price(price), quantity: Quantity(quantity) }
}

/// Marsaglia's xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.cast_unsigned()).cast_signed()
    }
}
