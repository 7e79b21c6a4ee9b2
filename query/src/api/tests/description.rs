//! Whether `/openapi.json` tells the truth: every route is in it, and what is really sent is as it says.

use depthlake_lake::table::Table;
use reqwest::StatusCode;
use serde_json::Value;

use super::Served;
use crate::health::PROMPT_ROUTES;
use crate::samples::{append, empty_lake, trades};

/// Every answer of JSON there is, with a request that is answered so.
const ANSWERS: [(&str, &str, u16); 20] = [
    ("/api/v1/symbols", "/api/v1/symbols", 200),
    ("/api/v1/tickers", "/api/v1/tickers", 200),
    ("/api/v1/ticker/{symbol}", "/api/v1/ticker/BTCUSDT", 200),
    ("/api/v1/ticker/{symbol}", "/api/v1/ticker/XRPUSDT", 200),
    ("/api/v1/ticker/{symbol}", "/api/v1/ticker/XRP", 404),
    ("/api/v1/book/{symbol}", "/api/v1/book/BTCUSDT?depth=3", 200),
    ("/api/v1/book/{symbol}", "/api/v1/book/BTCUSDT?depth=x", 400),
    ("/api/v1/bars/{symbol}", "/api/v1/bars/BTCUSDT", 200),
    ("/api/v1/trades/{symbol}", "/api/v1/trades/BTCUSDT?limit=5", 200),
    ("/api/v1/liquidity/{symbol}", "/api/v1/liquidity/BTCUSDT", 200),
    ("/api/v1/replay/{symbol}", "/api/v1/replay/BTCUSDT?at=2024-08-08T00:00:00Z", 404),
    ("/api/v1/replay/{symbol}/range", "/api/v1/replay/BTCUSDT/range?from=5&to=4", 400),
    ("/api/v1/health", "/api/v1/health", 200),
    ("/api/v1/lake", "/api/v1/lake", 200),
    ("/api/v1/lake/volume", "/api/v1/lake/volume", 200),
    ("/api/v1/lake/{table}/latest", "/api/v1/lake/normalized.trades/latest?limit=3", 200),
    ("/api/v1/dead-letters", "/api/v1/dead-letters", 200),
    ("/api/v1/reconciliation", "/api/v1/reconciliation", 200),
    ("/api/v1/lake/{table}/latest", "/api/v1/lake/nothing/latest", 404),
    ("/api/v1/stream", "/api/v1/stream", 400),
];

/// What is described and has no answer of JSON to a plain request.
const OTHERS: [&str; 5] = ["/api/v1/sql", "/api/v1/stream/ticket", "/api/v1/events", "/healthz", "/readyz"];

#[tokio::test]
async fn what_is_sent_is_what_is_described() {
    let lake = empty_lake().await;
    append(&lake.lake, Table::Trades, &trades(1, 50)).await;
    let served = Served::over(lake).await;
    let description = served.json("/openapi.json").await;
    let mut described: Vec<_> =
        description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut asked: Vec<_> = ANSWERS.map(|(route, ..)| route).into_iter().chain(OTHERS).collect();
    described.sort_unstable();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(described, asked, "every route is described, and every description asked for");
    assert!(PROMPT_ROUTES.iter().all(|route| asked.contains(route)), "what is measured is a route");
    for (route, path, status) in ANSWERS {
        let answer = served.get(path).await;
        assert_eq!(answer.status(), StatusCode::from_u16(status).unwrap(), "{path}");
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let content = &description["paths"][route]["get"]["responses"][status.to_string()]["content"];
        let schema = &content["application/json"]["schema"];
        assert!(schema.is_object(), "{route} describes no answer of {status}: {content}");
        check(&description, schema, &answer, path);
    }
    let question = serde_json::json!({"query": "SELECT 1 AS one, 'a' AS a"});
    let answer = served.client.post(served.url("/api/v1/sql")).json(&question).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let content = &description["paths"]["/api/v1/sql"]["post"]["responses"]["200"]["content"];
    check(&description, &content["application/json"]["schema"], &answer, "sql");
    let answer = served.client.post(served.url("/api/v1/stream/ticket")).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let content = &description["paths"]["/api/v1/stream/ticket"]["post"]["responses"]["200"]["content"];
    check(&description, &content["application/json"]["schema"], &answer, "ticket");
}

/// Asserts that a value is as its schema says: of the part of JSON Schema that the description uses. An object must not have
/// more than is described.
fn check(description: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = description.pointer(name.trim_start_matches('#')).unwrap();
        return check(description, schema, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        if value.is_null() {
            assert!(choices.iter().any(|choice| choice["type"] == "null"), "{at} must not be null");
            return;
        }
        let choice = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        return check(description, choice, value, at);
    }
    if let Some(names) = schema["enum"].as_array() {
        assert!(names.contains(value), "{at}: {value} is none of {names:?}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = |name: &Value| name == kind || (name == "number" && kind == "integer");
    let is_allowed = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(allowed),
        Value::Null => true,
        one => allowed(one),
    };
    assert!(is_allowed, "{at}: {value} is no {}", schema["type"]);
    if let Value::Array(values) = value {
        for (index, value) in values.iter().enumerate() {
            check(description, &schema["items"], value, &format!("{at}[{index}]"));
        }
    }
    let (Value::Object(object), Some(properties)) = (value, schema["properties"].as_object()) else { return };
    for (name, value) in object {
        let property = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
        check(description, property, value, &format!("{at}.{name}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
    }
}
