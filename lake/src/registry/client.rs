//! Requests to a registry, each on a thread and a runtime of its own: they are few, and come from threads of any kind.

use std::time::{Duration, Instant};
use std::{io, panic, thread};

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value as Json;

use super::error::RegistryError;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a registry says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Found(Json),
    /// There is no such subject, version or schema.
    NotThere,
}

/// What may be different the next time.
enum Failure {
    Passing(Box<dyn std::error::Error + Send + Sync>),
    Final(RegistryError),
}

/// Calls until there is an answer, for as long as `patience` lasts, and at least once.
pub(super) fn call(
    base: &Url,
    method: Method,
    path: &str,
    body: Option<Json>,
    patience: Duration,
) -> Result<Answer, RegistryError> {
    let calling = || -> io::Result<Result<Answer, RegistryError>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(call_patiently(base, method, path, body, patience)))
    };
    let called = thread::scope(|scope| {
        scope.spawn(calling).join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    });
    called.unwrap_or_else(|error| {
        Err(RegistryError::Away { url: shown(base), attempts: 0, source: Box::new(error) })
    })
}

/// A URL without its user and password.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string().trim_end_matches('/').to_owned()
}

async fn call_patiently(
    base: &Url,
    method: Method,
    path: &str,
    body: Option<Json>,
    patience: Duration,
) -> Result<Answer, RegistryError> {
    let (begun, mut pause, mut attempts) = (Instant::now(), FIRST_PAUSE, 1);
    loop {
        match call_once(base, method.clone(), path, body.as_ref()).await {
            Ok(answer) => return Ok(answer),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(source)) if begun.elapsed() + pause > patience => {
                return Err(RegistryError::Away { url: shown(base), attempts, source });
            }
            Err(Failure::Passing(error)) => {
                tracing::debug!(%error, path, "the schema registry is asked again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                attempts += 1;
            }
        }
    }
}

async fn call_once(base: &Url, method: Method, path: &str, body: Option<&Json>) -> Result<Answer, Failure> {
    let url = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    let client = Client::builder().timeout(TIMEOUT).build().map_err(passing)?;
    let mut request = client.request(method, url).header("Accept", CONTENT_TYPE);
    if let Some(body) = body {
        request = request.header("Content-Type", CONTENT_TYPE).body(body.to_string());
    }
    let response = request.send().await.map_err(passing)?;
    let status = response.status();
    let text = response.text().await.map_err(passing)?;
    let json = serde_json::from_str::<Json>(&text).ok();
    let answer = |detail: String| RegistryError::Answer {
        url: shown(base),
        path: path.to_owned(),
        status: status.as_u16(),
        detail,
    };
    match json {
        Some(json) if status.is_success() => Ok(Answer::Found(json)),
        // Without a code of the registry's own, something else is at this address.
        Some(json) if status == StatusCode::NOT_FOUND && json["error_code"].is_u64() => Ok(Answer::NotThere),
        _ if status.is_server_error() => Err(Failure::Passing(answer(excerpt(&text)).into())),
        Some(Json::Object(told)) if told.contains_key("message") => {
            Err(Failure::Final(answer(told["message"].to_string())))
        }
        _ => Err(Failure::Final(answer(excerpt(&text)))),
    }
}

fn passing(error: reqwest::Error) -> Failure {
    Failure::Passing(error.without_url().into())
}

fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}
