//! The protocol request by request, and real clients.

use axum::body::{Body, to_bytes};
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{Request, Response};
use depthlake_lake::address::{CatalogAddress, LakeAddress, S3Settings, Secret, WarehouseAddress};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::access::AccessConfiguration;
use crate::samples::{append, empty_lake, trades};

fn open(lake: Lake) -> Router {
    router(IcebergCatalog { lake, access: Access::open(), reader: None })
}

async fn answer(router: &Router, method: &str, path: &str) -> (u16, Value) {
    let (status, _, body) = whole(router, Request::builder().method(method).uri(path)).await;
    (status, body)
}

async fn whole(router: &Router, request: axum::http::request::Builder) -> (u16, HeaderMap, Value) {
    let response: Response<Body> =
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_listed_and_asked_for() {
    let lake = empty_lake().await;
    let router = open(lake.lake.clone());
    let get = async |path: &str| answer(&router, "GET", &format!("/iceberg/v1/{path}")).await;
    let (status, config) = get("config?warehouse=depthlake").await;
    assert_eq!((status, config["endpoints"].as_array().map(Vec::len)), (200, Some(ENDPOINTS.len())));
    let (_, namespaces) = get("namespaces?pageToken=").await;
    assert_eq!(namespaces, json!({ "namespaces": [["marts"], ["normalized"], ["ops"], ["raw"]] }));
    assert_eq!(get("namespaces?parent=raw").await, (200, json!({ "namespaces": [] })));
    let (_, page) = get("namespaces?pageSize=3").await;
    assert_eq!(page["next-page-token"], "ops");
    let (_, page) = get("namespaces?pageSize=3&pageToken=ops").await;
    assert_eq!(page, json!({ "namespaces": [["raw"]] }));
    assert_eq!(get("namespaces/raw").await.1["namespace"], json!(["raw"]));
    let (_, tables) = get("namespaces/raw/tables").await;
    assert_eq!(tables["identifiers"][0], json!({ "namespace": ["raw"], "name": "history" }));
    assert_eq!(get("namespaces/raw/views").await, (200, json!({ "identifiers": [] })));
    for (path, exception) in [
        ("namespaces/nothing", "NoSuchNamespaceException"),
        ("namespaces/a%1Fb/tables", "NoSuchNamespaceException"),
        ("namespaces/raw/tables/nothing", "NoSuchTableException"),
        ("namespaces/raw/views/trades", "NoSuchViewException"),
        ("namespaces/raw/nothing", "RESTException"),
    ] {
        let (status, body) = get(path).await;
        assert_eq!(
            (status, &body["error"]["type"], &body["error"]["code"]),
            (404, &json!(exception), &json!(404))
        );
    }
    for (path, status) in [
        ("namespaces/raw", 200),
        ("namespaces/nothing", 404),
        ("namespaces/raw/tables/trades", 200),
        ("namespaces/raw/tables/nothing", 404),
    ] {
        assert_eq!(answer(&router, "HEAD", &format!("/iceberg/v1/{path}")).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written() {
    let lake = empty_lake().await;
    let router = open(lake.lake.clone());
    for (method, path) in [
        ("POST", "namespaces"),
        ("DELETE", "namespaces/raw"),
        ("POST", "namespaces/raw/properties"),
        ("POST", "namespaces/raw/tables"),
        ("POST", "namespaces/raw/tables/trades"),
        ("DELETE", "namespaces/raw/tables/trades?purgeRequested=true"),
        ("POST", "transactions/commit"),
        ("POST", "tables/rename"),
    ] {
        let (status, body) = answer(&router, method, &format!("/iceberg/v1/{path}")).await;
        assert_eq!(
            (status, &body["error"]["type"]),
            (406, &json!("UnsupportedOperationException")),
            "{path}"
        );
    }
    let metrics = "/iceberg/v1/namespaces/raw/tables/trades/metrics";
    assert_eq!(answer(&router, "POST", metrics).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_shown_as_it_is_now() {
    let lake = empty_lake().await;
    let router = open(lake.lake.clone());
    let path = "/iceberg/v1/namespaces/raw/tables/trades";
    let (_, before, _) = whole(&router, Request::get(path)).await;
    append(&lake.lake, Table::RawTrades, &trades(0, 10)).await;
    append(&lake.lake, Table::RawTrades, &trades(10, 10)).await;
    let (status, headers, loaded) = whole(&router, Request::get(path)).await;
    assert_eq!((status, loaded["config"].clone()), (200, json!({})));
    assert_ne!(headers[ETAG], before[ETAG]);
    let metadata = &loaded["metadata"];
    assert_eq!(metadata["snapshots"].as_array().map(Vec::len), Some(2));
    let location = loaded["metadata-location"].as_str().unwrap().strip_prefix("file://").unwrap();
    let file = std::fs::File::open(location).unwrap();
    let file: Value = serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap();
    assert_eq!(*metadata, file, "the answer and the file say the same");
    let (status, ..) = whole(&router, Request::get(path).header(IF_NONE_MATCH, &headers[ETAG])).await;
    assert_eq!(status, 304);
    let (_, refs) = answer(&router, "GET", &format!("{path}?snapshots=refs")).await;
    assert_eq!(refs["metadata"]["snapshots"].as_array().map(Vec::len), Some(1));
    assert_eq!(refs["metadata"]["snapshots"][0]["snapshot-id"], metadata["current-snapshot-id"]);
    assert_eq!(answer(&router, "GET", &format!("{path}?snapshots=some")).await.0, 400);
}

/// Two users: `ana` may read all, `bo` the marts alone. Their tokens are their names.
fn guarded() -> Access {
    let user = |name: &str, read: &str| {
        let token = {
            use sha2::Digest;
            sha2::Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        json!({ "tokens": [token], "read": [read] })
    };
    let users =
        serde_json::from_value(json!({ "ana": user("ana", "*"), "bo": user("bo", "depthlake.marts") }));
    Access::new(&AccessConfiguration { users: users.unwrap(), jwt: None }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_a_schema_sees_it() {
    let lake = empty_lake().await;
    let router = router(IcebergCatalog { lake: lake.lake.clone(), access: guarded(), reader: None });
    let get = async |path: &str, token: &str| {
        let request =
            Request::get(format!("/iceberg/v1/{path}")).header("authorization", format!("Bearer {token}"));
        whole(&router, request).await
    };
    let (status, headers, body) = get("config", "nobody").await;
    assert_eq!((status, &body["error"]["type"]), (401, &json!("NotAuthorizedException")));
    assert!(headers.contains_key("www-authenticate"));
    assert_eq!(answer(&router, "GET", "/iceberg/v1/namespaces").await.0, 401);
    assert_eq!(get("namespaces", "ana").await.2["namespaces"].as_array().map(Vec::len), Some(4));
    assert_eq!(get("namespaces", "bo").await.2, json!({ "namespaces": [["marts"]] }));
    assert_eq!(get("namespaces/marts/tables/mart_ohlcv", "bo").await.0, 200);
    assert_eq!(get("namespaces/raw/tables/trades", "bo").await.0, 404);
    for (form, status) in [
        ("grant_type=client_credentials&client_id=ana&client_secret=ana&scope=catalog", 200),
        ("grant_type=client_credentials&client_id=ana&client_secret=other", 401),
        ("grant_type=password", 400),
        ("nonsense", 400),
    ] {
        let request = Request::post("/iceberg/v1/oauth/tokens").body(Body::from(form)).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_the_bucket_are_for_those_who_may_read_all_of_it() {
    let lake = empty_lake().await;
    let secret_access_key = Secret::from("only-reads".to_owned());
    let reader = Some(S3Credentials { access_key_id: "reader".to_owned(), secret_access_key });
    let router = router(IcebergCatalog { lake: lake.lake.clone(), access: guarded(), reader });
    let keys = async |token: &str, asks: &str| {
        let request = Request::get("/iceberg/v1/namespaces/marts/tables/mart_ohlcv")
            .header("authorization", format!("Bearer {token}"))
            .header("x-iceberg-access-delegation", asks);
        whole(&router, request).await.2["config"]["s3.secret-access-key"].clone()
    };
    assert_eq!(keys("ana", "vended-credentials,remote-signing").await, "only-reads");
    assert_eq!(keys("ana", "remote-signing").await, Value::Null);
    assert_eq!(keys("bo", "vended-credentials").await, Value::Null);
}

/// A lake in a folder and, where a server is running, one in a bucket; each with the credentials that readers get.
async fn lakes() -> Vec<(TempDir, Lake, Option<S3Credentials>)> {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&folder.path().join("catalog.db"), &folder.path().join("warehouse")).await.unwrap();
    let mut lakes = vec![(folder, lake, None)];
    let of_test = |name: &str| std::env::var(format!("DEPTHLAKE_TEST_S3{name}")).ok();
    let (Some(endpoint), Some(bucket), Some(id), Some(secret)) =
        (of_test(""), of_test("_BUCKET"), of_test("_KEY"), of_test("_SECRET"))
    else {
        eprintln!("SKIPPED: no S3 server; infra/local/s3 starts one");
        return lakes;
    };
    let credentials = S3Credentials { access_key_id: id, secret_access_key: Secret::from(secret) };
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
    let mut warehouse: WarehouseAddress = format!("s3://{bucket}/readers/{prefix}").parse().unwrap();
    if let WarehouseAddress::S3(address) = &mut warehouse {
        let (endpoint, credentials) = (Some(endpoint), Some(credentials.clone()));
        address.settings = S3Settings { endpoint, region: None, credentials };
    }
    let catalog = CatalogAddress::Sqlite(folder.path().join("catalog.db"));
    let lake = Lake::open_at(&LakeAddress { catalog, warehouse }).await.unwrap();
    lakes.push((folder, lake, Some(credentials)));
    lakes
}

#[tokio::test(flavor = "multi_thread")]
async fn pyiceberg_and_duckdb_read_the_same_rows() {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no interpreter with PyIceberg and DuckDB");
        return;
    };
    for (_folder, lake, reader) in lakes().await {
        append(&lake, Table::Trades, &trades(0, 700)).await;
        append(&lake, Table::Trades, &trades(700, 300)).await;
        for (access, token) in [(Access::open(), None), (guarded(), Some("ana"))] {
            let catalog = IcebergCatalog { lake: lake.clone(), access, reader: reader.clone() };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}/iceberg", listener.local_addr().unwrap());
            let server = tokio::spawn(async move { axum::serve(listener, router(catalog)).await });
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/iceberg_clients.py");
            let mut command = std::process::Command::new(&python);
            command.arg(script).args([uri.as_str(), "normalized", "trades", "trade_id"]).args(token);
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            server.abort();
            let found: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
            for client in ["pyiceberg", "duckdb"] {
                let sums = (found[client]["rows"].as_i64(), found[client]["sum"].as_i64());
                assert_eq!(sums, (Some(1_000), Some(499_500)), "{client} in {}", lake.warehouse().location());
                let tables = ["book_ticker", "ohlcv_1d", "ohlcv_1m", "trades"];
                assert_eq!(found[client]["tables"], json!(tables), "{client}");
            }
        }
    }
}
