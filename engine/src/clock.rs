//! The wall clock, read without a system call where the platform allows it.

use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;

/// The time now.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
