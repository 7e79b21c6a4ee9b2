//! A schema registry, which tells other programs what the records of the log are: the part of Confluent's REST API that
//! a producer and a consumer need, as Confluent's, Redpanda's, Karapace and Apicurio speak it.
//!
//! Calls block: they are made at the start, and later only when a record has a schema id never seen before. Nothing that is
//! asked here is asked twice.

mod client;
mod error;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value as Json, json};

pub use error::RegistryError;

use client::{Answer, call};

use crate::record::{Incompatibility, RecordSchema, Schema, Version, check_readable, why_not_read};

/// How long an absent registry is waited for at the start.
const PATIENCE: Duration = Duration::from_secs(15);

/// The address of a schema registry.
#[derive(Debug, Clone)]
pub struct Registry {
    url: Url,
    patience: Duration,
}

impl Registry {
    /// The registry of a URL such as `http://localhost:8081`; it may name a user and a password.
    ///
    /// # Errors
    /// [`RegistryError::Url`] for what is no address of a web server.
    pub fn at(url: &str) -> Result<Self, RegistryError> {
        let refused = |reason: String| RegistryError::Url { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| refused(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(refused("expected http://HOST:PORT or https://HOST:PORT".to_owned()));
        }
        Ok(Self { url: parsed, patience: PATIENCE })
    }

    /// Checks every schema against what is registered under its topic's name; only then registers those that are missing.
    /// Gives the ids of what is written, in the order of [`Schema::ALL`].
    ///
    /// # Errors
    /// [`RegistryError::Away`] where nobody answers for a quarter of a minute; [`RegistryError::Incompatible`],
    /// [`RegistryError::Refused`] and [`RegistryError::Unreadable`] where a schema does not go with its predecessor: then
    /// nothing was registered.
    pub(crate) fn register_all(&self) -> Result<[u32; Schema::ALL.len()], RegistryError> {
        self.find()?;
        let mut found = [None; Schema::ALL.len()];
        for (id, schema) in found.iter_mut().zip(Schema::ALL) {
            *id = self.check(schema)?;
        }
        let mut ids = [0; Schema::ALL.len()];
        for ((id, found), schema) in ids.iter_mut().zip(found).zip(Schema::ALL) {
            *id = match found {
                Some(id) => id,
                None => self.register(schema)?,
            };
        }
        Ok(ids)
    }

    /// The text of the schema with an id; `None` where the registry has none.
    pub(crate) fn schema_of(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let path = format!("schemas/ids/{id}");
        match self.call_once(Method::GET, &path, None)? {
            Answer::Found(json) => {
                text_of(&json["schema"]).map(Some).ok_or_else(|| self.unexpected(&path, &json))
            }
            Answer::NotThere => Ok(None),
        }
    }

    /// Asks for anything that every registry has, to tell an absent registry and a wrong address from a missing schema.
    pub(crate) fn find(&self) -> Result<(), RegistryError> {
        const PATH: &str = "subjects";
        match self.call(Method::GET, PATH, None)? {
            Answer::Found(json) if json.is_array() => Ok(()),
            Answer::Found(json) => Err(self.unexpected(PATH, &json)),
            Answer::NotThere => Err(self.unexpected(PATH, &Json::Null)),
        }
    }

    /// Whether a schema of ours may follow the latest that is registered, and its id where it is registered itself.
    fn check(&self, schema: Schema) -> Result<Option<u32>, RegistryError> {
        let subject = subject_of(schema);
        let path = format!("subjects/{subject}/versions/latest");
        let Answer::Found(latest) = self.call(Method::GET, &path, None)? else { return Ok(None) };
        let (Some(text), Some(version)) = (text_of(&latest["schema"]), latest["version"].as_u64()) else {
            return Err(self.unexpected(&path, &latest));
        };
        let registered = RecordSchema::parse(&text).map_err(|source| RegistryError::Unreadable {
            subject: subject.clone(),
            version,
            source: Box::new(source),
        })?;
        check_readable(&registered, schema).map_err(|source| RegistryError::Incompatible {
            subject: subject.clone(),
            version,
            source: Box::new(source),
        })?;
        if let Answer::Found(json) =
            self.call(Method::POST, &format!("subjects/{subject}"), Some(body_of(schema)))?
        {
            return id_of(&json).map(Some).ok_or_else(|| self.unexpected(&subject, &json));
        }
        let path = format!("compatibility/subjects/{subject}/versions/latest?verbose=true");
        match self.call(Method::POST, &path, Some(body_of(schema)))? {
            Answer::Found(verdict) if verdict["is_compatible"] != Json::Bool(true) => {
                Err(RegistryError::Refused {
                    subject,
                    version,
                    difference: why_not_read(&registered, schema).map(Box::new),
                    reason: reason_of(&verdict),
                })
            }
            Answer::Found(_) | Answer::NotThere => Ok(None),
        }
    }

    fn register(&self, schema: Schema) -> Result<u32, RegistryError> {
        let path = format!("subjects/{}/versions", subject_of(schema));
        match self.call(Method::POST, &path, Some(body_of(schema)))? {
            Answer::Found(json) => id_of(&json).ok_or_else(|| self.unexpected(&path, &json)),
            Answer::NotThere => Err(self.unexpected(&path, &Json::Null)),
        }
    }

    fn call(&self, method: Method, path: &str, body: Option<Json>) -> Result<Answer, RegistryError> {
        call(&self.url, method, path, body, self.patience)
    }

    fn call_once(&self, method: Method, path: &str, body: Option<Json>) -> Result<Answer, RegistryError> {
        call(&self.url, method, path, body, Duration::ZERO)
    }

    fn unexpected(&self, path: &str, answer: &Json) -> RegistryError {
        let url = client::shown(&self.url);
        RegistryError::Answer { url, path: path.to_owned(), status: 200, detail: answer.to_string() }
    }
}

/// Under which name the schema of a topic's values is registered.
pub(crate) fn subject_of(schema: Schema) -> String {
    format!("{}-value", schema.topic().name())
}

fn body_of(schema: Schema) -> Json {
    json!({ "schema": schema.json(Version::LATEST) })
}

fn text_of(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn id_of(json: &Json) -> Option<u32> {
    u32::try_from(json["id"].as_u64()?).ok()
}

/// Confluent and Redpanda tell their reasons as `messages`, Apicurio as `reason`.
fn reason_of(verdict: &Json) -> String {
    let messages = verdict["messages"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let reasons: Vec<_> = messages.chain(verdict["reason"].as_str()).collect();
    if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join("; ") }
}

/// A field in a message, where one is known.
fn named(difference: Option<&Incompatibility>) -> String {
    difference.map(|difference| format!("{difference}; ")).unwrap_or_default()
}
