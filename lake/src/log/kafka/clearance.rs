//! The order in which what is appended becomes known to the broker.
//!
//! Nothing derived is sent before all that it may come from is acknowledged, and no checkpoint before all derived records
//! that it speaks for. So what the broker has is whole, wherever this process dies.

use super::session::Lane;
use crate::log::{EmbeddedLog, Log, LogError, Offset, Topic, TopicPartition};

/// How far each partition may be sent, by what it rests on.
#[derive(Debug)]
pub(super) struct Clearance {
    /// What may be sent of each slot that rests on others.
    cleared: Vec<Offset>,
    /// The ends of all slots at one time, of which what rests on others is cleared in turn.
    asked: Vec<Offset>,
}

/// What must be acknowledged before; those of the first rest on nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Raw,
    Derived,
    Checkpoint,
}

impl Tier {
    const fn of(topic: Topic) -> Self {
        match topic {
            Topic::RawOrderbook | Topic::RawTrade => Self::Raw,
            Topic::Checkpoint => Self::Checkpoint,
            _ => Self::Derived,
        }
    }
}

impl Clearance {
    pub(super) fn new(lanes: &[Lane]) -> Self {
        let ends: Vec<Offset> = lanes.iter().map(|lane| lane.acknowledged).collect();
        Self { cleared: ends.clone(), asked: ends }
    }

    /// Clears what may follow, and asks for more once all of it may.
    pub(super) fn update(
        &mut self,
        outbox: &EmbeddedLog,
        places: &[TopicPartition],
        lanes: &[Lane],
    ) -> Result<(), LogError> {
        for tier in [Tier::Derived, Tier::Checkpoint] {
            let rests_on = |at: &TopicPartition| Tier::of(at.topic) < tier;
            let mut below = places.iter().zip(lanes).zip(&self.asked);
            if !below.all(|((at, lane), asked)| !rests_on(at) || lane.acknowledged >= *asked) {
                return Ok(());
            }
            for ((at, cleared), asked) in places.iter().zip(&mut self.cleared).zip(&self.asked) {
                if Tier::of(at.topic) == tier {
                    *cleared = *asked;
                }
            }
        }
        // What rests on others is looked at first: what it comes from was in the outbox before it.
        for tier in [Tier::Checkpoint, Tier::Derived, Tier::Raw] {
            for (at, asked) in places.iter().zip(&mut self.asked) {
                if Tier::of(at.topic) == tier {
                    *asked = outbox.durable_end(*at)?;
                }
            }
        }
        Ok(())
    }

    /// How far a partition may be sent.
    pub(super) fn limit(
        &self,
        outbox: &EmbeddedLog,
        at: TopicPartition,
        slot: usize,
    ) -> Result<Offset, LogError> {
        match Tier::of(at.topic) {
            Tier::Raw => outbox.durable_end(at),
            _ => Ok(self.cleared[slot]),
        }
    }
}
