//! Model check of the seqlock: loom runs the very file `seqlock.rs` under every interleaving and every value that the
//! memory model lets a load return.

use loom::sync::Arc;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

mod atomic {
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

#[path = "seqlock.rs"]
#[expect(clippy::duplicate_mod, reason = "the same file, here against loom's atomics")]
mod seqlock;

#[derive(Default)]
struct Pair {
    sequence: seqlock::Sequence,
    left: atomic::AtomicU64,
    right: atomic::AtomicU64,
}

impl Pair {
    fn write(&self, value: u64) {
        self.sequence.write(|| {
            self.left.store(value, Relaxed);
            self.right.store(value, Relaxed);
        });
    }

    fn try_read(&self) -> Option<u64> {
        let copy = self.sequence.try_read(|| (self.left.load(Relaxed), self.right.load(Relaxed)))?;
        let (left, right) = copy.value;
        assert_eq!(left, right, "a torn read");
        assert!(copy.version <= self.sequence.version(), "no copy is newer than the last write");
        Some(left)
    }
}

#[test]
fn a_read_takes_all_of_one_write() {
    loom::model(|| {
        let (pair, writer) = written_by_another_thread(2);
        pair.try_read();
        writer.join().unwrap();
        assert_eq!(pair.try_read(), Some(2), "no write is under way, so a read succeeds");
    });
}

#[test]
fn reads_do_not_go_back_in_time() {
    loom::model(|| {
        let (pair, writer) = written_by_another_thread(1);
        let (first, second) = (pair.try_read(), pair.try_read());
        assert!(first.is_none() || second.is_none() || first <= second);
        writer.join().unwrap();
    });
}

fn written_by_another_thread(writes: u64) -> (Arc<Pair>, thread::JoinHandle<()>) {
    let pair = Arc::new(Pair::default());
    let written = Arc::clone(&pair);
    (pair, thread::spawn(move || (1..=writes).for_each(|value| written.write(value))))
}
