//! Bars in two times: when a minute was in the world, and when we believed what of it.
//!
//! A row of `normalized.ohlcv_1m` is a *version* of a bar. `valid_from` and `valid_to` are the minute. `sys_from` and
//! `sys_to` tell from when until when this was what we knew; the version that still is has `sys_to` = 9999-12-31 and
//! `is_current`. A fact that comes later closes the version before it and opens its own. Invariants, of each symbol and
//! open time:
//!
//! - the times of belief of its versions do not overlap and leave no hole between them;
//! - exactly one version, the newest, is current;
//! - what was believed once stays: of an old version only `sys_to` and `is_current` ever change, and only once.
//!
//! So `WHERE sys_from <= T AND T < sys_to` gives what was believed at T, one row a bar.

mod change;
mod restore;
mod revise;
mod version;

#[cfg(test)]
mod samples;

pub use change::change;
pub(crate) use change::{change_of, facts_of};
pub use restore::{Published, Restoration, is_current, restore};
pub use revise::{Revision, revise};
pub use version::{END_OF_TIME, facts_schema, opened};
pub(crate) use version::{versions, with_ends};
