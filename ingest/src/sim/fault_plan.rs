//! Decides when the armed faults happen, and counts those that did.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fault::{Fault, FaultKind, Opportunity, Trigger};

/// The armed faults of one venue.
pub(super) struct FaultPlan {
    state: Mutex<State>,
}

struct State {
    armed: Vec<Armed>,
    happened: BTreeMap<(FaultKind, String), u64>,
    rng: ChaCha8Rng,
}

struct Armed {
    fault: Fault,
    opportunities: u64,
}

/// How often a fault happened to a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultCount {
    pub kind: FaultKind,
    /// Empty where the fault concerned no single symbol.
    pub symbol: String,
    pub count: u64,
}

impl FaultPlan {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let armed = faults.into_iter().map(|fault| Armed { fault, opportunities: 0 }).collect();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { state: Mutex::new(State { armed, happened: BTreeMap::new(), rng }) }
    }

    pub(super) fn arm(&self, fault: Fault) {
        self.state().armed.push(Armed { fault, opportunities: 0 });
    }

    /// Tells the plan of one opportunity (upper-case `symbol`, or none), and gets the faults that happen at it.
    pub(super) fn at(&self, opportunity: Opportunity, symbol: Option<&str>) -> Vec<Fault> {
        let State { armed, happened, rng } = &mut *self.state();
        let mut due = Vec::new();
        armed.retain_mut(|entry| {
            let fault = &entry.fault;
            let concerned = fault.symbol.is_none() || fault.symbol.as_deref() == symbol;
            if fault.kind.opportunity() != opportunity || !concerned {
                return true;
            }
            entry.opportunities += 1;
            let (happens, stays) = match fault.trigger {
                Trigger::Next => (true, false),
                Trigger::At(nth) => (entry.opportunities == nth, entry.opportunities < nth),
                Trigger::Every(nth) => (entry.opportunities.is_multiple_of(nth), true),
                Trigger::Probability(share) => (rng.random_bool(share), true),
            };
            if happens {
                due.push(fault.clone());
                *happened.entry((fault.kind, symbol.unwrap_or_default().to_owned())).or_default() += 1;
            }
            stays
        });
        due
    }

    /// Counts a fault that was carried out at once, without waiting for an opportunity.
    pub(super) fn note(&self, kind: FaultKind, symbol: Option<&str>) {
        *self.state().happened.entry((kind, symbol.unwrap_or_default().to_owned())).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Vec<FaultCount> {
        let count = |((kind, symbol), count): (&(FaultKind, String), &u64)| FaultCount {
            kind: *kind,
            symbol: symbol.clone(),
            count: *count,
        };
        self.state().happened.iter().map(count).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(plan: &FaultPlan, symbol: &str, opportunities: usize) -> Vec<usize> {
        (1..=opportunities).filter(|_| !plan.at(Opportunity::Diff, Some(symbol)).is_empty()).collect()
    }

    fn plan(text: &str) -> FaultPlan {
        FaultPlan::new(vec![text.parse().unwrap()], 7)
    }

    #[test]
    fn triggers_count_the_opportunities_of_their_symbol() {
        let every = plan("dropped-diff:symbol=BTCUSDT,every=3");
        assert_eq!(times(&every, "ETHUSDT", 9), [0; 0]);
        assert_eq!(times(&every, "BTCUSDT", 7), [3, 6]);
        assert_eq!(times(&plan("dropped-diff:at=4"), "BTCUSDT", 9), [4]);
        assert_eq!(times(&plan("dropped-diff"), "BTCUSDT", 9), [1]);
    }

    #[test]
    fn chance_is_by_the_seed() {
        let chance = "dropped-diff:probability=0.3";
        let happened = times(&plan(chance), "BTCUSDT", 100);
        assert_eq!(happened, times(&plan(chance), "BTCUSDT", 100));
        assert!((10..60).contains(&happened.len()));
    }

    #[test]
    fn other_opportunities_do_not_count() {
        let plan = plan("stale-snapshot");
        assert!(plan.at(Opportunity::Frame, None).is_empty());
        assert_eq!(plan.at(Opportunity::DepthRequest, Some("X")).len(), 1);
        assert_eq!(plan.counts().len(), 1);
    }
}
