//! The atomics that positions are made of; their model check puts loom's in their place.

pub use std::sync::atomic::{AtomicU64, Ordering, fence};
