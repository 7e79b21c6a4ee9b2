//! Whether all is well, and whether there is something to serve.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::schema::{HealthAnswer, ReadyAnswer};
use super::state::ApiState;
use super::{TAG_OPERATION, answer};

/// Whether the service keeps what it promises, symbol by symbol.
#[utoipa::path(get, path = "/api/v1/health", tag = TAG_OPERATION, responses((status = 200, body = HealthAnswer)))]
pub(crate) async fn health(State(state): State<ApiState>) -> Response {
    answer::json(serde_json::to_vec(&*state.health.current()).unwrap_or_default().into())
}

/// 200 while the process lives.
#[utoipa::path(get, path = "/healthz", tag = TAG_OPERATION,
    responses((status = 200, description = "The process lives", content_type = "text/plain", body = String)))]
pub(crate) async fn healthz() -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, "ok\n").into_response()
}

/// 200 where requests should be sent here; 503, with the reasons, where what is served is not to be relied on.
#[utoipa::path(get, path = "/readyz", tag = TAG_OPERATION,
    responses((status = 200, body = ReadyAnswer), (status = 503, body = ReadyAnswer)))]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let health = state.health.current();
    let body = ReadyAnswer { ready: health.is_ready(), reasons: health.reasons.clone() };
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = answer::json(serde_json::to_vec(&body).unwrap_or_default().into());
    *response.status_mut() = status;
    // A reason is told as it is, not as a problem.
    response.extensions_mut().insert(super::problem::IsAnswer);
    response
}
