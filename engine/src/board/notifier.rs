//! The thread that wakes readers: see [`super::wake`] for why there is one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::layout::Slot;
use super::mapping::Mapping;
use super::seqlock::Version;

/// How long a change may go unnoticed by those who sleep.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);

/// The same, for the first who sleeps after a long time.
const IDLE_LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// How long after somebody was woken it is likely that somebody sleeps again.
const INTEREST: Duration = Duration::from_secs(10);

/// Looks at every slot of a board again and again, until it is dropped.
#[derive(Debug)]
pub struct Notifier {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Notifier {
    /// # Errors
    /// The system's, where it gives no thread.
    pub fn spawn(mapping: Arc<Mapping>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = move || watch(&mapping, &stopped);
        let thread = thread::Builder::new().name("board-notifier".to_owned()).spawn(watch)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the board's notifier panicked");
            }
        }
    }
}

fn watch(mapping: &Mapping, stop: &AtomicBool) {
    let slots = mapping.slots();
    let mut seen: Vec<Version> = slots.iter().map(|slot| slot.sequence.version()).collect();
    let mut woken_at: Option<Instant> = None;
    while !stop.load(Relaxed) {
        if wake_sleepers(slots, &mut seen) > 0 {
            woken_at = Some(Instant::now());
        }
        let is_used = woken_at.is_some_and(|at| at.elapsed() < INTEREST);
        thread::park_timeout(if is_used { LOOK_INTERVAL } else { IDLE_LOOK_INTERVAL });
    }
    // The board is closed, which its readers want to know at once.
    for slot in slots {
        slot.wake.wake_all();
    }
}

/// Wakes who sleeps on a slot that has changed since it was `seen`, and returns how many did.
fn wake_sleepers(slots: &[Slot], seen: &mut [Version]) -> usize {
    let mut woken = 0;
    for (slot, seen) in slots.iter().zip(seen) {
        let version = slot.sequence.version();
        if version != *seen {
            *seen = version;
            woken += slot.wake.wake_all();
        }
    }
    woken
}
