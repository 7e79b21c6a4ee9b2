//! Whatever is written, kept and read in whatever order: a copy is the book, or says from where on it is not.

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::Price;
use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot, UpdateId};
use depthlake_orderbook::time::Timestamp;
use proptest::prelude::*;

use super::support::{create, instrument, level};
use crate::board::BoardState;
use crate::depth::{DepthBook, DepthError, DepthKeeper, DepthReader, JournalWriter, Refreshed};

const RING: usize = 64;
/// The levels a side that a base of such a journal holds.
const ROOM: usize = (RING / 2 - 4) / 2;

#[derive(Debug, Clone)]
enum Step {
    Load { bids: Vec<Level>, asks: Vec<Level>, horizon: bool },
    Apply { bids: Vec<Level>, asks: Vec<Level> },
    State(BoardState),
    Keep,
    Refresh,
    CopyAnew,
}

fn levels(first: i64, zeros: bool) -> impl Strategy<Value = Vec<Level>> {
    let quantity = if zeros { (0..4_i64).boxed() } else { (1..4_i64).boxed() };
    prop::collection::vec((first..first + 25, quantity), 0..20)
        .prop_map(|levels| levels.into_iter().map(|(price, quantity)| level(price, quantity)).collect())
}

fn steps() -> impl Strategy<Value = Step> {
    let states = vec![BoardState::Live, BoardState::Resyncing, BoardState::Stale];
    prop_oneof![
        1 => (levels(1, false), levels(30, false), any::<bool>())
            .prop_map(|(bids, asks, horizon)| Step::Load { bids, asks, horizon }),
        9 => (levels(1, true), levels(30, true)).prop_map(|(bids, asks)| Step::Apply { bids, asks }),
        1 => prop::sample::select(states).prop_map(Step::State),
        3 => Just(Step::Keep),
        4 => Just(Step::Refresh),
        1 => Just(Step::CopyAnew),
    ]
}

/// The slow twin: the book itself, with what should be told of it.
struct Twin {
    book: Book,
    state: BoardState,
    epoch: u64,
    is_whole: bool,
    /// A side was once deeper than a base has room for.
    was_deep: bool,
}

impl Twin {
    fn load(&mut self, bids: Vec<Level>, asks: Vec<Level>, horizon: bool) {
        let at_end = |price: i64| horizon.then_some(Price(price));
        let snapshot = Snapshot {
            last_update_id: UpdateId(self.book.update_id().0 + 5),
            bids,
            asks,
            bid_horizon: at_end(3),
            ask_horizon: at_end(52),
        };
        self.book.load(&snapshot);
        self.epoch += 1;
        self.is_whole = true;
        self.see_depth();
    }

    fn apply(&mut self, bids: Vec<Level>, asks: Vec<Level>) -> DepthUpdate {
        let last = UpdateId(self.book.update_id().0 + 1);
        let update = DepthUpdate { last, bids, asks, ..DepthUpdate::default() };
        self.book.apply(&update);
        self.epoch += u64::from(!self.is_whole);
        self.is_whole = true;
        self.see_depth();
        update
    }

    fn see_depth(&mut self) {
        self.was_deep |= [Side::Bid, Side::Ask].iter().any(|side| self.book.depth(*side) > ROOM);
    }

    fn assert_told_by(&self, copy: &DepthBook) {
        let book = copy.book();
        assert_eq!(book.update_id(), self.book.update_id());
        assert_eq!((copy.state(), copy.epoch()), (self.state, self.epoch));
        for side in [Side::Bid, Side::Ask] {
            let known = |level: &Level| book.is_known_to(side, level.price);
            let ours: Vec<Level> = book.levels(side).filter(known).collect();
            let expected: Vec<Level> = self.book.levels(side).filter(known).collect();
            assert_eq!(ours, expected, "{side:?} up to the horizon {:?}", book.horizon(side));
            match book.horizon(side) {
                None => assert_eq!(self.book.horizon(side), None),
                Some(horizon) => {
                    assert!(self.book.is_known_to(side, horizon), "{side:?} claims to know too much");
                }
            }
            if !self.was_deep {
                assert_eq!(book.horizon(side), self.book.horizon(side));
            }
        }
    }
}

/// Whether there is a way to the head: the copy's own position, the last whole book or the newest base is in the ring.
fn is_reachable(copy: &DepthBook) -> bool {
    let region = copy.region();
    let base = region.newest_base().map_or(0, |base| base.position);
    let begin = region.last_whole().max(base).max(copy.position().unwrap_or(0));
    region.head() - begin <= RING as u64
}

fn play(steps: Vec<Step>, reader: &DepthReader, keeper: &mut DepthKeeper, writer: &mut JournalWriter) {
    let symbol = writer.symbol();
    let mut twin =
        Twin { book: Book::new(), state: BoardState::Waiting, epoch: 0, is_whole: false, was_deep: false };
    let mut follower = reader.copy(symbol).unwrap();
    for step in steps {
        match step {
            Step::Load { bids, asks, horizon } => {
                twin.load(bids, asks, horizon);
                writer.load(&instrument(), &twin.book, Timestamp(1), Timestamp(2));
            }
            Step::Apply { bids, asks } => {
                let update = twin.apply(bids, asks);
                writer.apply(&instrument(), &twin.book, &update);
            }
            Step::State(state) => {
                twin.state = state;
                twin.is_whole &= state != BoardState::Resyncing;
                writer.state(state);
            }
            Step::Keep => {
                keeper.turn();
            }
            Step::Refresh => {
                let reachable = is_reachable(&follower);
                match follower.refresh() {
                    Ok(_) => twin.assert_told_by(&follower),
                    Err(DepthError::Overtaken { .. }) => assert!(!reachable),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::CopyAnew => match reader.copy(symbol) {
                Ok(mut copy) => {
                    twin.assert_told_by(&copy);
                    assert_eq!(copy.refresh().unwrap(), Refreshed::Unchanged);
                }
                Err(DepthError::Overtaken { .. }) => {}
                Err(error) => panic!("{error}"),
            },
        }
    }
    // The keeper asks for the whole book where it was overtaken, and gets it with the next event.
    keeper.turn();
    let update = twin.apply(vec![level(1, 1)], Vec::new());
    writer.apply(&instrument(), &twin.book, &update);
    follower.refresh().unwrap();
    twin.assert_told_by(&follower);
    twin.assert_told_by(&reader.copy(symbol).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_copy_is_the_book(steps in prop::collection::vec(steps(), 1..120)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("depth");
        let (mut keeper, mut writer) = create(&path, RING);
        play(steps, &DepthReader::open(&path).unwrap(), &mut keeper, &mut writer);
    }
}
