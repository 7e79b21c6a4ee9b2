//! The atomics the seqlock is built on; its model check puts loom's in their place.

pub use std::sync::atomic::{AtomicU64, Ordering, fence};
