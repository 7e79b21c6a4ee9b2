//! Seeded order flow: who comes to a market, and what they ask for.
//!
//! A fair price drifts slowly. Market makers place and cancel orders close around it, patient traders far from it (by
//! a heavy-tailed distance), and now and then someone takes what is offered. All of it is decided by the seed alone.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "ticks and lots are drawn from continuous distributions; all are far below 2⁵²"
)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, Poisson, PoissonError, StandardNormal};

use super::matching::{LevelChange, MatchingEngine, OrderId, Outcome, Side};
use super::spec::MarketSpec;

/// Length of one step of the simulation, in nanoseconds.
pub(super) const STEP_NANOSECONDS: i64 = 10_000_000;

const STEPS_PER_SECOND: f64 = 100.0;

const MARKET_ORDER_SHARE: f64 = 0.06;
const SWEEP_SHARE: f64 = 0.002;
/// Share of placements and cancellations close to the touch.
const NEAR_SHARE: f64 = 0.7;
/// No order is further from the fair price than this part of it.
const FURTHEST: f64 = 0.3;
/// Levels a side that no taker and no cancellation goes below.
const FEWEST_LEVELS: usize = 12;

/// What happened to the book, and who took if something was taken.
pub(super) struct Activity {
    pub taker: Side,
    pub outcome: Outcome,
}

/// The traders of one market.
pub(super) struct OrderFlow {
    rng: ChaCha8Rng,
    events: Poisson<f64>,
    shape: Shape,
    fair: f64,
    anchor: f64,
    near: Crowd,
    far: Crowd,
}

/// The market's proportions, in ticks and lots.
struct Shape {
    spread: f64,
    near_mean: f64,
    far_scale: f64,
    furthest: f64,
    drift_per_step: f64,
    order_lots: f64,
    levels: usize,
}

/// Orders of one kind. Some may have been filled meanwhile; they are forgotten when next met.
#[derive(Default)]
struct Crowd {
    orders: Vec<OrderId>,
    target: usize,
}

#[derive(Clone, Copy)]
enum Place {
    Near,
    Far,
}

impl OrderFlow {
    /// # Errors
    /// Where `spec.events_per_second` times `rate` is no possible mean.
    pub(super) fn new(spec: &MarketSpec, rate: f64, seed: u64) -> Result<Self, PoissonError> {
        let fair = spec.start_ticks as f64;
        let furthest = fair * FURTHEST;
        let levels = spec.levels.min((furthest * 0.6) as usize).max(FEWEST_LEVELS);
        let near_mean = (fair * 1e-5).max(2.0);
        Ok(Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            events: Poisson::new(spec.events_per_second * rate / STEPS_PER_SECOND)?,
            shape: Shape {
                spread: spec.spread_ticks as f64,
                near_mean,
                far_scale: (fair * 3e-3).max(levels as f64),
                furthest,
                drift_per_step: fair * spec.volatility / STEPS_PER_SECOND.sqrt(),
                order_lots: spec.order_lots as f64,
                levels,
            },
            fair,
            anchor: fair,
            near: Crowd { orders: Vec::new(), target: 40 + 2 * near_mean.min(60.0) as usize },
            far: Crowd::default(),
        })
    }

    /// Fills an empty book to the market's usual number of levels.
    pub(super) fn open(&mut self, engine: &mut MatchingEngine) {
        for _ in 0..self.near.target {
            self.place(engine, Place::Near);
        }
        for _ in 0..self.shape.levels * 40 {
            let thin = engine.level_count(Side::Bid).min(engine.level_count(Side::Ask));
            if thin >= self.shape.levels {
                break;
            }
            self.place(engine, Place::Far);
        }
        self.far.target = self.far.orders.len();
    }

    /// Lets the fair price drift for one step and says how many events the step has.
    pub(super) fn step(&mut self) -> usize {
        let noise: f64 = self.rng.sample(StandardNormal);
        let pull = (self.anchor - self.fair) * 1e-5;
        let (lowest, highest) = (self.anchor * 0.8, self.anchor * 1.2);
        self.fair = (self.fair + noise * self.shape.drift_per_step + pull).clamp(lowest, highest);
        self.rng.sample(self.events) as usize
    }

    /// One trader does one thing.
    pub(super) fn act(&mut self, engine: &mut MatchingEngine) -> Activity {
        let draw: f64 = self.rng.random();
        if draw < MARKET_ORDER_SHARE
            && let Some(activity) = self.take(engine, draw < SWEEP_SHARE)
        {
            return activity;
        }
        let place = if self.rng.random_bool(NEAR_SHARE) { Place::Near } else { Place::Far };
        let crowd = self.crowd(place);
        let crowding = crowd.orders.len() as f64 / crowd.target.max(1) as f64;
        if self.rng.random_bool((crowding / 2.0).min(1.0))
            && let Some(change) = self.withdraw(engine, place)
        {
            let outcome = Outcome { changes: vec![change], ..Outcome::default() };
            return Activity { taker: change.side.opposite(), outcome };
        }
        self.place(engine, place)
    }

    /// The tick has become `factor` times finer: the same prices are more ticks.
    pub(super) fn refine(&mut self, factor: i64) {
        let factor = factor as f64;
        self.fair *= factor;
        self.anchor *= factor;
        let shape = &mut self.shape;
        for ticks in [
            &mut shape.spread,
            &mut shape.near_mean,
            &mut shape.far_scale,
            &mut shape.furthest,
            &mut shape.drift_per_step,
        ] {
            *ticks *= factor;
        }
        // The finer grid is there to be used: makers undercut each other until the spread is half of what it was.
        shape.spread = (shape.spread / 2.0).round().max(1.0);
    }

    fn crowd(&mut self, place: Place) -> &mut Crowd {
        match place {
            Place::Near => &mut self.near,
            Place::Far => &mut self.far,
        }
    }

    fn place(&mut self, engine: &mut MatchingEngine, place: Place) -> Activity {
        let side = if self.rng.random_bool(0.5) { Side::Bid } else { Side::Ask };
        let distance = match place {
            Place::Near => self.near_distance(),
            Place::Far => self.far_distance(),
        };
        let bid = (self.fair - (self.shape.spread - 1.0) / 2.0).floor();
        let tick = match side {
            Side::Bid => bid - distance,
            Side::Ask => bid + self.shape.spread + distance,
        };
        let lots = self.lots();
        let outcome = engine.limit(side, (tick as i64).max(1), lots);
        self.crowd(place).orders.extend(outcome.resting);
        Activity { taker: side, outcome }
    }

    fn near_distance(&mut self) -> f64 {
        if self.rng.random_bool(0.35) {
            return 0.0;
        }
        let draw: f64 = self.rng.sample(Exp1);
        (draw * self.shape.near_mean).floor()
    }

    /// A distance d with P(d > x) = s / (s + x), cut off at the furthest.
    fn far_distance(&mut self) -> f64 {
        let Shape { far_scale, furthest, .. } = self.shape;
        let least = far_scale / (far_scale + furthest);
        let share = self.rng.random_range(least..1.0);
        (far_scale * (1.0 / share - 1.0)).floor()
    }

    fn lots(&mut self) -> i64 {
        let draw: f64 = self.rng.sample(StandardNormal);
        ((self.shape.order_lots * (1.1 * draw - 0.6).exp()).round() as i64).max(1)
    }

    /// A market order towards the fair price; a sweep eats several levels. `None` where the side is too thin.
    fn take(&mut self, engine: &mut MatchingEngine, sweep: bool) -> Option<Activity> {
        let (bid, _) = engine.best(Side::Bid)?;
        let (ask, _) = engine.best(Side::Ask)?;
        let mid = (bid + ask) as f64 / 2.0;
        let lean = (self.fair - mid) / (4.0 * self.shape.spread);
        let buys = self.rng.random_bool((0.5 + lean).clamp(0.1, 0.9));
        let taker = if buys { Side::Bid } else { Side::Ask };
        let maker = taker.opposite();
        if engine.level_count(maker) <= FEWEST_LEVELS {
            return None;
        }
        let levels = if sweep { self.rng.random_range(3..=10) } else { 2 };
        let offered: i64 = engine.depth(maker, levels).iter().map(|(_, lots)| lots).sum();
        let lots = if sweep { offered } else { self.lots().min(offered) };
        Some(Activity { taker, outcome: engine.market(taker, lots) })
    }

    /// Cancels one order of the crowd: makers give up what is most exposed, or what the market has left behind.
    fn withdraw(&mut self, engine: &mut MatchingEngine, place: Place) -> Option<LevelChange> {
        let candidates = match place {
            Place::Near => 4,
            Place::Far => 1,
        };
        let exposed = self.rng.random_bool(0.5);
        let mut chosen: Option<(f64, usize)> = None;
        for _ in 0..candidates {
            let Some((index, distance)) = self.candidate(engine, place) else { continue };
            let better =
                chosen.is_none_or(|(best, _)| if exposed { distance < best } else { distance > best });
            if better {
                chosen = Some((distance, index));
            }
        }
        let (_, index) = chosen?;
        let orders = &mut self.crowd(place).orders;
        let id = (index < orders.len()).then(|| orders.swap_remove(index))?;
        let (side, _) = engine.order(id)?;
        if engine.level_count(side) <= FEWEST_LEVELS {
            self.crowd(place).orders.push(id);
            return None;
        }
        engine.cancel(id)
    }

    /// A random order that is still in the book: its place in the crowd, and its distance from the fair price.
    fn candidate(&mut self, engine: &MatchingEngine, place: Place) -> Option<(usize, f64)> {
        let fair = self.fair;
        for _ in 0..8 {
            let count = self.crowd(place).orders.len();
            if count == 0 {
                return None;
            }
            let index = self.rng.random_range(0..count);
            let orders = &mut self.crowd(place).orders;
            let id = *orders.get(index)?;
            match engine.order(id) {
                Some((Side::Bid, tick)) => return Some((index, fair - tick as f64)),
                Some((Side::Ask, tick)) => return Some((index, tick as f64 - fair)),
                None => {
                    orders.swap_remove(index);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::spec::{default_markets, market_for};

    #[test]
    fn books_keep_their_shape() {
        for symbol in ["BTCUSDT", "PEPEUSDT", "BTCEUR", "NKNUSDT"] {
            let spec = market_for(symbol).unwrap();
            let mut flow = OrderFlow::new(&spec, 1.0, 1).unwrap();
            let mut engine = MatchingEngine::default();
            flow.open(&mut engine);
            let opened = engine.level_count(Side::Bid);
            for _ in 0..20_000 {
                flow.step();
                flow.act(&mut engine);
                let (bid, ask) = (engine.best(Side::Bid).unwrap(), engine.best(Side::Ask).unwrap());
                assert!(bid.0 < ask.0, "{symbol}");
            }
            for side in [Side::Bid, Side::Ask] {
                let levels = engine.level_count(side);
                assert!(levels * 2 > opened && levels < opened * 2, "{symbol}: {opened} became {levels}");
            }
        }
    }

    #[test]
    fn a_seed_decides_everything() {
        let spec = &default_markets()[1];
        let run = |seed| {
            let mut flow = OrderFlow::new(spec, 1.0, seed).unwrap();
            let mut engine = MatchingEngine::default();
            flow.open(&mut engine);
            let outcomes: Vec<_> = (0..500)
                .flat_map(|_| (0..flow.step()).map(|_| flow.act(&mut engine).outcome).collect::<Vec<_>>())
                .collect();
            outcomes
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
