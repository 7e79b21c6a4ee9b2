//! Who asks. What tells whether the server lives is told to everybody; everything else to those whom [`Access`] lets in.

use std::borrow::Cow;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use depthlake_lake::table::Table;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use super::state::ApiState;
use crate::access::{Denied, Principal};
use crate::catalog::CATALOG;
use crate::table::LIVE;

/// What is behind the door.
const GUARDED: &str = "/api/";

/// A browser cannot give a header with these.
const STREAMS: [&str; 2] = ["/api/v1/stream", "/api/v1/events"];

/// What the page says of itself, so that it is asked by itself and not by the browser.
const ASKED_BY: &str = "x-requested-with";

/// What is asked of the page, where a browser would ask by itself for a password.
const OF_A_PAGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"depthlake\"");

/// Whoever asks, as the middleware found out.
pub(crate) struct Asker(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| Problem::internal("a request came in past the authentication"))
    }
}

/// Lets those in whom the server's access knows.
pub(crate) async fn authenticated(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with(GUARDED) {
        return next.run(request).await;
    }
    match principal(&state, request.uri(), request.headers()).await {
        Ok(principal) => {
            if let Some(schema) = schema_behind(request.uri().path())
                && !principal.grants.reads(CATALOG, schema)
            {
                return Problem::forbidden(schema).into_response();
            }
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(denied) => {
            let problem = Problem::of_status(denied.status(), denied.to_string());
            let mut response = denied.into_response();
            if response.status() == StatusCode::UNAUTHORIZED && request.headers().contains_key(ASKED_BY) {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, OF_A_PAGE);
            }
            response.extensions_mut().insert(problem);
            response
        }
    }
}

/// The schema that is shown at an address, where it is answered without a statement, which would be refused by itself.
fn schema_behind(path: &str) -> Option<&'static str> {
    let mut parts = path.strip_prefix("/api/v1/")?.split('/');
    match parts.next()? {
        "symbols" | "ticker" | "tickers" | "book" => Some(LIVE),
        "bars" => Some(Table::Bars.namespace()),
        "replay" => Some("raw"),
        _ => None,
    }
}

async fn principal(state: &ApiState, uri: &Uri, headers: &HeaderMap) -> Result<Principal, Denied> {
    let parameter = |name| parameter(uri, headers, name);
    if let Some(ticket) = parameter("ticket") {
        return state.tickets.redeem(&ticket, Instant::now()).ok_or(Denied::InvalidCredentials);
    }
    let token = parameter("access_token");
    match token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
        Some(token) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, token);
            state.access.authenticate(&headers).await
        }
        None => state.access.authenticate(headers).await,
    }
}

/// What `?name=…` says, of a stream that comes without a header.
fn parameter<'a>(uri: &'a Uri, headers: &HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    if !STREAMS.contains(&uri.path()) || headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    percent_decode_str(value).decode_utf8().ok()
}
