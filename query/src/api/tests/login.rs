//! How a page in a browser comes in where users are configured.

use reqwest::StatusCode;
use serde_json::Value;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use super::{Served, problem};
use crate::access::{Access, AccessConfiguration, SchemaPattern, UserConfiguration};
use crate::samples::empty_lake;

async fn served() -> Served {
    let ana = UserConfiguration {
        password: Some(bcrypt::hash("sesame", 4).unwrap().try_into().unwrap()),
        tokens: Vec::new(),
        read: vec![SchemaPattern::ALL],
        write: Vec::new(),
    };
    let configuration = AccessConfiguration { users: [("ana".to_owned(), ana)].into(), jwt: None };
    Served::guarded(empty_lake().await, Access::new(&configuration).unwrap()).await
}

#[tokio::test]
async fn the_page_is_asked_by_itself_and_everybody_else_by_the_browser() {
    let served = served().await;
    let challenge = |answer: &reqwest::Response| {
        answer.headers()["www-authenticate"].to_str().unwrap().to_ascii_lowercase()
    };
    let plain = served.get("/api/v1/symbols").await;
    assert_eq!(plain.status(), StatusCode::UNAUTHORIZED);
    assert!(challenge(&plain).contains("basic"));
    let of_page = served.client.get(served.url("/api/v1/symbols")).header("x-requested-with", "depthlake");
    let of_page = of_page.send().await.unwrap();
    assert_eq!(challenge(&of_page), "bearer realm=\"depthlake\"");
    let said = problem(of_page, StatusCode::UNAUTHORIZED).await;
    assert!(said["detail"].as_str().unwrap().contains("Authentication is needed"), "{said}");
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let served = served().await;
    let stream = |query: &str| connect_async(format!("ws://{}/api/v1/stream{query}", served.address));
    let refused = async |query: &str| match stream(query).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("{other:?}"),
    };
    let ask = || served.client.post(served.url("/api/v1/stream/ticket"));
    problem(ask().send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    problem(ask().basic_auth("ana", Some("wrong")).send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    let answer = ask().basic_auth("ana", Some("sesame")).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!((&answer["user"], &answer["asks_for_login"]), (&"ana".into(), &true.into()));
    let ticket = format!("?ticket={}", answer["ticket"].as_str().unwrap());
    assert_eq!(refused("").await, 401);
    assert_eq!(refused("?ticket=nothing").await, 401);
    stream(&ticket).await.unwrap();
    assert_eq!(refused(&ticket).await, 401, "once");
    // A ticket opens streams and nothing else.
    let other: Value = ask().basic_auth("ana", Some("sesame")).send().await.unwrap().json().await.unwrap();
    let path = format!("/api/v1/symbols?ticket={}", other["ticket"].as_str().unwrap());
    assert_eq!(served.get(&path).await.status(), StatusCode::UNAUTHORIZED);
}
