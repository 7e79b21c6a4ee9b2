//! Requests of HTTP, by route and status.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use depthlake_orderbook::metrics::{Counter, Distribution, Histogram, Page, Source, Unit};

/// What is counted under, where no route is met: whatever else is asked for has one name.
const NO_ROUTE: &str = "none";

/// Counts requests by route, method and status, and measures them until their answer begins.
///
/// Routes are those of the router, never what was asked for, so that their number is bounded.
#[derive(Debug, Default)]
pub struct RequestFigures {
    routes: RwLock<BTreeMap<Route, Arc<RouteFigures>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    path: String,
    method: &'static str,
}

#[derive(Debug, Default)]
struct RouteFigures {
    durations: Histogram,
    under_way: std::sync::atomic::AtomicU64,
    /// Hundreds of statuses are never met on one route.
    statuses: RwLock<BTreeMap<u16, Counter>>,
}

/// Measures every request of a router: `router.layer(axum::middleware::from_fn_with_state(figures, measured))`.
pub async fn measured(State(figures): State<Arc<RequestFigures>>, request: Request, next: Next) -> Response {
    use std::sync::atomic::Ordering::Relaxed;
    let route = figures.route(&request);
    let begun = Instant::now();
    route.under_way.fetch_add(1, Relaxed);
    let leaving = OnDrop(|| {
        route.under_way.fetch_sub(1, Relaxed);
    });
    let response = next.run(request).await;
    drop(leaving);
    route.answered(response.status().as_u16(), begun.elapsed());
    response
}

impl RequestFigures {
    /// How long requests of these routes took, up to now, in nanoseconds.
    #[must_use]
    pub fn durations_of(&self, routes: &[&str]) -> Distribution {
        let mut all = Distribution::default();
        for (route, figures) in self.routes.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if routes.contains(&route.path.as_str()) {
                all.add(&figures.durations.snapshot());
            }
        }
        all
    }

    fn route(&self, request: &Request) -> Arc<RouteFigures> {
        let path = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
        let method = known_method(request.method().as_str());
        let route = Route { path: path.to_owned(), method };
        if let Some(known) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&route) {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route).or_default())
    }
}

impl RouteFigures {
    fn answered(&self, status: u16, took: Duration) {
        self.durations.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if let Some(counter) = self.statuses.read().unwrap_or_else(PoisonError::into_inner).get(&status) {
            return counter.add(1);
        }
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).entry(status).or_default().add(1);
    }
}

impl Source for RequestFigures {
    fn tell(&self, page: &mut Page) {
        for (Route { path, method }, figures) in
            self.routes.read().unwrap_or_else(PoisonError::into_inner).iter()
        {
            let of = [("route", path.as_str()), ("method", *method)];
            let requests = page.counter("depthlake_http_requests_total", "Requests answered.");
            for (status, counter) in figures.statuses.read().unwrap_or_else(PoisonError::into_inner).iter() {
                let status = status.to_string();
                requests.whole(&[of[0], of[1], ("status", &status)], counter.get());
            }
            page.histogram(
                "depthlake_http_request_duration_seconds",
                "Time until the answer to a request begins.",
                Unit::Nanoseconds,
            )
            .distribution(&of, figures.durations.snapshot());
            page.gauge("depthlake_http_requests_under_way", "Requests whose answer has not begun.")
                .whole(&of, figures.under_way.load(std::sync::atomic::Ordering::Relaxed));
        }
    }
}

/// Methods may be anything; what is no usual one has one name.
fn known_method(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// Does something when it goes, also where a request is given up.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn requests_are_counted_by_route_not_by_what_was_asked() {
        let figures = Arc::new(RequestFigures::default());
        let found = async |axum::extract::Path(name): axum::extract::Path<String>| {
            if name == "x" { StatusCode::OK } else { StatusCode::NOT_FOUND }
        };
        let router = Router::new()
            .route("/api/v1/book/{symbol}", get(found))
            .layer(from_fn_with_state(Arc::clone(&figures), measured));
        for path in ["/api/v1/book/x", "/api/v1/book/x", "/api/v1/book/y"] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
        }
        let mut page = Page::default();
        figures.tell(&mut page);
        let text = super::super::text::write(&page);
        for line in [
            r#"depthlake_http_requests_total{route="/api/v1/book/{symbol}",method="GET",status="200"} 2"#,
            r#"depthlake_http_requests_total{route="/api/v1/book/{symbol}",method="GET",status="404"} 1"#,
            r#"depthlake_http_requests_under_way{route="/api/v1/book/{symbol}",method="GET"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(figures.durations_of(&["/api/v1/bars/{symbol}", "/api/v1/book/{symbol}"]).count(), 3);
        assert_eq!(figures.durations_of(&["/api/v1/book/x"]).count(), 0);
    }

    async fn panicking() -> &'static str {
        panic!("as the test wants")
    }

    #[tokio::test]
    async fn a_panic_is_counted_as_a_failure() {
        let figures = Arc::new(RequestFigures::default());
        let router = crate::metrics::counted(Router::new().route("/api/v1/lake", get(panicking)), &figures);
        let request = Request::builder().uri("/api/v1/lake").body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
        let mut page = Page::default();
        figures.tell(&mut page);
        let text = super::super::text::write(&page);
        let line = r#"depthlake_http_requests_total{route="/api/v1/lake",method="GET",status="500"} 1"#;
        assert!(text.contains(line), "{text}");
    }
}
