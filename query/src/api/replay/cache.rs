//! Pipelines that stand at times of the past, for those who go on from there.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use depthlake_engine::pipeline::Pipeline;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::rebuild::Applied;

/// Pipelines kept; each holds one book.
const KEPT: usize = 48;

/// A pipeline that has handled all messages of a symbol received up to a time.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) symbol: Symbol,
    pub(super) snapshot: Timestamp,
    pub(super) reached: Timestamp,
    pub(super) pipeline: Pipeline,
    pub(super) applied: Applied,
}

/// The pipelines used last.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<VecDeque<Standing>>);

impl Cache {
    /// A copy of the pipeline that is nearest before a time; only where it stands on the same snapshot.
    pub(super) fn before(&self, symbol: Symbol, snapshot: Timestamp, time: Timestamp) -> Option<Standing> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |standing: &Standing| {
            standing.symbol == symbol && standing.snapshot == snapshot && standing.reached <= time
        };
        let nearest = kept.iter().enumerate().filter(|(_, standing)| fits(standing));
        let (place, _) = nearest.max_by_key(|(_, standing)| standing.reached)?;
        let standing = kept.remove(place)?;
        let copy = standing.fork();
        kept.push_back(standing);
        Some(copy)
    }

    /// Keeps a pipeline; the one that was not used for longest goes.
    pub(super) fn keep(&self, standing: Standing) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.symbol != standing.symbol || known.reached != standing.reached);
        kept.push_back(standing);
        while kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

impl Standing {
    pub(super) fn fork(&self) -> Self {
        Self { pipeline: self.pipeline.fork(), ..*self }
    }
}
