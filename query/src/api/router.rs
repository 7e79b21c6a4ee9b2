//! The routes with what is around all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use bytes::Bytes;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tower_http::cors::{Any, CorsLayer};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{self, Problem};
use super::state::ApiState;
use super::{answer, authentication, bars, health, lake, market, replay, sql, stream, tickets, trades};
use crate::server::MOST_BODY;

/// Answers shorter than this are sent as they are: a packet takes them whole.
const LEAST_COMPRESSED: u16 = 1_400;

#[derive(OpenApi)]
#[openapi(info(
    title = "depthlake",
    description = "Live order books, bars and trades, and the tables they are kept in. Prices and quantities are exact decimals in strings; times are RFC 3339 in UTC."
))]
struct Description;

/// The API: `/api/v1/…`, `/healthz`, `/readyz` and `/openapi.json`.
pub fn router(state: ApiState) -> Router {
    let authentication = from_fn_with_state(state.clone(), authentication::authenticated);
    let (router, mut description) = routes().with_state(state).split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut description.info.version);
    let description = Bytes::from(description.to_json().unwrap_or_default());
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(RequestNumbers::begin()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(cors())
        .layer(
            CompressionLayer::new()
                .compress_when(DefaultPredicate::new().and(SizeAbove::new(LEAST_COMPRESSED))),
        )
        .layer(from_fn(problem::render))
        .layer(authentication)
        .layer(DefaultBodyLimit::max(MOST_BODY));
    router
        .route("/openapi.json", get(move || async move { answer::json(description) }))
        .route("/api/v1", any(nothing_here))
        .route("/api/v1/", any(nothing_here))
        .route("/api/v1/{*rest}", any(nothing_here))
        .route("/api", any(nothing_here))
        .route("/api/{*rest}", any(nothing_here))
        .method_not_allowed_fallback(wrong_method)
        .layer(layers)
}

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(market::symbols))
        .routes(routes!(market::tickers))
        .routes(routes!(market::ticker))
        .routes(routes!(market::book))
        .routes(routes!(bars::bars))
        .routes(routes!(trades::trades))
        .routes(routes!(lake::liquidity))
        .routes(routes!(replay::book))
        .routes(routes!(replay::range))
        .routes(routes!(lake::overview))
        .routes(routes!(lake::volume))
        .routes(routes!(lake::latest))
        .routes(routes!(lake::dead_letters))
        .routes(routes!(lake::reconciliation))
        .routes(routes!(sql::sql))
        .routes(routes!(health::health))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(stream::stream))
        .routes(routes!(tickets::ticket))
        .routes(routes!(stream::events))
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}; /openapi.json tells what there is", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not answer {method}", uri.path());
    Problem::of_status(axum::http::StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Any page may read; a token is sent by a page's own code and by no browser on its own.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, header::IF_NONE_MATCH, REQUEST_ID])
        .expose_headers([header::ETAG, header::CONTENT_DISPOSITION, REQUEST_ID])
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers requests of a process.
#[derive(Debug, Clone)]
struct RequestNumbers {
    /// Tells this process from others.
    begun: u64,
    last: Arc<AtomicU64>,
}

impl RequestNumbers {
    fn begin() -> Self {
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        Self { begun: u64::try_from(begun).unwrap_or(0), last: Arc::default() }
    }
}

impl MakeRequestId for RequestNumbers {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:x}-{number:x}", self.begun)).ok().map(RequestId::new)
    }
}
