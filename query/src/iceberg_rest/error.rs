//! Why the catalog refuses a request, in the form that Iceberg's clients read.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use depthlake_lake::commit::LakeError;
use depthlake_lake::table::Table;
use serde_json::json;
use thiserror::Error;

use crate::access::Denied;

/// A request without an answer.
#[derive(Debug, Error)]
pub(super) enum CatalogError {
    #[error("there is no namespace {name}; there are {}", readable.join(", "))]
    NoSuchNamespace { name: String, readable: Vec<&'static str> },
    #[error("there is no table {name}")]
    NoSuchTable { name: String },
    #[error("there is no view {name}: the catalog shows tables only")]
    NoSuchView { name: String },
    #[error("the catalog has no resource {path}")]
    NoSuchResource { path: String },
    #[error("the catalog is read-only: {method} {path} is refused")]
    ReadOnly { method: String, path: String },
    #[error("malformed request: {reason}")]
    Malformed { reason: String },
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the table {table} cannot be read")]
    Unreadable { table: Table, source: LakeError },
}

impl CatalogError {
    /// The status, and the name of the exception that Iceberg's clients throw for it.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchNamespace { .. } => (StatusCode::NOT_FOUND, "NoSuchNamespaceException"),
            Self::NoSuchTable { .. } => (StatusCode::NOT_FOUND, "NoSuchTableException"),
            Self::NoSuchView { .. } => (StatusCode::NOT_FOUND, "NoSuchViewException"),
            Self::NoSuchResource { .. } => (StatusCode::NOT_FOUND, "RESTException"),
            Self::ReadOnly { .. } => (StatusCode::NOT_ACCEPTABLE, "UnsupportedOperationException"),
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Self::Denied(denied) if denied.status() == StatusCode::FORBIDDEN => {
                (StatusCode::FORBIDDEN, "ForbiddenException")
            }
            Self::Denied(_) => (StatusCode::UNAUTHORIZED, "NotAuthorizedException"),
            Self::Unreadable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        }
    }
}

impl IntoResponse for CatalogError {
    fn into_response(self) -> Response {
        if let Self::Unreadable { table, source } = &self {
            tracing::warn!(%table, error = source as &dyn std::error::Error, "a table could not be published");
        }
        let (status, exception) = self.kind();
        let error = json!({ "message": self.to_string(), "type": exception, "code": status.as_u16() });
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if let Self::Denied(denied) = self {
            let challenge = denied.into_response().headers_mut().remove(WWW_AUTHENTICATE);
            response.headers_mut().extend(challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)));
        }
        response
    }
}
