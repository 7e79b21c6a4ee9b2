//! Whether all is well, and whether there is something to serve.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use depthlake_engine::clock;
use depthlake_lake::commit::{LakeError, TableStatus};

use super::schema::{HealthAnswer, ReadyAnswer};
use super::state::{ApiState, Shared};
use super::{TAG_OPERATION, answer};
use crate::json_text::JsonText;
use crate::live::{Condition, Writer};

const INTERVAL: Duration = Duration::from_secs(1);

/// What was last found out. Reading takes no lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct HealthSource(Arc<ArcSwap<Found>>);

#[derive(Debug)]
struct Found {
    json: Bytes,
    not_ready: Vec<String>,
}

impl Default for Found {
    fn default() -> Self {
        let json = Bytes::from_static(
            b"{\"status\":\"failing\",\"service_levels\":[],\"symbols\":[],\"lake\":{\"last_commit\":null,\"commit_age_ms\":null}}",
        );
        Self { json, not_ready: vec!["the server has only just started".to_owned()] }
    }
}

impl HealthSource {
    /// The answer of `GET /api/v1/health`.
    pub(crate) fn json(&self) -> Bytes {
        self.0.load().json.clone()
    }

    fn not_ready(&self) -> Vec<String> {
        self.0.load().not_ready.clone()
    }
}

/// Finds out now and every second, until the state is gone.
pub(crate) async fn keep(state: Weak<Shared>) {
    loop {
        let Some(shared) = state.upgrade() else { return };
        let state = ApiState::of(shared);
        let tables = state.database.lake().tables().await;
        state.health.0.store(Arc::new(find_out(&state, &tables)));
        drop(state);
        tokio::time::sleep(INTERVAL).await;
    }
}

fn find_out(state: &ApiState, tables: &Result<Vec<TableStatus>, LakeError>) -> Found {
    let now = clock::now();
    let mut not_ready = Vec::new();
    let mut json = JsonText::with_capacity(4_096);
    let mut symbols = JsonText::with_capacity(4_096);
    let mut troubled = 0;
    match state.market.board() {
        None => not_ready.push("there are no live books: no engine has written to this data folder".to_owned()),
        Some(board) => {
            let is_alive = matches!(board.writer(now), Writer::Alive { .. });
            if let Writer::Dead { pid, .. } = board.writer(now) {
                not_ready.push(format!("nobody writes the live books: process {pid} has ended"));
            }
            for (index, quote) in board.quotes().enumerate() {
                let condition = quote.condition(is_alive);
                troubled += u32::from(condition != Condition::Live);
                symbols.raw(if index == 0 { "{\"symbol\":" } else { ",{\"symbol\":" });
                symbols.plain(quote.symbol.as_str());
                symbols.raw(",\"state\":");
                symbols.plain(condition.name());
                symbols.raw(",\"age_ms\":");
                symbols.double(quote.age(now).map(milliseconds));
                symbols.raw(",\"status\":");
                symbols.plain(if condition == Condition::Live { "ok" } else { "failing" });
                symbols.raw("}");
            }
        }
    }
    let last_commit = match tables {
        Ok(tables) => tables.iter().filter_map(|table| table.last_commit).max(),
        Err(error) => {
            not_ready.push(format!("the lake cannot be read: {error}"));
            None
        }
    };
    json.raw("{\"status\":");
    json.plain(match (not_ready.is_empty(), troubled) {
        (false, _) => "failing",
        (true, 0) => "ok",
        (true, _) => "degraded",
    });
    json.raw(",\"service_levels\":[],\"symbols\":[");
    json.raw(symbols.as_slice());
    json.raw("],\"lake\":{\"last_commit\":");
    match last_commit {
        Some(time) => json.time(time),
        None => json.raw("null"),
    }
    json.raw(",\"commit_age_ms\":");
    json.double(last_commit.map(|time| milliseconds((now - time).max(0))));
    json.raw("}}");
    Found { json: json.into_bytes(), not_ready }
}

#[expect(clippy::cast_precision_loss, reason = "an age, for display")]
fn milliseconds(nanoseconds: i64) -> f64 {
    (nanoseconds / 1_000) as f64 / 1e3
}

/// Whether the service keeps what it promises, symbol by symbol.
#[utoipa::path(get, path = "/api/v1/health", tag = TAG_OPERATION, responses((status = 200, body = HealthAnswer)))]
pub(crate) async fn health(State(state): State<ApiState>) -> Response {
    answer::json(state.health.json())
}

/// 200 while the process lives.
#[utoipa::path(get, path = "/healthz", tag = TAG_OPERATION,
    responses((status = 200, description = "The process lives", content_type = "text/plain", body = String)))]
pub(crate) async fn healthz() -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, "ok\n").into_response()
}

/// 200 where there are live books and a lake that can be read; 503 with the reasons where not.
#[utoipa::path(get, path = "/readyz", tag = TAG_OPERATION,
    responses((status = 200, body = ReadyAnswer), (status = 503, body = ReadyAnswer)))]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let reasons = state.health.not_ready();
    let body = ReadyAnswer { ready: reasons.is_empty(), reasons };
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = answer::json(serde_json::to_vec(&body).unwrap_or_default().into());
    *response.status_mut() = status;
    response
}
