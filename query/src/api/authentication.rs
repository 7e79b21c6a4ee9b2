//! Who asks. What tells whether the server lives is told to everybody; everything else to those whom [`Access`] lets in.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use depthlake_lake::table::Table;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::access::{Access, Principal};
use crate::catalog::CATALOG;
use crate::table::LIVE;

/// What is behind the door.
const GUARDED: &str = "/api/";

/// A browser cannot give a header with these.
const STREAMS: [&str; 2] = ["/api/v1/stream", "/api/v1/events"];

/// Whoever asks, as the middleware found out.
pub(crate) struct Asker(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| Problem::internal("a request came in past the authentication"))
    }
}

/// Lets those in whom `access` knows.
pub(crate) async fn authenticated(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with(GUARDED) {
        return next.run(request).await;
    }
    let authenticated = match token_of(&request) {
        Some(token) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, token);
            access.authenticate(&headers).await
        }
        None => access.authenticate(request.headers()).await,
    };
    match authenticated {
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

/// The token of `?access_token=…`, of a stream that comes without a header.
fn token_of(request: &Request) -> Option<HeaderValue> {
    if !STREAMS.contains(&request.uri().path()) || request.headers().contains_key(header::AUTHORIZATION) {
        return None;
    }
    let parameters = request.uri().query()?.split('&');
    let token =
        parameters.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "access_token")?.1;
    let token = percent_decode_str(token).decode_utf8().ok()?;
    HeaderValue::from_str(&format!("Bearer {token}")).ok()
}
