//! The thread that wakes readers: see [`super::wake`] for why there is one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::mapping::Mapping;
use super::seqlock::Version;

/// How long a change may go unnoticed by those who sleep.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);

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
    while !stop.load(Relaxed) {
        for (slot, seen) in slots.iter().zip(&mut seen) {
            let version = slot.sequence.version();
            if version != *seen {
                *seen = version;
                slot.wake.wake_all();
            }
        }
        thread::park_timeout(LOOK_INTERVAL);
    }
    // The board is closed, which its readers want to know at once.
    for slot in slots {
        slot.wake.wake_all();
    }
}
