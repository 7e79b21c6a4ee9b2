//! One page of an answer, as JSON.

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::error::{Position, QueryError, TrinoError};
use crate::session::{QueryInfo, QueryState};

/// What stands in for a stack that clients want to see.
const EXCEPTION: &str = "io.trino.spi.TrinoException";

/// A page as it is sent, once or again.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub body: Bytes,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether none follows.
    pub is_last: bool,
}

/// Why a statement failed, as clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub message: String,
    pub error: TrinoError,
    pub position: Option<Position>,
}

/// What a page says of its query besides rows.
pub(super) struct Envelope<'a> {
    pub query: &'a str,
    /// The address of the server.
    pub base: &'a str,
    /// Where the next page is, below `base`.
    pub next: Option<String>,
    pub state: &'static str,
    pub info: Option<&'a QueryInfo>,
    pub update: Option<(&'a str, Option<u64>)>,
    pub failure: Option<&'a Failure>,
}

impl Failure {
    pub(super) fn of(error: &QueryError) -> Self {
        Self { message: error.to_string(), error: error.trino(), position: error.position() }
    }

    /// Something that must not happen and is the server's fault.
    pub(super) fn internal(message: &str) -> Self {
        let error = TrinoError::named("GENERIC_INTERNAL_ERROR");
        Self { message: message.to_owned(), error, position: None }
    }

    fn to_json(&self) -> Value {
        let TrinoError { name, code, kind } = self.error;
        let location = self
            .position
            .map(|position| json!({"lineNumber": position.line, "columnNumber": position.column}));
        let mut failure = json!({
            "type": EXCEPTION,
            "message": self.message,
            "suppressed": [],
            "stack": [],
            "errorInfo": {"code": code, "name": name, "type": kind.name()},
        });
        let mut error = json!({
            "message": self.message,
            "errorCode": code,
            "errorName": name,
            "errorType": kind.name(),
        });
        if let Some(location) = location {
            failure["errorLocation"] = location.clone();
            error["errorLocation"] = location;
        }
        error["failureInfo"] = failure;
        error
    }
}

impl Envelope<'_> {
    /// The page with these columns and rows, both JSON already; rows without their brackets.
    pub(super) fn with(&self, columns: Option<&str>, rows: Option<&[u8]>) -> Bytes {
        let mut page = json!({
            "id": self.query,
            "infoUri": format!("{}/v1/query/{}", self.base, self.query),
            "stats": self.stats(),
            "warnings": [],
        });
        if let Some(next) = &self.next {
            page["nextUri"] = json!(format!("{}{next}", self.base));
        }
        if let Some((kind, count)) = self.update {
            page["updateType"] = json!(kind);
            if let Some(count) = count {
                page["updateCount"] = json!(count);
            }
        }
        if let Some(failure) = self.failure {
            page["error"] = failure.to_json();
        }
        let mut body = page.to_string().into_bytes();
        // The closing brace comes after what is there as JSON already.
        body.pop();
        if let Some(columns) = columns {
            body.extend_from_slice(b",\"columns\":");
            body.extend_from_slice(columns.as_bytes());
        }
        if let Some(rows) = rows {
            body.extend_from_slice(b",\"data\":[");
            body.extend_from_slice(rows);
            body.push(b']');
        }
        body.push(b'}');
        body.into()
    }

    fn stats(&self) -> Value {
        let info = self.info;
        let millis = |from: Option<std::time::SystemTime>, to: Option<std::time::SystemTime>| {
            let to = to.unwrap_or_else(std::time::SystemTime::now);
            let elapsed = from.and_then(|from| to.duration_since(from).ok()).unwrap_or_default();
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        };
        let created = info.map(|info| info.created);
        let ended = info.and_then(|info| info.ended);
        let started = info.and_then(|info| info.started);
        let is_over = matches!(self.state, "FINISHED" | "FAILED");
        let splits = u8::from(is_over);
        json!({
            "state": self.state,
            "queued": self.state == "QUEUED",
            "scheduled": !matches!(self.state, "QUEUED" | "PLANNING"),
            "progressPercentage": if is_over { 100.0 } else { 0.0 },
            "runningPercentage": 0.0,
            "nodes": 1,
            "totalSplits": 1,
            "queuedSplits": u8::from(self.state == "QUEUED"),
            "runningSplits": 1 - splits,
            "completedSplits": splits,
            "planningTimeMillis": 0,
            "analysisTimeMillis": 0,
            "cpuTimeMillis": 0,
            "wallTimeMillis": millis(started, ended),
            "queuedTimeMillis": millis(created, started),
            "elapsedTimeMillis": millis(created, ended),
            "finishingTimeMillis": 0,
            "physicalInputTimeMillis": 0,
            "processedRows": info.map_or(0, |info| info.rows),
            "processedBytes": info.map_or(0, |info| info.bytes),
            "physicalInputBytes": 0,
            "physicalWrittenBytes": 0,
            "internalNetworkInputBytes": 0,
            "peakMemoryBytes": info.map_or(0, |info| info.peak_memory),
            "spilledBytes": 0,
        })
    }
}

/// What clients call the state of a query that is still being asked about.
pub(super) fn state_name(info: Option<&QueryInfo>) -> &'static str {
    match info.map(|info| info.state) {
        None | Some(QueryState::Queued) => "QUEUED",
        Some(QueryState::Planning) => "PLANNING",
        // Rows are still on their way.
        Some(QueryState::Running | QueryState::Finished | QueryState::Failed) => "RUNNING",
    }
}
