//! Model check of waiting: loom runs the very files `wake.rs` and `seqlock.rs`. A change that is slept through leaves the
//! reader asleep for ever, which loom reports as a deadlock.

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

mod atomic {
    pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

/// A futex as the kernel's: comparing and falling asleep are one step for those who wake.
mod futex {
    use std::time::Duration;

    use loom::sync::atomic::{AtomicU32, Ordering};
    use loom::sync::{Condvar, Mutex};

    loom::lazy_static! {
        static ref SLEEPERS: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
    }

    pub fn wait(word: &AtomicU32, seen: u32, _: Duration) {
        let (mutex, condition) = &*SLEEPERS;
        let guard = mutex.lock().unwrap();
        if word.load(Ordering::Relaxed) == seen {
            drop(condition.wait(guard).unwrap());
        }
    }

    pub fn wake_all(_: &AtomicU32) -> usize {
        let (mutex, condition) = &*SLEEPERS;
        let _guard = mutex.lock().unwrap();
        condition.notify_all();
        0
    }
}

#[path = "seqlock.rs"]
#[expect(clippy::duplicate_mod, reason = "the same file, here against loom's atomics")]
mod seqlock;

#[path = "wake.rs"]
#[expect(clippy::duplicate_mod, reason = "the same file, here against loom's atomics and futex")]
mod wake;

#[derive(Default)]
struct Slot {
    sequence: seqlock::Sequence,
    value: atomic::AtomicU64,
    wake: wake::WakeWord,
}

impl Slot {
    fn write(&self, value: u64) {
        self.sequence.write(|| self.value.store(value, Relaxed));
    }

    /// One look of the notifier, who saw `seen` at the last.
    fn look(&self, seen: seqlock::Version) -> seqlock::Version {
        let version = self.sequence.version();
        if version != seen {
            self.wake.wake_all();
        }
        version
    }

    /// What a reader does until the last write.
    fn wait_for(&self, last: seqlock::Version) -> u64 {
        let mut seen = version_after(0);
        while seen != last {
            self.wake.sleep_unless(|| self.sequence.version() != seen, Duration::MAX);
            seen = self.sequence.version();
        }
        self.sequence.try_read(|| self.value.load(Relaxed)).expect("no write is under way").value
    }
}

#[test]
fn no_change_is_slept_through() {
    for writes in 1..=2 {
        loom::model(move || {
            let slot = Arc::new(Slot::default());
            let (written, watched) = (Arc::clone(&slot), Arc::clone(&slot));
            let writer = thread::spawn(move || (1..=writes).for_each(|value| written.write(value)));
            let notifier = thread::spawn(move || {
                let seen = watched.look(version_after(0));
                // However seldom the notifier looks, it does so once more after the last write.
                writer.join().unwrap();
                watched.look(seen);
            });
            assert_eq!(slot.wait_for(version_after(writes)), writes);
            notifier.join().unwrap();
        });
    }
}

fn version_after(writes: u64) -> seqlock::Version {
    let sequence = seqlock::Sequence::default();
    (0..writes).for_each(|_| sequence.write(|| {}));
    sequence.version()
}
