//! The API on a real socket, asked by real clients.

mod description;
mod past;
mod rest;
mod streams;

use std::net::SocketAddr;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{ApiParts, ApiState, router};
use crate::access::Access;
use crate::health::{HealthMonitor, Targets, Watched};
use crate::live::Market;
use crate::live::samples::SampleBoard;
use crate::samples::{LakeInFolder, empty_lake};
use crate::session::{Database, DatabaseOptions};

/// A server over a board and a lake of its own.
struct Served {
    board: SampleBoard,
    _lake: LakeInFolder,
    state: ApiState,
    address: SocketAddr,
    client: Client,
}

impl Served {
    async fn start() -> Self {
        Self::over(empty_lake().await).await
    }

    async fn over(lake: LakeInFolder) -> Self {
        Self::with(lake, Access::open()).await
    }

    async fn with(lake: LakeInFolder, access: Access) -> Self {
        let board = SampleBoard::new();
        let watched = Watched { board: Some(board.path().to_owned()), ..Watched::default() };
        let parts = ApiParts {
            market: Market::at(board.path()),
            database: Database::open(lake.lake.clone(), DatabaseOptions::default()).unwrap(),
            health: HealthMonitor::start(watched, Targets::default()),
            access,
            events: None,
        };
        let state = ApiState::start(parts).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = router(state.clone());
        tokio::spawn(async move { axum::serve(listener, served).await });
        Self { board, _lake: lake, state, address, client: Client::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// The JSON of an answer that is there.
    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The problem of an answer that is none.
    async fn problem(&self, path: &str, status: StatusCode) -> Value {
        problem(self.get(path).await, status).await
    }
}

async fn problem(response: Response, status: StatusCode) -> Value {
    let found = response.status();
    let kind = response.headers().get("content-type").cloned();
    let body = response.text().await.unwrap();
    assert_eq!(found, status, "{body}");
    assert_eq!(kind.unwrap(), "application/problem+json", "{body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], status.as_u16());
    for part in ["type", "title", "detail", "instance", "request_id"] {
        assert!(problem[part].is_string(), "{part}: {problem}");
    }
    problem
}
