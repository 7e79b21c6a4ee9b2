//! Errors as `application/problem+json` (RFC 9457), every one of them, whoever refuses.

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tower_http::request_id::RequestId;

use crate::error::{ErrorKind, QueryError};

/// Why there is no answer.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: String,
    more: Map<String, Value>,
}

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, title, detail: detail.into(), more: Map::new() }
    }

    /// 400: a parameter, a cursor or a body that cannot be read.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// 403: a schema that may not be read.
    pub(crate) fn forbidden(schema: &str) -> Self {
        let detail = format!("Access Denied: the schema {schema} is not granted");
        Self::of_status(StatusCode::FORBIDDEN, detail)
    }

    /// 404: a symbol that is not on the board, with the names that come nearest.
    pub(crate) fn unknown_symbol(text: &str, nearest: &[&str]) -> Self {
        let known = match nearest {
            [] => "no symbol is known".to_owned(),
            names => format!("the nearest are {}", names.join(", ")),
        };
        let detail = format!("there is no symbol {text:?}: {known}");
        Self::new(StatusCode::NOT_FOUND, "unknown-symbol", "Unknown symbol", detail)
            .with("nearest", json!(nearest))
    }

    /// 404: anything else that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 404: a time of which nothing is known.
    pub(crate) fn outside_time(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "outside-time", "Nothing is known of that time", detail)
    }

    /// 503: something that may be there later.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail)
    }

    /// 500: a failure of ours.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
    }

    /// 429: more at once than is served.
    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many at once", detail)
    }

    /// A refusal of the framework, by its status.
    pub(crate) fn of_status(status: StatusCode, detail: impl Into<String>) -> Self {
        let (name, title) = match status {
            StatusCode::NOT_FOUND => ("not-found", "Not found"),
            StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "Method not allowed"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("media-type", "The body is of another kind than expected"),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "The request took too long"),
            StatusCode::UNAUTHORIZED => ("unauthorized", "Nobody was named who may ask this"),
            StatusCode::FORBIDDEN => ("forbidden", "This may not be asked"),
            StatusCode::UPGRADE_REQUIRED => ("upgrade-required", "A WebSocket was expected"),
            status if status.is_client_error() => ("bad-request", "The request cannot be understood"),
            _ => ("internal", "The server failed"),
        };
        Self::new(status, name, title, detail)
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    fn render(&self, instance: &str, request_id: Option<&str>) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(format!("urn:depthlake:problem:{}", self.name)));
        object.insert("title".to_owned(), json!(self.title));
        object.insert("status".to_owned(), json!(self.status.as_u16()));
        object.insert("detail".to_owned(), json!(self.detail));
        object.insert("instance".to_owned(), json!(instance));
        if let Some(id) = request_id {
            object.insert("request_id".to_owned(), json!(id));
        }
        object.extend(self.more.clone());
        Value::Object(object).to_string().into_bytes()
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let trino = error.trino();
        let status = match (&error, trino.kind) {
            (QueryError::QueueFull { .. }, _) => return Self::too_many(error.to_string()),
            _ if trino.name == "PERMISSION_DENIED" => StatusCode::FORBIDDEN,
            (_, ErrorKind::User) => StatusCode::BAD_REQUEST,
            (_, ErrorKind::InsufficientResources) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Self::new(status, "query-failed", "The query has no answer", error.to_string());
        let problem = problem.with("error_name", json!(trino.name)).with("error_code", json!(trino.code));
        match error.position() {
            Some(position) => {
                problem.with("line", json!(position.line)).with("column", json!(position.column))
            }
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    /// The body is written by [`render`], which knows what was asked.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks a response whose body stands, whatever its status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsAnswer;

/// Writes the bodies of problems, and makes problems of errors that came without one.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let original = request.extensions().get::<OriginalUri>().map(|original| original.0.clone());
    let uri = original.unwrap_or_else(|| request.uri().clone());
    let id = request.extensions().get::<RequestId>().map(|id| id.header_value().clone());
    let mut response = next.run(request).await;
    let status = response.status();
    let is_answer = response.extensions_mut().remove::<IsAnswer>().is_some();
    if is_answer || (!status.is_client_error() && !status.is_server_error()) {
        return response;
    }
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::of_status(status, format!("{} {}", status, uri.path())));
    let id = id.as_ref().and_then(|id| id.to_str().ok());
    let instance = uri.path_and_query().map_or_else(|| uri.path(), |whole| whole.as_str());
    let body = problem.render(instance, id);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from(body);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where() {
        let problem = Problem::unknown_symbol("BTCUSD", &["BTCUSDT", "BNBUSDT"]);
        let json: Value =
            serde_json::from_slice(&problem.render("/api/v1/book/BTCUSD?depth=5", Some("7"))).unwrap();
        assert_eq!(json["type"], "urn:depthlake:problem:unknown-symbol");
        assert_eq!(json["status"], 404);
        assert_eq!(json["detail"], "there is no symbol \"BTCUSD\": the nearest are BTCUSDT, BNBUSDT");
        assert_eq!(json["instance"], "/api/v1/book/BTCUSD?depth=5");
        assert_eq!(json["nearest"][1], "BNBUSDT");
    }
}
