//! Is it well? Service levels, judged in this one place for whoever asks: `/api/v1/health`, `/readyz`, `/metrics`,
//! `depthlake status` and the page.
//!
//! [`judge`] is a pure function of what was observed and of the targets. A [`HealthMonitor`] observes every second. Of minutes
//! that are over, `marts.mart_exchange_health` says the same of the books, by the same targets ([`Targets::feed`]).

mod judge;
mod monitor;
mod observe;
mod report;
mod targets;
mod time;

#[cfg(test)]
mod tests;

pub use judge::judge;
#[cfg(test)]
pub(crate) use monitor::PROMPT_ROUTES;
pub use monitor::{HealthMonitor, Watched};
pub use observe::{Observation, SymbolObservation, observe_disk, observe_engine};
pub use report::{Health, LakeHealth, ServiceLevel, ServiceLevelName, Status, SymbolHealth};
pub use targets::Targets;
