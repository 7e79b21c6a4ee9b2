//! Trino's client protocol over HTTP.
//!
//! A client posts a statement and gets a page; each page names the next until there is none. [`router`] has all of it;
//! what is said on the wire is in [`headers`](self) (the session), `signature` and `value` (types and rows), and `page`.
//!
//! Invariant: nothing is kept of a client between statements. Invariant: the rows of a statement are computed as they are
//! fetched, a page or two ahead. Invariant: who does not come back stops costing anything.

mod address;
mod headers;
mod info;
mod page;
pub mod reading;
mod signature;
mod statement;
mod statements;
pub(crate) mod value;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

pub use info::VERSION;

use crate::access::{Access, Principal, authenticated, names_user};
use crate::server::Scheme;
use crate::session::{Database, check_properties};
use headers::ClientContext;
use page::{Envelope, Failure, Page};
use statement::{NoPage, Statement};
use statements::{Keeping, Statements};

/// How long a request for a page waits for rows.
const LONG_POLL: Duration = Duration::from_secs(1);

/// How long a statement's first answer waits for rows, where the client takes them there.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Bytes from which an answer is worth compressing.
const WORTH_COMPRESSING: u16 = 4_096;

/// The clients that read rows in the first answer, by how their names begin. Others only look for them behind `nextUri`.
const TAKE_ROWS_AT_ONCE: [&str; 4] =
    ["trino-python-client/", "StatementClientV1/", "Trino JDBC Driver/", "depthlake/"];

/// What all requests share.
struct Protocol {
    statements: Arc<Statements>,
    access: Access,
    begun: Instant,
}

/// The routes of the protocol: `/v1/statement`, `/v1/query` and `/v1/info`. Must be called within a runtime.
pub fn router(database: Database, access: Access) -> Router {
    let statements = Statements::new(database, Keeping::default());
    let protocol = Arc::new(Protocol { statements, access: access.clone(), begun: Instant::now() });
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING));
    Router::new()
        .route("/v1/statement", post(begin).head(credentials_are_valid))
        .route("/v1/statement/{stage}/{query}/{slug}/{token}", get(next).head(heartbeat).delete(cancel))
        .route("/v1/query", get(info::queries))
        .route("/v1/query/{id}", get(info::query).delete(info::cancel))
        .route_layer(from_fn_with_state(access, authenticated))
        .route("/v1/info", get(info::info))
        .route("/v1/info/state", get(info::state))
        .layer(compression)
        .with_state(protocol)
}

impl Protocol {
    /// Whether somebody may know of another's query: of their own, and of all where nobody is asked who they are.
    fn may_know(&self, principal: &Principal, user: &str) -> bool {
        self.access.is_open() || principal.user == user
    }
}

/// `POST /v1/statement`.
async fn begin(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if protocol.access.is_open() && !names_user(&parts.headers) {
        return (StatusCode::UNAUTHORIZED, "Basic authentication or X-Trino-User must be sent")
            .into_response();
    }
    let text = match text_of(body).await {
        Ok(text) => text,
        Err(refusal) => return refusal,
    };
    let Some(base) = base_of(&parts) else { return refused("the request names no host") };
    let context = match ClientContext::of(&parts.headers, principal) {
        Ok(context) => context,
        Err(error) => return refused(&error.to_string()),
    };
    if let Err(error) = check_properties(&context.settings.properties) {
        return failed(&protocol, &base, &Failure::of(&error));
    }
    let statement = match protocol.statements.begin(context, text) {
        Ok(statement) => statement,
        Err(failure) => return failed(&protocol, &base, &failure),
    };
    if !takes_rows_at_once(&parts.headers) {
        return sent(statement.acknowledgement(&base).await);
    }
    match statement.page(0, &base, FIRST_WAIT).await {
        Ok(page) => {
            if page.is_last {
                protocol.statements.forget(statement.query.as_str());
            }
            sent(page)
        }
        Err(missing) => missing.into_response(),
    }
}

/// `HEAD /v1/statement`: drivers ask whether they may ask.
async fn credentials_are_valid() -> StatusCode {
    StatusCode::OK
}

/// Where a page is.
#[derive(Deserialize)]
struct PageAddress {
    query: String,
    slug: String,
    token: u64,
}

/// `GET /v1/statement/{queued|executing}/{query}/{slug}/{token}`.
async fn next(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    Path(address): Path<PageAddress>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let Some(base) = base_of(&parts) else { return refused("the request names no host") };
    let Some(statement) = find(&protocol, &principal, &address) else {
        return NoPage::Unknown.into_response();
    };
    match statement.page(address.token, &base, LONG_POLL).await {
        Ok(page) => {
            if page.is_last {
                protocol.statements.finished(&statement, page.body.len());
            }
            sent(page)
        }
        Err(missing) => missing.into_response(),
    }
}

/// `HEAD` of a page: the client is there, and does not want the page yet.
async fn heartbeat(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    Path(address): Path<PageAddress>,
) -> StatusCode {
    match find(&protocol, &principal, &address) {
        Some(statement) => {
            statement.touch(None);
            StatusCode::OK
        }
        None => StatusCode::NOT_FOUND,
    }
}

/// `DELETE` of a page: the client does not want the rest.
async fn cancel(
    State(protocol): State<Arc<Protocol>>,
    Extension(principal): Extension<Principal>,
    Path(address): Path<PageAddress>,
) -> StatusCode {
    if find(&protocol, &principal, &address).is_some() {
        protocol.statements.cancel(&address.query);
    }
    StatusCode::NO_CONTENT
}

fn find(protocol: &Protocol, principal: &Principal, address: &PageAddress) -> Option<Arc<Statement>> {
    let statement = protocol.statements.find(&address.query, &address.slug)?;
    protocol.may_know(principal, &statement.user).then_some(statement)
}

async fn text_of(body: Body) -> Result<String, Response> {
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| {
        let is_too_large = std::error::Error::source(&error)
            .is_some_and(|cause| cause.to_string().contains("length limit exceeded"));
        let status = if is_too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::REQUEST_TIMEOUT };
        (status, "the statement did not arrive whole").into_response()
    })?;
    let text = String::from_utf8(bytes.into()).map_err(|_| refused("the statement is no UTF-8"))?;
    if text.trim().is_empty() { Err(refused("SQL query is empty")) } else { Ok(text) }
}

fn base_of(parts: &Parts) -> Option<String> {
    let scheme = parts.extensions.get::<Scheme>().copied().unwrap_or(Scheme::Http);
    address::base(&parts.headers, &parts.uri, scheme)
}

fn takes_rows_at_once(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::USER_AGENT).iter().filter_map(|name| name.to_str().ok());
    named.into_iter().any(|name| TAKE_ROWS_AT_ONCE.iter().any(|known| name.starts_with(known)))
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, why.to_owned()).into_response()
}

/// The answer to a statement that was not even begun.
fn failed(protocol: &Protocol, base: &str, failure: &Failure) -> Response {
    let query = protocol.statements.database().queries().next_id();
    let envelope = Envelope {
        query: query.as_str(),
        base,
        next: None,
        state: "FAILED",
        info: None,
        update: None,
        failure: Some(failure),
    };
    sent(Page { body: envelope.with(None, None), headers: Vec::new(), is_last: true })
}

fn sent(page: Page) -> Response {
    let mut response = Response::new(Body::from(page.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in page.headers {
        headers.append(name, value);
    }
    response
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        match self {
            Self::Gone => StatusCode::GONE.into_response(),
            Self::Unknown => (StatusCode::NOT_FOUND, "Query not found").into_response(),
        }
    }
}
