//! Model check of the positions: loom runs the very files `positions.rs` and `cursor.rs` under the interleavings of
//! their threads and the values that the memory model lets a load return.

use loom::sync::Arc;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

mod atomic {
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

#[path = "positions.rs"]
#[expect(clippy::duplicate_mod, reason = "the same file, here against loom's atomics")]
mod positions;

#[path = "cursor.rs"]
#[expect(clippy::duplicate_mod, reason = "the same file, here on the positions above")]
mod cursor;

const SIZE: usize = 2;

/// A ring whose place for position p holds p + 1 twice.
#[derive(Default)]
struct Ring {
    positions: positions::Positions,
    mark: positions::Mark,
    places: [[atomic::AtomicU64; 2]; SIZE],
}

impl Ring {
    fn append(&self, length: u64) {
        self.positions.append(length, |first| {
            for position in first..first + length {
                for word in self.place(position) {
                    word.store(position + 1, Relaxed);
                }
            }
        });
    }

    fn append_marked(&self) {
        let first = self.positions.head();
        self.append(1);
        self.mark.set(first);
    }

    /// What stands at `first..end`, if the writer did not get there meanwhile.
    fn copy(&self, first: u64, end: u64) -> Option<Vec<[u64; 2]>> {
        let copied = (first..end)
            .map(|position| self.place(position).each_ref().map(|word| word.load(Relaxed)))
            .collect();
        self.positions.is_intact(first, SIZE as u64).then_some(copied)
    }

    fn assert_intact_copy(&self, first: u64, end: u64) -> bool {
        let copied = self.copy(first, end);
        let expected: Vec<_> = (first..end).map(|position| [position + 1; 2]).collect();
        assert!(copied.as_ref().is_none_or(|copied| *copied == expected), "{copied:?}");
        copied.is_some()
    }

    fn place(&self, position: u64) -> &[atomic::AtomicU64; 2] {
        &self.places[usize::try_from(position).unwrap() % SIZE]
    }
}

#[test]
fn an_intact_copy_is_what_was_appended() {
    loom::model(|| {
        let (ring, writer) = written_by_another_thread(|ring| (0..2).for_each(|_| ring.append(1)));
        let head = ring.positions.head();
        ring.assert_intact_copy(head.saturating_sub(SIZE as u64), head);
        writer.join().unwrap();
        assert!(ring.assert_intact_copy(0, 2), "nobody writes, so the copy succeeds");
    });
}

#[test]
fn an_overtaken_copy_is_found_out() {
    loom::model(|| {
        let ring = Arc::new(Ring::default());
        ring.append(2);
        let written = Arc::clone(&ring);
        let writer = thread::spawn(move || written.append(1));
        ring.assert_intact_copy(0, 2);
        writer.join().unwrap();
        assert!(ring.assert_intact_copy(1, 3));
        assert!(!ring.assert_intact_copy(0, 1), "position 0 was overwritten");
    });
}

#[test]
fn what_is_appended_as_one_is_seen_as_one() {
    loom::model(|| {
        let (ring, writer) = written_by_another_thread(|ring| (0..2).for_each(|_| ring.append(2)));
        let head = ring.positions.head();
        assert!(head.is_multiple_of(2), "half of an append at {head}");
        ring.assert_intact_copy(head.saturating_sub(SIZE as u64), head);
        writer.join().unwrap();
        assert!(ring.assert_intact_copy(2, 4));
    });
}

#[test]
fn the_head_is_beyond_the_mark() {
    loom::model(|| {
        let (ring, writer) = written_by_another_thread(|ring| (0..2).for_each(|_| ring.append_marked()));
        let mark = ring.mark.get();
        let head = ring.positions.head();
        assert!(mark < head || (mark, head) == (0, 0), "mark {mark}, head {head}");
        if mark < head {
            assert!(ring.assert_intact_copy(mark, mark + 1), "two places hold both appends");
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_cursor_copies_or_counts_each_position_once() {
    const APPENDED: u64 = 3;
    loom::model(|| {
        let ring = Arc::new(Ring::default());
        let mut cursor = cursor::Cursor::at_head(&ring.positions);
        ring.append(1);
        let written = Arc::clone(&ring);
        let writer = thread::spawn(move || (1..APPENDED).for_each(|_| written.append(1)));
        let mut next = 0;
        let mut step = |next: &mut u64| {
            let copy = |position| ring.place(position).each_ref().map(|word| word.load(Relaxed));
            let met = cursor.step(&ring.positions, SIZE as u64, copy);
            match met {
                Some(cursor::Met::Copy(words)) => {
                    assert_eq!(words, [*next + 1; 2]);
                    *next += 1;
                }
                Some(cursor::Met::Missed(count)) => *next += count,
                None => {}
            }
            met.is_some()
        };
        step(&mut next);
        step(&mut next);
        writer.join().unwrap();
        while step(&mut next) {}
        assert_eq!(next, APPENDED, "copied and missed add up to what was appended");
    });
}

fn written_by_another_thread(write: fn(&Ring)) -> (Arc<Ring>, thread::JoinHandle<()>) {
    let ring = Arc::new(Ring::default());
    let written = Arc::clone(&ring);
    (ring, thread::spawn(move || write(&written)))
}
