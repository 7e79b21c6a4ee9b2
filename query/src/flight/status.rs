//! Errors as gRPC has them.

use tonic::{Code, Status};

use crate::access::Denied;
use crate::error::{ErrorKind, QueryError};

/// An error of a statement.
pub(super) fn of_query(error: &QueryError) -> Status {
    let named = error.trino();
    let code = match (named.name, named.kind) {
        ("TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "CATALOG_NOT_FOUND" | "COLUMN_NOT_FOUND", _) => {
            Code::NotFound
        }
        ("PERMISSION_DENIED" | "READ_ONLY_VIOLATION", _) => Code::PermissionDenied,
        ("NOT_SUPPORTED", _) => Code::Unimplemented,
        ("USER_CANCELED" | "ADMINISTRATIVELY_KILLED" | "ABANDONED_QUERY", _) => Code::Cancelled,
        ("EXCEEDED_TIME_LIMIT", _) => Code::DeadlineExceeded,
        (_, ErrorKind::InsufficientResources) => Code::ResourceExhausted,
        (_, ErrorKind::Internal) => Code::Internal,
        (_, ErrorKind::User) => Code::InvalidArgument,
    };
    Status::new(code, error.to_string())
}

pub(super) fn of_denied(denied: &Denied) -> Status {
    let code = if denied.status() == axum::http::StatusCode::FORBIDDEN {
        Code::PermissionDenied
    } else {
        Code::Unauthenticated
    };
    Status::new(code, denied.to_string())
}

pub(super) fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
