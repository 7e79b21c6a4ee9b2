//! The page: its built files, which the program carries, served so that a browser keeps what cannot change.
//!
//! Files under `/assets/` have a digest in their names and are kept for good; all others are asked for again and answered
//! with 304 when they are the same. Every view has an address of its own, and each is answered with the same document.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

static BUILT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page/dist");

/// What the document may load and do: only what comes from this server, and nothing written into the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/`, `/symbol/{symbol}`, `/lake` and `/sql`, and the files it is made of; and what is said of addresses that no router
/// merged with this one answers.
pub fn router() -> Router {
    let files = Arc::new(Files::of(&BUILT));
    let mut router = Router::new().route("/assets/{*path}", get(asset));
    for view in ["/", "/symbol", "/symbol/{symbol}", "/lake", "/sql"] {
        router = router.route(view, get(document));
    }
    for name in files.by_name.keys().filter(|name| !name.contains('/') && *name != DOCUMENT) {
        let name = name.clone();
        router = router.route(
            &format!("/{name}"),
            get(async move |State(files): State<Arc<Files>>, headers: HeaderMap| {
                files.answer(&name, &headers)
            }),
        );
    }
    router.fallback(nowhere).layer(CompressionLayer::new()).with_state(files)
}

const DOCUMENT: &str = "index.html";

async fn document(State(files): State<Arc<Files>>, headers: HeaderMap) -> Response {
    files.answer(DOCUMENT, &headers)
}

/// Of an address that nothing answers: the page, which says so, to who looks with a browser; a line to everybody else.
async fn nowhere(State(files): State<Arc<Files>>, method: Method, headers: HeaderMap) -> Response {
    let shows_pages = headers.get_all(ACCEPT).iter().any(|kinds| {
        kinds.to_str().is_ok_and(|kinds| kinds.split(',').any(|kind| kind.trim().starts_with("text/html")))
    });
    if method != Method::GET || !shows_pages {
        return (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response();
    }
    let mut answer = files.answer(DOCUMENT, &HeaderMap::new());
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

async fn asset(State(files): State<Arc<Files>>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    files.answer(&format!("assets/{path}"), &headers)
}

struct Files {
    by_name: BTreeMap<String, File>,
}

struct File {
    content: Bytes,
    content_type: HeaderValue,
    tag: HeaderValue,
    caching: HeaderValue,
}

impl Files {
    fn of(built: &'static Dir<'static>) -> Self {
        let mut by_name = BTreeMap::new();
        let mut folders = vec![built];
        while let Some(folder) = folders.pop() {
            folders.extend(folder.dirs());
            for file in folder.files() {
                let name = file.path().to_string_lossy().replace('\\', "/");
                let described = File::new(&name, file.contents());
                by_name.insert(name, described);
            }
        }
        Self { by_name }
    }

    fn answer(&self, name: &str, asked: &HeaderMap) -> Response {
        let Some(file) = self.by_name.get(name) else {
            return (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
        };
        let mut answer = if holds(asked, &file.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(file.content.clone()))
        };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, file.content_type.clone());
        headers.insert(ETAG, file.tag.clone());
        headers.insert(CACHE_CONTROL, file.caching.clone());
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        answer
    }
}

impl File {
    fn new(name: &str, content: &'static [u8]) -> Self {
        let digest = Sha256::digest(content)
            .iter()
            .take(12)
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Self {
            content: Bytes::from_static(content),
            content_type: HeaderValue::from_static(content_type(name)),
            // Weak, because the same file goes out compressed and not.
            tag: HeaderValue::try_from(format!("W/\"{digest}\""))
                .unwrap_or(HeaderValue::from_static("W/\"\"")),
            caching: HeaderValue::from_static(if name.starts_with("assets/") {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            }),
        }
    }
}

/// Whether the asker has this version already.
fn holds(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim() == tag)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(answer: Response) -> String {
        String::from_utf8(axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec())
            .unwrap()
    }

    /// The addresses of scripts and styles that the document asks for.
    fn linked(document: &str) -> Vec<String> {
        document.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn every_view_has_an_address() {
        let first = text(ask("/", &[]).await).await;
        assert!(first.contains("<title>depthlake</title>"));
        for path in ["/symbol", "/symbol/BTCUSDT", "/symbol/A%2FB", "/lake", "/sql"] {
            let answer = ask(path, &[]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(text(answer).await, first, "{path}");
        }
        assert_eq!(ask("/nowhere", &[]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ask("/assets/nothing.js", &[]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ask("/assets/..%2Findex.html", &[]).await.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn who_is_lost_is_told_so() {
        let html = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        let lost = ask("/nowhere/at/all", &html).await;
        assert_eq!(lost.status(), StatusCode::NOT_FOUND);
        assert_eq!(lost.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(text(lost).await, text(ask("/", &[]).await).await);
        let told = ask("/nowhere/at/all", &[("accept", "*/*")]).await;
        assert_eq!(told.status(), StatusCode::NOT_FOUND);
        assert_eq!(text(told).await, "There is nothing here.\n");
    }

    #[tokio::test]
    async fn files_say_what_they_are_and_how_long_they_last() {
        let document = ask("/", &[]).await;
        assert_eq!(document.headers()[CACHE_CONTROL], "no-cache");
        assert!(
            document.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'")
        );
        let assets = linked(&text(document).await);
        assert!(assets.len() >= 2, "{assets:?}");
        for asset in assets {
            let answer = ask(&asset, &[("accept-encoding", "gzip")]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{asset}");
            assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
            assert_eq!(answer.headers()["content-encoding"], "gzip", "{asset}");
            let expected =
                if std::path::Path::new(&asset).extension().is_some_and(|extension| extension == "js") {
                    "text/javascript; charset=utf-8"
                } else {
                    "text/css; charset=utf-8"
                };
            assert_eq!(answer.headers()[CONTENT_TYPE], expected);
        }
        assert_eq!(ask("/icon.svg", &[]).await.headers()[CONTENT_TYPE], "image/svg+xml");
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let tag = ask("/", &[]).await.headers()[ETAG].to_str().unwrap().to_owned();
        let again = ask("/lake", &[("if-none-match", &format!("\"other\", {tag}"))]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(text(again).await.is_empty());
        assert_eq!(ask("/", &[("if-none-match", "W/\"other\"")]).await.status(), StatusCode::OK);
    }

    #[test]
    fn all_of_it_stays_small() {
        use std::io::Write;
        let files = Files::of(&BUILT);
        let compressed: usize = files
            .by_name
            .values()
            .map(|file| {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&file.content).unwrap();
                encoder.finish().unwrap().len()
            })
            .sum();
        assert!(compressed < 300_000, "the page has {compressed} bytes compressed");
    }
}
