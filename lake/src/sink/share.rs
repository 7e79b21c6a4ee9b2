//! Which partitions a sink carries.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::log::Partition;

/// How long a sink that shall stop waits for the group to tell what is its part of the rest. A member that died has its
/// partitions for ten seconds.
const LAST_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) enum Share {
    All,
    /// What a group has given, which changes.
    Given(watch::Receiver<BTreeSet<Partition>>),
}

/// The partitions at one time.
#[derive(Debug)]
pub(super) enum Carried {
    All,
    These(BTreeSet<Partition>),
}

impl Share {
    pub(super) fn given(mut partitions: watch::Receiver<BTreeSet<Partition>>) -> Self {
        partitions.mark_changed();
        Self::Given(partitions)
    }

    pub(super) const fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }

    /// Whether the partitions are others than those last taken. A group that is gone gives no others.
    pub(super) fn has_changed(&self) -> bool {
        matches!(self, Self::Given(partitions) if partitions.has_changed().unwrap_or(false))
    }

    /// Takes the partitions of now.
    pub(super) fn partitions(&mut self) -> Carried {
        match self {
            Self::All => Carried::All,
            Self::Given(partitions) => Carried::These(partitions.borrow_and_update().clone()),
        }
    }

    /// Waits a little where the group has given none, for it may be about to.
    pub(super) async fn wait_to_be_given(&mut self) {
        if let Self::Given(partitions) = self {
            // The time is up, or the group is gone: others carry the rest.
            let _ = timeout(LAST_WAIT, partitions.wait_for(|given| !given.is_empty())).await;
            partitions.mark_changed();
        }
    }
}

impl Carried {
    pub(super) fn contains(&self, partition: Partition) -> bool {
        match self {
            Self::All => true,
            Self::These(partitions) => partitions.contains(&partition),
        }
    }
}
