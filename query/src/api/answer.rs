//! Answers that are bytes already, with what lets a client not ask for them twice.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// JSON that is there already.
pub(crate) fn json(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
    response
}

/// JSON of a version: 304, without asking for the body, where the client has that version.
pub(crate) fn versioned(asked: &HeaderMap, etag: &str, body: impl FnOnce() -> Bytes) -> Response {
    let mut response = if is_known(asked, etag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
        response
    } else {
        json(body())
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Whether the client says that it has this version. Compared weakly, as `If-None-Match` is.
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let asked = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    asked.flat_map(|tags| tags.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_version_is_not_sent_again() {
        let mut asked = HeaderMap::new();
        let body = || Bytes::from_static(b"{}");
        assert_eq!(versioned(&asked, "W/\"7\"", body).status(), StatusCode::OK);
        asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"3\", \"7\""));
        let answer = versioned(&asked, "W/\"7\"", || panic!("not asked for"));
        assert_eq!(
            (answer.status(), answer.headers()[header::ETAG].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, "W/\"7\"")
        );
        assert_eq!(versioned(&asked, "\"8\"", body).status(), StatusCode::OK);
    }
}
