//! What a contestant is, and how contestants are timed and checked.

use std::hint::black_box;
use std::iter::Sum;
use std::time::{Duration, Instant};

use depthlake_bench::path::read;
use depthlake_engine::shard::Inbound;
use depthlake_orderbook::event::DepthUpdate;

use crate::track::{Match, Track};

/// Levels a side that are read after every event.
pub const DEPTH: usize = 5;
/// What is shown is compared after every event whose number is a multiple of this, and after the last.
const CHECK_EVERY: usize = 16;
/// How many frames are played between two stops of the clock.
const FRAMES_A_TURN: usize = 64;
/// How many frames are played before what they left to another thread is taken away.
const FRAMES_BETWEEN_CLEARINGS: usize = 1_024;

/// The best levels of both sides, best first; what is missing is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopFive<L> {
    pub bids: [L; DEPTH],
    pub asks: [L; DEPTH],
}

/// Price and quantity in the instrument's units.
pub type InUnits = (i64, i64);

/// A book whose best levels can be read.
pub trait TopOfBook {
    /// A level in the book's own numbers.
    type Level: Copy + Default;

    fn top_five(&self) -> TopFive<Self::Level>;

    fn in_units(&self, level: Self::Level) -> InUnits;
}

/// A book that takes decoded events.
pub trait PeerBook: TopOfBook + Sized {
    /// An event in the book's own input type.
    type Event;

    fn name() -> String;

    /// The book with the track's snapshot in it.
    fn loaded(track: &Track) -> Self;

    fn event(track: &Track, update: &DepthUpdate) -> Self::Event;

    fn apply(&mut self, event: &Self::Event);
}

/// A way from a frame to a book.
pub trait FramePath: Sized {
    type Book: TopOfBook;

    fn name() -> String;

    /// The path with the track's snapshot in its book.
    fn loaded(track: &Track) -> Self;

    /// Brings the book up to date. A peer has no use for more than the frame's payload.
    fn frame(&mut self, frame: &Inbound);

    fn book(&self) -> &Self::Book;

    /// Gives the best levels to whoever wants them; nothing is left to do where [`FramePath::frame`] published them.
    fn show(&self) {
        black_box(self.book().top_five());
    }

    /// Takes away what was left to another thread, while the clock stands.
    fn clear(&mut self) {}
}

/// Something that plays a match.
pub trait Contestant {
    fn name(&self) -> String;

    /// Plays all events once and returns the time that took; loading the snapshots is not in it.
    fn play(&self) -> Duration;

    /// Five levels a side after some of the events and the last of each track, in units.
    fn shown(&self) -> Vec<TopFive<InUnits>>;
}

/// Plays decoded events.
pub struct BookContestant<'a, B: PeerBook> {
    tracks: &'a [Track],
    events: Vec<Vec<B::Event>>,
}

impl<'a, B: PeerBook> BookContestant<'a, B> {
    #[must_use]
    pub fn new(played: &'a Match) -> Self {
        let events = |track: &Track| track.updates.iter().map(|update| B::event(track, update)).collect();
        Self { tracks: &played.tracks, events: played.tracks.iter().map(events).collect() }
    }
}

impl<B: PeerBook> Contestant for BookContestant<'_, B> {
    fn name(&self) -> String {
        B::name()
    }

    fn play(&self) -> Duration {
        let play = |(track, events): (&Track, &Vec<B::Event>)| {
            let mut book = B::loaded(track);
            let begun = Instant::now();
            for event in events {
                book.apply(black_box(event));
                black_box(book.top_five());
            }
            begun.elapsed()
        };
        self.tracks.iter().zip(&self.events).map(play).sum()
    }

    fn shown(&self) -> Vec<TopFive<InUnits>> {
        let mut shown = Vec::new();
        for (track, events) in self.tracks.iter().zip(&self.events) {
            let mut book = B::loaded(track);
            for (number, event) in events.iter().enumerate() {
                book.apply(event);
                if is_checked(number, events.len()) {
                    shown.push(in_units(&book));
                }
            }
        }
        shown
    }
}

/// Plays frames.
pub struct FrameContestant<'a, P> {
    tracks: &'a [Track],
    path: std::marker::PhantomData<P>,
}

impl<'a, P: FramePath> FrameContestant<'a, P> {
    #[must_use]
    pub fn new(played: &'a Match) -> Self {
        Self { tracks: &played.tracks, path: std::marker::PhantomData }
    }
}

impl<P: FramePath> Contestant for FrameContestant<'_, P> {
    fn name(&self) -> String {
        P::name()
    }

    fn play(&self) -> Duration {
        self.tracks.iter().map(|track| play_path(&mut P::loaded(track), &track.frames)).sum()
    }

    fn shown(&self) -> Vec<TopFive<InUnits>> {
        let mut shown = Vec::new();
        for track in self.tracks {
            let mut path = P::loaded(track);
            for (number, frame) in track.frames.iter().enumerate() {
                path.frame(frame);
                path.clear();
                if is_checked(number, track.frames.len()) {
                    shown.push(in_units(path.book()));
                }
            }
        }
        shown
    }
}

/// Plays frames on a path and returns the time that took.
pub fn play_path(path: &mut impl FramePath, frames: &[Inbound]) -> Duration {
    let mut took = Duration::ZERO;
    for frames in frames.chunks(FRAMES_BETWEEN_CLEARINGS) {
        took += play(frames, |frame| {
            path.frame(frame);
            path.show();
        });
        path.clear();
    }
    took
}

/// Hands out frames and returns the time that took.
///
/// A frame on a shard's ring was written a moment ago, so the payloads of each turn are read before its clock starts.
pub fn play(frames: &[Inbound], mut each: impl FnMut(&Inbound)) -> Duration {
    let turn = |frames: &[Inbound]| {
        for frame in frames {
            read(&frame.payload);
        }
        let begun = Instant::now();
        for frame in frames {
            each(black_box(frame));
        }
        begun.elapsed()
    };
    frames.chunks(FRAMES_A_TURN).map(turn).sum()
}

pub(crate) const fn is_checked(number: usize, count: usize) -> bool {
    number.is_multiple_of(CHECK_EVERY) || number + 1 == count
}

fn in_units<B: TopOfBook>(book: &B) -> TopFive<InUnits> {
    let TopFive { bids, asks } = book.top_five();
    let in_units = |level| book.in_units(level);
    TopFive { bids: bids.map(in_units), asks: asks.map(in_units) }
}

/// The first five of `levels`; zeros where there are fewer.
pub fn first_five<L: Copy + Default>(levels: impl Iterator<Item = L>) -> [L; DEPTH] {
    let mut five = [L::default(); DEPTH];
    for (place, level) in five.iter_mut().zip(levels) {
        *place = level;
    }
    five
}

/// The times of a contestant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub median: Duration,
    pub shortest: Duration,
}

impl Sum for Times {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), |sum, times| Self {
            median: sum.median + times.median,
            shortest: sum.shortest + times.shortest,
        })
    }
}

/// Plays every contestant once a round, each round beginning with another, and gives each one's times.
#[must_use]
pub fn compete(contestants: &[Box<dyn Contestant + '_>], rounds: usize) -> Vec<Times> {
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let index = (round + turn) % contestants.len();
            times[index].push(contestants[index].play());
        }
    }
    times.into_iter().map(summary).collect()
}

fn summary(mut times: Vec<Duration>) -> Times {
    times.sort_unstable();
    Times {
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        shortest: times.first().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_shortest() {
        let times = summary([3, 1, 2].map(Duration::from_secs).to_vec());
        assert_eq!((times.median, times.shortest), (Duration::from_secs(2), Duration::from_secs(1)));
    }

    #[test]
    fn missing_levels_are_zero() {
        assert_eq!(first_five([7, 8].into_iter()), [7, 8, 0, 0, 0]);
    }
}
