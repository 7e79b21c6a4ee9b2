//! What clients ask about the server and its queries.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use datafusion::arrow::temporal_conversions::timestamp_ms_to_datetime;
use serde_json::{Value, json};

use super::Protocol;
use crate::access::Principal;
use crate::session::{QueryId, QueryInfo, QueryState};

/// The version of Trino whose protocol is spoken, as `version()` tells it.
pub use depthlake_dialect::functions::VERSION;

/// `GET /v1/info`. Nobody needs to be known for it: drivers look here before they log in.
pub(super) async fn info(State(protocol): State<Arc<Protocol>>) -> Json<Value> {
    let minutes = protocol.begun.elapsed().as_secs_f64() / 60.0;
    Json(json!({
        "nodeVersion": {"version": VERSION},
        "environment": "depthlake",
        "coordinator": true,
        "starting": false,
        "uptime": format!("{minutes:.2}m"),
    }))
}

/// `GET /v1/info/state`.
pub(super) async fn state() -> Json<&'static str> {
    Json("ACTIVE")
}

/// `GET /v1/query`: the queries that this user may know of.
pub(super) async fn queries(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
) -> Json<Value> {
    let queries = protocol.statements.database().queries().list();
    let known = queries.iter().filter(|info| protocol.may_know(&principal, &info.user));
    Json(known.map(to_json).collect())
}

/// `GET /v1/query/{id}`.
pub(super) async fn query(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Response {
    let info = protocol.statements.database().queries().get(&QueryId::named(&id));
    match info.filter(|info| protocol.may_know(&principal, &info.user)) {
        Some(info) => Json(to_json(&info)).into_response(),
        None => StatusCode::GONE.into_response(),
    }
}

/// `DELETE /v1/query/{id}`.
pub(super) async fn cancel(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> StatusCode {
    let queries = protocol.statements.database().queries();
    let query = QueryId::named(&id);
    if queries.get(&query).is_some_and(|info| protocol.may_know(&principal, &info.user)) {
        queries.cancel(&query, crate::session::StopReason::Cancelled);
        protocol.statements.cancel(&id);
    }
    StatusCode::NO_CONTENT
}

fn to_json(info: &QueryInfo) -> Value {
    let millis = |from: SystemTime, to: Option<SystemTime>| {
        let elapsed = to.unwrap_or_else(SystemTime::now).duration_since(from).unwrap_or_default();
        format!("{:.2}ms", elapsed.as_secs_f64() * 1e3)
    };
    let mut query = json!({
        "queryId": info.id.as_str(),
        "state": info.state.name(),
        "query": info.text,
        "self": format!("/v1/query/{}", info.id),
        "scheduled": info.started.is_some(),
        "session": {
            "queryId": info.id.as_str(),
            "user": info.user,
            "principal": info.user,
            "source": info.source,
            "catalog": info.catalog,
            "schema": info.schema,
        },
        "queryStats": {
            "createTime": instant(info.created),
            "endTime": info.ended.map(instant),
            "queuedTime": millis(info.created, info.started.or(info.ended)),
            "elapsedTime": millis(info.created, info.ended),
            "executionTime": info.started.map_or_else(|| "0.00ms".to_owned(), |started| millis(started, info.ended)),
            "outputPositions": info.rows,
            "outputDataSize": format!("{}B", info.bytes),
            "peakUserMemoryReservation": format!("{}B", info.peak_memory),
        },
    });
    if let Some(failure) = info.error.as_ref().filter(|_| info.state == QueryState::Failed) {
        let code = json!({"code": failure.code, "name": failure.name, "type": failure.kind});
        query["errorType"] = json!(failure.kind);
        query["errorCode"] = code.clone();
        query["failureInfo"] = json!({
            "type": "io.trino.spi.TrinoException",
            "message": failure.message,
            "suppressed": [],
            "stack": [],
            "errorInfo": code,
        });
    }
    query
}

fn instant(time: SystemTime) -> Option<String> {
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis();
    let time = timestamp_ms_to_datetime(i64::try_from(millis).ok()?)?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
