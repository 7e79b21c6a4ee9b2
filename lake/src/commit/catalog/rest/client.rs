//! Requests to a server of the Iceberg REST protocol.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::address::{RestAddress, Secret};

/// How long a request may take before the server counts as away.
const PATIENCE: Duration = Duration::from_mins(1);

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Why a request to a REST catalog failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestError {
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the answer of the server was lost")]
    AnswerLost(#[source] reqwest::Error),
    #[error("the server answers {status}: {message}")]
    Refused { status: StatusCode, message: String },
    #[error("the server gives what is no answer of the protocol: {reason}")]
    Malformed { reason: String },
}

/// A server, with what it wants to see in each request. Clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    /// Of all requests but the first, with a slash at its end.
    base: String,
    token: Option<Secret>,
    endpoints: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    defaults: HashMap<String, String>,
    #[serde(default)]
    overrides: HashMap<String, String>,
    endpoints: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct ErrorResponse {
    error: ErrorModel,
}

#[derive(Debug, Deserialize)]
struct ErrorModel {
    message: Option<String>,
    r#type: Option<String>,
}

impl Client {
    /// Reaches a server and asks for its configuration.
    pub(super) async fn connect(address: &RestAddress) -> Result<Self, RestError> {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(CONNECT_PATIENCE).build();
        let http = http.map_err(of_request)?;
        let root = versioned(address.base.as_str());
        let token = address.token.clone();
        let mut client = Self { http, base: root, token, endpoints: None };
        let query: String = url_query(address.warehouse.as_deref());
        let answer = client.send(Method::GET, &format!("config{query}"), None::<&()>).await?;
        let mut config: Config =
            serde_json::from_slice(&answer).map_err(|error| RestError::malformed(&error))?;
        if let Some(elsewhere) = config.overrides.remove("uri") {
            client.base = versioned(&elsewhere);
        }
        let prefix = config.overrides.remove("prefix").or_else(|| config.defaults.remove("prefix"));
        if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
            client.base = format!("{}{prefix}/", client.base);
        }
        client.endpoints = config.endpoints;
        Ok(client)
    }

    /// Whether the server has an endpoint; `None` where it does not tell which it has.
    pub(super) fn offers(&self, endpoint: &str) -> Option<bool> {
        self.endpoints.as_ref().map(|offered| offered.iter().any(|offered| offered == endpoint))
    }

    /// The body of the answer to a request below the server's prefix.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Bytes, RestError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(of_request)?;
        let status = response.status();
        if status.is_success() {
            return response.bytes().await.map_err(of_request);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(RestError::Refused { status, message: message_of(&body) })
    }
}

impl RestError {
    /// Whether the server may have done what it was asked, or may still do it.
    pub(super) fn may_have_been_done(&self) -> bool {
        match self {
            Self::AnswerLost(_) | Self::Malformed { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
            Self::Unreachable(_) => false,
        }
    }

    /// Whether trying again later may help.
    pub(crate) fn passes(&self) -> bool {
        let too_many = |status: &StatusCode| *status == StatusCode::TOO_MANY_REQUESTS;
        let is_refused_now = matches!(self, Self::Refused { status, .. } if too_many(status));
        matches!(self, Self::Unreachable(_)) || self.may_have_been_done() || is_refused_now
    }

    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}

/// The address is left out, for it may carry a password.
fn of_request(error: reqwest::Error) -> RestError {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        RestError::Unreachable(error)
    } else {
        RestError::AnswerLost(error)
    }
}

fn versioned(base: &str) -> String {
    format!("{}/v1/", base.trim_end_matches('/'))
}

fn message_of(body: &[u8]) -> String {
    match serde_json::from_slice::<ErrorResponse>(body) {
        Ok(ErrorResponse { error: ErrorModel { message, r#type } }) => {
            message.or(r#type).unwrap_or_else(|| "no reason".to_owned())
        }
        Err(_) => String::from_utf8_lossy(body.get(..200).unwrap_or(body)).into_owned(),
    }
}

fn url_query(warehouse: Option<&str>) -> String {
    let Some(warehouse) = warehouse else { return String::new() };
    let encoded: String = reqwest::Url::parse_with_params("http://host/", [("warehouse", warehouse)])
        .map_or_else(|_| String::new(), |url| url.query().unwrap_or_default().to_owned());
    format!("?{encoded}")
}
