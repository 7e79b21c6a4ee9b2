//! The atomics the seqlock and the wake word are built on; their model checks put loom's in their place.

pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
