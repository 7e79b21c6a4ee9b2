//! Keeping a book in step with a venue: the rules by which snapshot and diffs fit together, as a state machine without I/O.
//!
//! Source: Binance, "How to manage a local order book correctly". Spot events chain by `U`, each the `u` before plus one;
//! futures events by `pu`, each the `u` before: an event that carries a `pu` is judged by it. One point of the documents is
//! false and not followed: a first event with `U = lastUpdateId + 1` is legitimate.

use std::collections::VecDeque;

use crate::book::Book;
use crate::event::{DepthUpdate, Snapshot, UpdateId};

/// Where a book stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// No snapshot yet: events are kept until one fits.
    Buffering,
    /// Each event was applied.
    Live,
    /// Events were lost: the book stands still, marked, until a new snapshot is in.
    Resyncing,
}

/// Events missing between what a book had and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The update id that should have followed: `U` on spot, `pu` on futures.
    pub expected: UpdateId,
    /// What came in its place.
    pub received: UpdateId,
}

/// What became of a depth event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthOutcome {
    Applied,
    /// Kept until a snapshot fits.
    Buffered,
    /// At or below what the book holds already.
    Stale,
    /// Events are missing before this one; it is kept for the next snapshot.
    Gap(Gap),
    /// The event was applied and left bid ≥ ask: the book cannot be right.
    Crossed,
    /// More events wait than are worth keeping; all but this one were given up.
    BufferOverflow,
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// The book is live on it, and the kept events that followed were applied.
    Loaded,
    /// The book is live already; the snapshot was not used.
    NotNeeded,
    /// Older than the first event kept: another is needed.
    TooOld,
    /// It was loaded, but the kept events do not chain: another is needed.
    Gap(Gap),
    /// It was loaded, and left bid ≥ ask: another is needed.
    Crossed,
}

/// A book with its place in the venue's stream of changes.
#[derive(Debug, Clone)]
pub struct SyncedBook {
    book: Book,
    state: SyncState,
    /// No event was applied since the snapshot.
    fresh: bool,
    kept: VecDeque<DepthUpdate>,
    epoch: u32,
    stale: u64,
}

/// What a live [`SyncedBook`] needs besides its levels to go on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub epoch: u32,
    pub fresh: bool,
}

impl Default for SyncedBook {
    fn default() -> Self {
        Self::new()
    }
}

impl SyncedBook {
    /// Spot sends ten events a second and symbol, futures up to a few hundred: a minute's worth is worth keeping.
    const MOST_KEPT: usize = 20_000;

    #[must_use]
    pub fn new() -> Self {
        Self {
            book: Book::new(),
            state: SyncState::Buffering,
            fresh: false,
            kept: VecDeque::new(),
            epoch: 0,
            stale: 0,
        }
    }

    /// A live book as it stood at `position`.
    #[must_use]
    pub fn restored(snapshot: &Snapshot, position: Position) -> Self {
        let mut restored = Self::new();
        restored.book.load(snapshot);
        restored.state = SyncState::Live;
        restored.fresh = position.fresh;
        restored.epoch = position.epoch;
        restored
    }

    /// A book that is not live, after `epoch` snapshots.
    #[must_use]
    pub fn lost(epoch: u32) -> Self {
        let state = if epoch > 0 { SyncState::Resyncing } else { SyncState::Buffering };
        Self { state, epoch, ..Self::new() }
    }

    /// The book; meaningful as the venue's only while the state is [`SyncState::Live`].
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    #[must_use]
    pub const fn state(&self) -> SyncState {
        self.state
    }

    /// How many snapshots were loaded so far: what is read in one epoch belongs together.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// How many events came at or below what the book held already.
    #[must_use]
    pub const fn stale(&self) -> u64 {
        self.stale
    }

    /// What to keep with [`Book::to_snapshot`] so that [`SyncedBook::restored`] goes on from here.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { epoch: self.epoch, fresh: self.fresh }
    }

    /// The first event kept for a snapshot.
    #[must_use]
    pub fn first_kept(&self) -> Option<&DepthUpdate> {
        self.kept.front()
    }

    /// Takes one depth event. `applied` sees the book after each event that was applied.
    pub fn depth(
        &mut self,
        update: &DepthUpdate,
        mut applied: impl FnMut(&Book, &DepthUpdate),
    ) -> DepthOutcome {
        if self.state != SyncState::Live {
            return self.keep(update);
        }
        match self.advance(update) {
            Step::Stale => DepthOutcome::Stale,
            Step::Applied => {
                applied(&self.book, update);
                DepthOutcome::Applied
            }
            Step::Gap(gap) => {
                self.lose();
                self.kept.push_back(update.clone());
                DepthOutcome::Gap(gap)
            }
            Step::Crossed => {
                self.lose();
                DepthOutcome::Crossed
            }
        }
    }

    /// Takes a snapshot. `applied` sees the book after each kept event that was applied on top of it.
    pub fn snapshot(
        &mut self,
        snapshot: &Snapshot,
        mut applied: impl FnMut(&Book, &DepthUpdate),
    ) -> SnapshotOutcome {
        if self.state == SyncState::Live {
            return SnapshotOutcome::NotNeeded;
        }
        if self.kept.front().is_some_and(|first| snapshot.last_update_id.0.saturating_add(1) < first.first.0)
        {
            return SnapshotOutcome::TooOld;
        }
        self.book.load(snapshot);
        if is_crossed(&self.book) {
            return SnapshotOutcome::Crossed;
        }
        self.state = SyncState::Live;
        self.fresh = true;
        self.epoch += 1;
        while let Some(update) = self.kept.pop_front() {
            match self.advance(&update) {
                Step::Stale => {}
                Step::Applied => applied(&self.book, &update),
                Step::Gap(gap) => {
                    self.state = SyncState::Resyncing;
                    self.kept.push_front(update);
                    return SnapshotOutcome::Gap(gap);
                }
                Step::Crossed => {
                    self.state = SyncState::Resyncing;
                    return SnapshotOutcome::Crossed;
                }
            }
        }
        SnapshotOutcome::Loaded
    }

    /// Gives the book up: something was lost that no event will tell of. Kept events are forgotten.
    pub fn lose(&mut self) {
        self.kept.clear();
        if self.epoch > 0 {
            self.state = SyncState::Resyncing;
        }
    }

    fn keep(&mut self, update: &DepthUpdate) -> DepthOutcome {
        let overflow = self.kept.len() >= Self::MOST_KEPT;
        if overflow {
            self.kept.clear();
        }
        self.kept.push_back(update.clone());
        if overflow { DepthOutcome::BufferOverflow } else { DepthOutcome::Buffered }
    }

    fn advance(&mut self, update: &DepthUpdate) -> Step {
        let held = self.book.update_id();
        if self.is_stale(update) {
            self.stale += 1;
            return Step::Stale;
        }
        if !self.follows(update) {
            return Step::Gap(match update.previous {
                None => Gap { expected: UpdateId(held.0.saturating_add(1)), received: update.first },
                Some(previous) => Gap { expected: held, received: previous },
            });
        }
        self.book.apply(update);
        self.fresh = false;
        if is_crossed(&self.book) { Step::Crossed } else { Step::Applied }
    }

    fn is_stale(&self, update: &DepthUpdate) -> bool {
        let held = self.book.update_id();
        match update.previous {
            // The first futures event after a snapshot spans it, and may end exactly there.
            Some(_) if self.fresh => update.last < held,
            _ => update.last <= held,
        }
    }

    fn follows(&self, update: &DepthUpdate) -> bool {
        let held = self.book.update_id();
        match (update.previous, self.fresh) {
            (None, true) => update.first.0 <= held.0.saturating_add(1),
            (None, false) => update.first.0 == held.0.saturating_add(1),
            (Some(_), true) => update.first <= held && held <= update.last,
            (Some(previous), false) => previous == held,
        }
    }
}

enum Step {
    Applied,
    Stale,
    Gap(Gap),
    Crossed,
}

fn is_crossed(book: &Book) -> bool {
    book.touch().is_some_and(|touch| touch.bid.price >= touch.ask.price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Side;
    use crate::book::tests::level;

    fn event(first: u64, last: u64, bid: i64) -> DepthUpdate {
        DepthUpdate {
            first: UpdateId(first),
            last: UpdateId(last),
            bids: vec![level(100, bid)],
            ..DepthUpdate::default()
        }
    }

    fn chained(previous: u64, first: u64, last: u64) -> DepthUpdate {
        DepthUpdate { previous: Some(UpdateId(previous)), ..event(first, last, 1) }
    }

    fn snapshot(last: u64) -> Snapshot {
        Snapshot {
            last_update_id: UpdateId(last),
            bids: vec![level(100, 1)],
            asks: vec![level(101, 1)],
            ..Snapshot::default()
        }
    }

    fn depth(book: &mut SyncedBook, update: &DepthUpdate) -> DepthOutcome {
        book.depth(update, |_, _| {})
    }

    fn live(last: u64) -> SyncedBook {
        let mut book = SyncedBook::new();
        assert_eq!(book.snapshot(&snapshot(last), |_, _| {}), SnapshotOutcome::Loaded);
        book
    }

    #[test]
    fn kept_events_are_applied_on_the_snapshot() {
        let mut book = SyncedBook::new();
        for update in [event(1, 5, 2), event(6, 10, 3), event(11, 12, 4)] {
            assert_eq!(depth(&mut book, &update), DepthOutcome::Buffered);
        }
        let mut seen = Vec::new();
        let outcome = book.snapshot(&snapshot(7), |book, _| seen.push(book.update_id().0));
        assert_eq!((outcome, seen), (SnapshotOutcome::Loaded, vec![10, 12]));
        assert_eq!(book.book().quantity_at(Side::Bid, level(100, 0).price).0, 4);
    }

    #[test]
    fn a_first_event_right_after_the_snapshot_is_legitimate() {
        let mut book = live(7);
        assert_eq!(depth(&mut book, &event(8, 9, 2)), DepthOutcome::Applied);
    }

    #[test]
    fn a_snapshot_older_than_what_is_kept_is_refused() {
        let mut book = SyncedBook::new();
        depth(&mut book, &event(10, 12, 2));
        assert_eq!(book.snapshot(&snapshot(8), |_, _| {}), SnapshotOutcome::TooOld);
        assert_eq!(book.snapshot(&snapshot(9), |_, _| {}), SnapshotOutcome::Loaded);
        assert_eq!(book.book().update_id(), UpdateId(12));
    }

    #[test]
    fn a_gap_keeps_the_event_for_the_next_snapshot() {
        let mut book = live(7);
        depth(&mut book, &event(8, 9, 2));
        let gap = Gap { expected: UpdateId(10), received: UpdateId(12) };
        assert_eq!(depth(&mut book, &event(12, 14, 5)), DepthOutcome::Gap(gap));
        assert_eq!(book.state(), SyncState::Resyncing);
        assert_eq!(book.snapshot(&snapshot(11), |_, _| {}), SnapshotOutcome::Loaded);
        assert_eq!((book.book().update_id(), book.epoch()), (UpdateId(14), 2));
    }

    #[test]
    fn what_is_known_already_is_stale() {
        let mut book = live(7);
        assert_eq!(depth(&mut book, &event(3, 7, 9)), DepthOutcome::Stale);
        depth(&mut book, &event(8, 9, 2));
        assert_eq!(depth(&mut book, &event(8, 9, 2)), DepthOutcome::Stale);
    }

    #[test]
    fn futures_chain_by_the_previous_id() {
        let mut book = live(50);
        assert_eq!(depth(&mut book, &chained(30, 31, 49)), DepthOutcome::Stale);
        assert_eq!(depth(&mut book, &chained(40, 41, 50)), DepthOutcome::Applied);
        assert_eq!(depth(&mut book, &chained(50, 60, 70)), DepthOutcome::Applied);
        let gap = Gap { expected: UpdateId(70), received: UpdateId(71) };
        assert_eq!(depth(&mut book, &chained(71, 80, 90)), DepthOutcome::Gap(gap));
    }

    #[test]
    fn a_crossed_book_is_given_up() {
        let mut book = live(7);
        let crossing = DepthUpdate { bids: vec![level(101, 1)], ..event(8, 8, 1) };
        assert_eq!(depth(&mut book, &crossing), DepthOutcome::Crossed);
        assert_eq!(book.state(), SyncState::Resyncing);
    }

    #[test]
    fn a_restored_book_goes_on_where_it_stood() {
        let mut book = live(7);
        depth(&mut book, &event(8, 9, 2));
        let restored = SyncedBook::restored(&book.book().to_snapshot(), book.position());
        for mut book in [book, restored] {
            assert_eq!(depth(&mut book, &event(10, 11, 3)), DepthOutcome::Applied);
            assert_eq!(book.epoch(), 1);
        }
    }

    #[test]
    fn too_many_kept_events_are_given_up() {
        let mut book = SyncedBook::new();
        for id in 0..SyncedBook::MOST_KEPT as u64 {
            assert_eq!(depth(&mut book, &event(id, id, 1)), DepthOutcome::Buffered);
        }
        assert_eq!(depth(&mut book, &event(99_999, 99_999, 1)), DepthOutcome::BufferOverflow);
        assert_eq!(book.first_kept().map(|event| event.first), Some(UpdateId(99_999)));
    }
}
