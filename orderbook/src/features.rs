//! Microstructure features of a book. Prices and quantities stay exact; derived figures are doubles.
//!
//! `M` is the mid and (Pb, Qb, Pa, Qa) the touch.

use crate::book::{Book, DEPTH_BPS, Side, TopLevels};
use crate::decimal::{Price, Quantity, Scale};
use crate::event::{Level, Touch};

/// The levels a side that the features look at.
pub const TOP_LEVELS: usize = 20;

/// How many levels a side the imbalances of [`Features`] take in.
pub const IMBALANCE_LEVELS: [usize; 4] = [1, 5, 10, TOP_LEVELS];

/// All features of one book at one update id.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Features {
    pub touch: Touch,
    /// (Pb + Pa) / 2, in the quote currency.
    pub mid: f64,
    /// Pa − Pb, in units of the price scale.
    pub spread: Price,
    /// 10⁴ · (Pa − Pb) / M.
    pub spread_bps: f64,
    /// See [`microprice`].
    pub microprice: f64,
    /// Queue imbalance (Qb − Qa) / (Qb + Qa) over the best levels of each side (Gould and Bonart 2016), −1 to 1, for each of
    /// [`IMBALANCE_LEVELS`]. `None` where one of the levels lies beyond the book's horizon.
    pub imbalance: [Option<f64>; IMBALANCE_LEVELS.len()],
    /// Quote currency resting on the bid side within [`DEPTH_BPS`] of the mid; `None` where the book is unknown there.
    pub bid_depth: [Option<f64>; DEPTH_BPS.len()],
    /// The same of the ask side.
    pub ask_depth: [Option<f64>; DEPTH_BPS.len()],
}

impl Features {
    /// Computes everything of a book whose best levels were taken already; `None` while a side is empty. O(1).
    #[must_use]
    #[inline]
    pub fn of(book: &Book, top: &Top, price_scale: Scale, quantity_scale: Scale) -> Option<Self> {
        let touch = top.touch()?;
        let notional_unit =
            i128::from(price_scale.units_per_one()) * i128::from(quantity_scale.units_per_one());
        Some(Self {
            touch,
            mid: mid(touch, price_scale),
            spread: Price(touch.ask.price.0.saturating_sub(touch.bid.price.0)),
            spread_bps: spread_bps(touch),
            microprice: microprice(touch, price_scale),
            imbalance: imbalances(book, top),
            bid_depth: depths(book, Side::Bid, notional_unit),
            ask_depth: depths(book, Side::Ask, notional_unit),
        })
    }
}

/// The best levels of both sides of a book: all that the features but depth need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Top {
    pub bids: TopLevels<TOP_LEVELS>,
    pub asks: TopLevels<TOP_LEVELS>,
}

impl Top {
    pub const EMPTY: Self = Self { bids: TopLevels::EMPTY, asks: TopLevels::EMPTY };

    /// Copies the best levels out of a book.
    #[must_use]
    #[inline]
    pub fn of(book: &Book) -> Self {
        let mut top = Self::EMPTY;
        top.take(book);
        top
    }

    /// [`Top::of`], put in the place of what was there.
    #[inline]
    pub fn take(&mut self, book: &Book) {
        book.top_into(Side::Bid, &mut self.bids);
        book.top_into(Side::Ask, &mut self.asks);
    }

    /// Best bid and best ask; `None` while a side is empty.
    #[must_use]
    #[inline]
    pub fn touch(&self) -> Option<Touch> {
        Some(Touch { bid: *self.bids.first()?, ask: *self.asks.first()? })
    }
}

/// (Pb + Pa) / 2.
#[must_use]
#[inline]
pub fn mid(touch: Touch, price_scale: Scale) -> f64 {
    let sum = i128::from(touch.bid.price.0) + i128::from(touch.ask.price.0);
    ratio(sum, 2 * i128::from(price_scale.units_per_one()))
}

/// 10⁴ · (Pa − Pb) / M.
#[must_use]
#[inline]
pub fn spread_bps(touch: Touch) -> f64 {
    let (bid, ask) = (i128::from(touch.bid.price.0), i128::from(touch.ask.price.0));
    ratio(20_000 * (ask - bid), ask + bid)
}

/// The mid weighted by the opposite side's quantity, (Pa·Qb + Pb·Qa) / (Qa + Qb): the first-order form of the
/// micro-price of Stoikov (2018). It lies inside the spread.
#[must_use]
#[inline]
pub fn microprice(touch: Touch, price_scale: Scale) -> f64 {
    let product = |price: Price, quantity: i64| i128::from(price.0) * i128::from(quantity);
    let weighted =
        product(touch.ask.price, touch.bid.quantity.0) + product(touch.bid.price, touch.ask.quantity.0);
    let quantity = i128::from(touch.bid.quantity.0) + i128::from(touch.ask.quantity.0);
    ratio(weighted, quantity * i128::from(price_scale.units_per_one()))
}

/// What rests within each of [`DEPTH_BPS`] of the mid, in the quote currency.
fn depths(book: &Book, side: Side, notional_unit: i128) -> [Option<f64>; DEPTH_BPS.len()] {
    let mut depths = [None; DEPTH_BPS.len()];
    for (depth, notional) in depths.iter_mut().zip(book.notional_within(side)) {
        if let Some(notional) = notional {
            *depth = Some(ratio(notional, notional_unit));
        }
    }
    depths
}

/// (Qb − Qa) / (Qb + Qa) over each of [`IMBALANCE_LEVELS`].
fn imbalances(book: &Book, top: &Top) -> [Option<f64>; IMBALANCE_LEVELS.len()] {
    let bids = known_quantities(book, Side::Bid, &top.bids);
    let asks = known_quantities(book, Side::Ask, &top.asks);
    let mut imbalances = [None; IMBALANCE_LEVELS.len()];
    for (imbalance, known) in imbalances.iter_mut().zip(bids.into_iter().zip(asks)) {
        if let (Some(bid), Some(ask)) = known {
            *imbalance = Some(ratio(bid - ask, bid + ask));
        }
    }
    imbalances
}

/// What rests on the best levels of one side, for each of [`IMBALANCE_LEVELS`].
fn known_quantities(book: &Book, side: Side, levels: &[Level]) -> [Option<i128>; IMBALANCE_LEVELS.len()] {
    let mut quantities = [None; IMBALANCE_LEVELS.len()];
    if levels.is_empty() {
        return quantities;
    }
    let (mut sum, mut from) = (0, 0);
    for (quantity, depth) in quantities.iter_mut().zip(IMBALANCE_LEVELS) {
        let to = depth.min(levels.len());
        sum += levels[from..to].iter().map(|level| i128::from(level.quantity.0)).sum::<i128>();
        from = to;
        let is_known = match levels.get(depth - 1) {
            Some(last) => book.is_known_to(side, last.price),
            None => book.horizon(side).is_none(),
        };
        if is_known {
            *quantity = Some(sum);
        }
    }
    quantities
}

/// Order-flow imbalance after Cont, Kukanov and Stoikov (2014), summed since it was last taken.
///
/// e = 1[Pb ≥ Pb′]·Qb − 1[Pb ≤ Pb′]·Qb′ − 1[Pa ≤ Pa′]·Qa + 1[Pa ≥ Pa′]·Qa′, where ′ marks the touch before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderFlow {
    last: Option<Touch>,
    sum: i64,
}

impl OrderFlow {
    /// Takes the touch after an event and returns that event's e, in units of the quantity scale.
    pub fn observe(&mut self, touch: Touch) -> i64 {
        let flow = self.last.map_or(0, |before| order_flow(before, touch));
        self.last = Some(touch);
        self.sum = self.sum.saturating_add(flow);
        flow
    }

    /// The sum since the last [`OrderFlow::restart`], in units of the quantity scale.
    #[must_use]
    pub const fn sum(&self) -> i64 {
        self.sum
    }

    /// Begins anew, as after a gap: the touch before is no longer comparable.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

fn order_flow(before: Touch, after: Touch) -> i64 {
    let (bid, ask) = (after.bid, after.ask);
    let when = |condition: bool, quantity: Quantity| if condition { quantity.0 } else { 0 };
    when(bid.price >= before.bid.price, bid.quantity)
        .saturating_sub(when(bid.price <= before.bid.price, before.bid.quantity))
        .saturating_sub(when(ask.price <= before.ask.price, ask.quantity))
        .saturating_add(when(ask.price >= before.ask.price, before.ask.quantity))
}

/// The double nearest to `numerator / denominator`, also where neither fits into a double; 0 for a zero denominator.
#[must_use]
#[inline]
pub fn ratio(numerator: i128, denominator: i128) -> f64 {
    if is_exact(numerator) && is_exact(denominator) && numerator != 0 && denominator != 0 {
        exact_ratio(numerator, denominator)
    } else {
        rounded_ratio(numerator, denominator)
    }
}

/// Whether a number is among those that doubles can tell from their neighbours.
#[inline]
const fn is_exact(number: i128) -> bool {
    const EXACT: i128 = 1 << f64::MANTISSA_DIGITS;
    -EXACT <= number && number <= EXACT
}

#[inline]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "both are exact")]
fn exact_ratio(numerator: i128, denominator: i128) -> f64 {
    numerator as i64 as f64 / denominator as i64 as f64
}

/// [`ratio`] by long division, for numbers of any size.
#[inline(never)]
#[expect(clippy::cast_precision_loss, reason = "the quotient is rounded once, with its sticky bit")]
#[expect(clippy::cast_possible_wrap, reason = "shifts are below 128")]
fn rounded_ratio(numerator: i128, denominator: i128) -> f64 {
    let (n, d) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    if n == 0 || d == 0 {
        return 0.0;
    }
    // With d reduced to 64 significant bits or fewer, the quotient keeps at least 63: enough to round once.
    let reduce = 64_u32.saturating_sub(d.leading_zeros());
    let n_shift = n.leading_zeros();
    let (dividend, divisor) = (n << n_shift, d >> reduce);
    let quotient = dividend / divisor;
    let is_exact = quotient * divisor == dividend && (divisor << reduce) == d;
    let magnitude = (quotient | u128::from(!is_exact)) as f64 * 2_f64.powi(-(n_shift as i32) - reduce as i32);
    if (numerator < 0) == (denominator < 0) { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::book::tests::{TwinBook, level};
    use crate::event::Snapshot;

    const SCALE: Scale = Scale::MAX;

    fn features(book: &Book, scale: Scale) -> Features {
        Features::of(book, &Top::of(book), scale, scale).unwrap()
    }

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let levels = |levels: &[(i64, i64)]| levels.iter().map(|&(p, q)| level(p, q)).collect();
        let mut book = Book::new();
        book.load(&Snapshot { bids: levels(bids), asks: levels(asks), ..Snapshot::default() });
        book
    }

    #[test]
    fn figures_of_a_small_book() {
        let scale = Scale::new(0).unwrap();
        let features = features(&book(&[(9_999, 6), (9_990, 4)], &[(10_001, 2)]), scale);
        assert_eq!(features.mid.to_bits(), 10_000_f64.to_bits());
        assert_eq!(features.spread, Price(2));
        assert_eq!(features.spread_bps.to_bits(), 2_f64.to_bits());
        assert_eq!(features.microprice.to_bits(), 10_000.5_f64.to_bits());
        assert_eq!(features.imbalance[0], Some(0.5));
        assert_eq!(features.imbalance[1], Some(8.0 / 12.0));
        assert_eq!(features.bid_depth, [Some(59_994.0), Some(99_954.0), Some(99_954.0)]);
        assert_eq!(features.ask_depth, [Some(20_002.0); 3]);
    }

    #[test]
    fn unknown_depth_is_not_a_number() {
        let mut cut = Book::new();
        cut.load(&Snapshot {
            bids: vec![level(9_999, 1), level(9_998, 1)],
            asks: vec![level(10_001, 1)],
            bid_horizon: Some(Price(9_998)),
            ..Snapshot::default()
        });
        let features = features(&cut, SCALE);
        assert_eq!((features.bid_depth[0], features.imbalance[1]), (None, None));
        assert!(features.ask_depth[0].is_some() && features.imbalance[0].is_some());
    }

    fn touches() -> impl Strategy<Value = Touch> {
        (1_000..1_010_i64, 1..5_i64, 1..99_i64, 1..99_i64)
            .prop_map(|(bid, gap, qb, qa)| Touch { bid: level(bid, qb), ask: level(bid + gap, qa) })
    }

    proptest! {
        #[test]
        fn the_microprice_lies_inside_the_spread(touch in touches()) {
            let scale = Scale::new(0).unwrap();
            let price = microprice(touch, scale);
            prop_assert!(scale.to_f64(touch.bid.price.0) <= price && price <= scale.to_f64(touch.ask.price.0));
        }

        #[test]
        fn order_flow_changes_sign_when_mirrored(before in touches(), after in touches()) {
            let mirror = |t: Touch| Touch {
                bid: level(-t.ask.price.0, t.ask.quantity.0),
                ask: level(-t.bid.price.0, t.bid.quantity.0),
            };
            prop_assert_eq!(order_flow(before, after), -order_flow(mirror(before), mirror(after)));
        }

        #[test]
        fn depth_equals_a_sum_over_all_levels(
            bids in prop::collection::btree_map(9_900..10_000_i64, 1..99_i64, 1..30),
            asks in prop::collection::btree_map(10_000..10_100_i64, 1..99_i64, 1..30),
        ) {
            let twin = TwinBook { bids, asks };
            let pairs = |levels: Vec<Level>| levels.iter().map(|l| (l.price.0, l.quantity.0)).collect::<Vec<_>>();
            let book = book(&pairs(twin.bids()), &pairs(twin.asks()));
            let scale = Scale::new(0).unwrap();
            let features = features(&book, scale);
            let twice_mid = features.touch.bid.price.0 + features.touch.ask.price.0;
            for (index, bps) in DEPTH_BPS.into_iter().enumerate() {
                let (low, high) = (twice_mid * i64::from(10_000 - bps), twice_mid * i64::from(10_000 + bps));
                let sum = |levels: &std::collections::BTreeMap<i64, i64>| -> i64 {
                    levels.iter().filter(|&(&p, _)| 20_000 * p >= low && 20_000 * p <= high).map(|(p, q)| p * q).sum()
                };
                prop_assert_eq!(features.bid_depth[index], Some(scale.to_f64(sum(&twin.bids))));
                prop_assert_eq!(features.ask_depth[index], Some(scale.to_f64(sum(&twin.asks))));
            }
        }

        #[test]
        fn large_ratios_are_as_close_as_small_ones(n in 1_i128..1 << 52, d in 1_i128..1 << 52, shift in 0..40_u32) {
            prop_assert_eq!(ratio(n << shift, d << shift).to_bits(), ratio(n, d).to_bits());
            prop_assert_eq!(ratio(-n << shift, d << shift).to_bits(), (-ratio(n, d)).to_bits());
        }
    }
}
