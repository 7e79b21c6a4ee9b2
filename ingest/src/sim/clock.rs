//! The venue's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;

/// The time of this machine; 1970 where its clock is set before.
pub(super) fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}
