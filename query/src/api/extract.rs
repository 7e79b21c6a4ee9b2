//! What a request says, read so that a refusal is a [`Problem`].

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Parameters of the query string.
pub(crate) struct Parameters<T>(pub(crate) T);

/// One part of the path, decoded.
pub(crate) struct Name(pub(crate) String);

/// A body of JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let (status, detail) = (rejection.status(), rejection.body_text());
                drop(rejection.into_response());
                Err(Problem::of_status(status, detail))
            }
        }
    }
}

/// A number of a parameter that must lie within bounds.
pub(crate) fn within(
    name: &str,
    value: Option<usize>,
    default: usize,
    most: usize,
) -> Result<usize, Problem> {
    match value {
        None => Ok(default),
        Some(value) if (1..=most).contains(&value) => Ok(value),
        Some(value) => {
            Err(Problem::bad_request(format!("{name} is {value}: expected a number from 1 to {most}")))
        }
    }
}

/// A time of a parameter: RFC 3339, or milliseconds since 1970.
pub(crate) fn time_of(name: &str, text: &str) -> Result<Timestamp, Problem> {
    if let Ok(milliseconds) = text.parse() {
        return Ok(Timestamp::from_milliseconds(milliseconds));
    }
    let parsed = string_to_timestamp_nanos(text).map(Timestamp);
    parsed.map_err(|_| {
        Problem::bad_request(format!("{name} is {text:?}: expected a time such as 2024-08-08T11:20:31.5Z"))
    })
}

/// A symbol as the venue writes it.
pub(crate) fn symbol_of(text: &str) -> Result<Symbol, Problem> {
    Symbol::new(text).map_err(|error| Problem::unknown_symbol(&error.text, &[]))
}
