//! What a shard does while its ring is empty.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, Thread};
use std::time::Duration;

use thiserror::Error;

/// How a shard waits for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Idle {
    /// Polls without pause: the lowest latency, and a core kept busy.
    Spin,
    /// Polls, and offers the core to others in between.
    Yield,
    /// Polls for a moment, then sleeps until woken.
    #[default]
    Park,
}

/// A name that no way of waiting has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown idle strategy {0:?}: expected spin, yield or park")]
pub struct UnknownIdle(pub String);

impl FromStr for Idle {
    type Err = UnknownIdle;

    fn from_str(text: &str) -> Result<Self, UnknownIdle> {
        match text {
            "spin" => Ok(Self::Spin),
            "yield" => Ok(Self::Yield),
            "park" => Ok(Self::Park),
            _ => Err(UnknownIdle(text.to_owned())),
        }
    }
}

/// Wakes a parked shard. Costs one atomic read where it is not parked.
#[derive(Debug, Clone)]
pub(super) struct Waker {
    is_parked: Arc<AtomicBool>,
    thread: Thread,
}

impl Waker {
    pub(super) fn new(is_parked: Arc<AtomicBool>, thread: Thread) -> Self {
        Self { is_parked, thread }
    }

    /// To be called after something was put on the ring.
    pub(super) fn wake(&self) {
        // Pairs with the fence in `Waiter::wait`: either the waiter sees what was put, or we see that it is parked.
        fence(Ordering::SeqCst);
        if self.is_parked.load(Ordering::Relaxed) && self.is_parked.swap(false, Ordering::Relaxed) {
            self.thread.unpark();
        }
    }
}

/// A shard's side of waiting.
#[derive(Debug)]
pub(super) struct Waiter {
    idle: Idle,
    polls: u32,
    is_parked: Arc<AtomicBool>,
}

impl Waiter {
    /// How often an empty ring is polled before the thread sleeps; about a hundred microseconds.
    const POLLS_BEFORE_SLEEP: u32 = 1_000;
    /// Sleep ends now and then even without a waker, for what is due by time.
    const LONGEST_SLEEP: Duration = Duration::from_millis(100);

    pub(super) fn new(idle: Idle, is_parked: Arc<AtomicBool>) -> Self {
        Self { idle, polls: 0, is_parked }
    }

    pub(super) fn worked(&mut self) {
        self.polls = 0;
    }

    /// Waits for a moment; `is_empty` is asked once more before the thread sleeps.
    pub(super) fn wait(&mut self, is_empty: impl Fn() -> bool) {
        match self.idle {
            Idle::Spin => std::hint::spin_loop(),
            Idle::Yield => thread::yield_now(),
            Idle::Park if self.polls < Self::POLLS_BEFORE_SLEEP => {
                self.polls += 1;
                std::hint::spin_loop();
            }
            Idle::Park => {
                self.is_parked.store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                if is_empty() {
                    thread::park_timeout(Self::LONGEST_SLEEP);
                }
                self.is_parked.store(false, Ordering::Relaxed);
            }
        }
    }
}
