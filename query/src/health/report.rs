//! How well it is, as it is told to people and programs.

use depthlake_orderbook::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::time;

/// How well something is; worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// A target is missed.
    Degraded,
    /// It is missed by far.
    Failing,
}

/// Everything that is judged, and what follows for the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub status: Status,
    #[serde(with = "time")]
    pub time: Timestamp,
    pub service_levels: Vec<ServiceLevel>,
    pub symbols: Vec<SymbolHealth>,
    pub lake: LakeHealth,
    /// Why it is not well, in words; empty where it is.
    pub reasons: Vec<String>,
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLevelName {
    /// The age of the oldest book.
    Freshness,
    CommitAge,
    GapRate,
    /// Whether best prices are those that the venue tells.
    Agreement,
    ApiP95,
}

/// One promise, and how it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceLevel {
    pub name: ServiceLevelName,
    pub target: f64,
    /// `None` where there is nothing to measure.
    pub value: Option<f64>,
    pub unit: String,
    pub status: Status,
    /// Since when it has this status.
    #[serde(with = "time")]
    pub since: Timestamp,
}

/// One symbol's book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolHealth {
    pub symbol: String,
    pub state: String,
    /// Since the last event was received; `None` before the first.
    pub age_ms: Option<f64>,
    pub status: Status,
}

/// How far the tables are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct LakeHealth {
    #[serde(with = "time::option")]
    pub last_commit: Option<Timestamp>,
    /// Since the last commit while anything waits; `None` where this process does not know.
    pub commit_age_ms: Option<f64>,
    /// Records of the log that are in no table yet; `None` where this process does not know.
    pub waiting_records: Option<u64>,
}

impl ServiceLevelName {
    pub const ALL: [Self; 5] =
        [Self::Freshness, Self::CommitAge, Self::GapRate, Self::Agreement, Self::ApiP95];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freshness => "freshness",
            Self::CommitAge => "commit_age",
            Self::GapRate => "gap_rate",
            Self::Agreement => "agreement",
            Self::ApiP95 => "api_p95",
        }
    }
}

impl Status {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

impl Health {
    /// Whether requests should be sent here: whether the books and the tables are to be relied on. Slow answers are still
    /// right, and sending them elsewhere would only make others slow.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let others = self.service_levels.iter().filter(|level| level.name != ServiceLevelName::ApiP95);
        others.map(|level| level.status).max() != Some(Status::Failing)
    }

    /// One promise, where it is made here.
    #[must_use]
    pub fn level(&self, name: ServiceLevelName) -> Option<&ServiceLevel> {
        self.service_levels.iter().find(|level| level.name == name)
    }
}
