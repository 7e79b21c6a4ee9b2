//! A scrape over HTTP.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::*;

#[tokio::test]
async fn a_scrape_tells_what_all_sources_tell() {
    let metrics = Metrics::of_process();
    metrics.add(Arc::new(|page: &mut Page| {
        page.counter("depthlake_test_total", "Of a test.").whole(&[], 7);
    }));
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let response = router(metrics).oneshot(request).await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], text::CONTENT_TYPE);
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("\ndepthlake_test_total 7\n"), "{text}");
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    ] {
        assert!(text.contains(&format!("\n{name} ")), "{name} is not in\n{text}");
    }
}
