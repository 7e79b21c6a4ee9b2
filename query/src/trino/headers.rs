//! What clients say of themselves in headers, and what they are told to remember.
//!
//! A client's session is in its requests: the server keeps nothing of it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use super::signature::Precisions;
use crate::access::Principal;
use crate::session::{Door, Effect, SessionSettings, is_zone};

/// What `URLEncoder` of Java leaves as it is, but for the space.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The longest name that a client may give anything.
const LONGEST_NAME: usize = 1_000;

/// The session property that holds the time zone.
const TIME_ZONE: &str = "time_zone_id";

/// Which headers the client uses: those of before the project was renamed are the same otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Trino,
    Presto,
}

/// What a client says with a statement.
#[derive(Debug)]
pub(super) struct ClientContext {
    pub settings: SessionSettings,
    pub precisions: Precisions,
    pub dialect: Dialect,
}

/// A header that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Invalid {header} header: {expected}")]
pub(super) struct InvalidHeader {
    header: String,
    expected: &'static str,
}

impl Dialect {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let is_old = headers.keys().any(|name| name.as_str().starts_with("x-presto-"))
            && !headers.keys().any(|name| name.as_str().starts_with("x-trino-"));
        if is_old { Self::Presto } else { Self::Trino }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Trino => "x-trino-",
            Self::Presto => "x-presto-",
        }
    }
}

impl ClientContext {
    /// # Errors
    /// [`InvalidHeader`] names the first header that cannot be meant.
    pub(super) fn of(headers: &HeaderMap, principal: Principal) -> Result<Self, InvalidHeader> {
        let dialect = Dialect::of(headers);
        let header = |name| Header { headers, name: format!("{}{name}", dialect.prefix()) };
        let mut settings = SessionSettings::new(principal, Door::Trino);
        settings.source = header("source").name_value()?;
        settings.catalog = header("catalog").name_value()?;
        settings.schema = header("schema").name_value()?;
        if settings.schema.is_some() && settings.catalog.is_none() {
            return Err(header("schema").invalid("schema is set but catalog is not"));
        }
        settings.properties = header("session").pairs()?;
        settings.prepared = header("prepared-statement").pairs()?;
        let property = settings.properties.get(TIME_ZONE).cloned();
        let zone = header("time-zone").name_value()?;
        if zone.as_deref().is_some_and(|zone| !is_zone(zone)) {
            return Err(header("time-zone").invalid("expected a time zone, such as UTC or Europe/Berlin"));
        }
        settings.time_zone = property.or(zone);
        settings.transaction =
            header("transaction-id").name_value()?.filter(|id| !id.eq_ignore_ascii_case("none"));
        if settings.transaction.as_deref().is_some_and(|id| uuid::Uuid::parse_str(id).is_err()) {
            return Err(header("transaction-id").invalid("expected NONE, or what START TRANSACTION gave"));
        }
        settings.client_tags = header("client-tags").list()?;
        let capabilities = header("client-capabilities").list()?;
        let knows = capabilities.iter().any(|capability| capability == "PARAMETRIC_DATETIME");
        let precisions = if knows { Precisions::Known } else { Precisions::Unknown };
        Ok(Self { settings, precisions, dialect })
    }
}

/// The headers that tell a client what has changed.
pub(super) fn of_effects(effects: &[Effect], dialect: Dialect) -> Vec<(HeaderName, HeaderValue)> {
    let header = |effect: &Effect| {
        let (name, value) = match effect {
            Effect::SetCatalog(catalog) => ("set-catalog", catalog.clone()),
            Effect::SetSchema(schema) => ("set-schema", schema.clone()),
            Effect::SetTimeZone(zone) => ("set-session", format!("{TIME_ZONE}={}", encoded(zone))),
            Effect::SetSession(name, value) => {
                ("set-session", format!("{}={}", encoded(name), encoded(value)))
            }
            Effect::ClearSession(name) => ("clear-session", encoded(name)),
            Effect::SetRole { catalog, role } => {
                ("set-role", format!("{}={}", encoded(catalog), encoded(role)))
            }
            Effect::Prepared { name, sql } => {
                ("added-prepare", format!("{}={}", encoded(name), encoded(sql)))
            }
            Effect::Deallocated(name) => ("deallocated-prepare", encoded(name)),
            Effect::StartedTransaction(id) => ("started-transaction-id", id.clone()),
            Effect::ClearedTransaction => ("clear-transaction-id", "true".to_owned()),
        };
        let name = HeaderName::try_from(format!("{}{name}", dialect.prefix())).ok()?;
        // A name that no header can hold cannot be remembered by the client.
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    effects.iter().filter_map(header).collect()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string().replace("%20", "+")
}

/// One header by its whole name. It may come several times; each may be a list with commas.
struct Header<'a> {
    headers: &'a HeaderMap,
    name: String,
}

impl Header<'_> {
    fn invalid(&self, expected: &'static str) -> InvalidHeader {
        InvalidHeader { header: self.name.clone(), expected }
    }

    fn values(&self) -> Result<Vec<&str>, InvalidHeader> {
        let values = self.headers.get_all(&self.name).iter();
        let read = values.map(|value| std::str::from_utf8(value.as_bytes()).map(str::trim));
        read.collect::<Result<_, _>>().map_err(|_| self.invalid("expected UTF-8"))
    }

    /// The value as one name.
    fn name_value(&self) -> Result<Option<String>, InvalidHeader> {
        let Some(value) = self.values()?.into_iter().find(|value| !value.is_empty()) else { return Ok(None) };
        if value.len() > LONGEST_NAME || value.chars().any(char::is_control) {
            return Err(self.invalid("expected a name of at most 1000 bytes"));
        }
        Ok(Some(value.to_owned()))
    }

    fn list(&self) -> Result<Vec<String>, InvalidHeader> {
        let values = self.values()?;
        let parts = values.into_iter().flat_map(|value| value.split(',')).map(str::trim);
        Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    /// `NAME=VALUE` separated by commas, both encoded as in URLs.
    fn pairs(&self) -> Result<BTreeMap<String, String>, InvalidHeader> {
        let pair = |part: String| {
            let (name, value) = part.split_once('=')?;
            Some((decoded(name.trim())?, decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
        };
        let pairs = self.list()?.into_iter().map(pair).collect::<Option<_>>();
        pairs.ok_or_else(|| self.invalid("expected NAME=VALUE, encoded as in URLs"))
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> Result<ClientContext, InvalidHeader> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        ClientContext::of(&headers, Principal::reader("ana"))
    }

    #[test]
    fn a_session_is_read_from_headers() {
        let context = context(&[
            ("X-Trino-Catalog", "depthlake"),
            ("X-Trino-Schema", "marts"),
            ("X-Trino-Source", "a test"),
            ("X-Trino-Session", ""),
            ("X-Trino-Session", "a=1%2C2,b=x+y"),
            ("X-Trino-Session", "time_zone_id=Europe%2FBerlin"),
            ("X-Trino-Time-Zone", "UTC"),
            ("X-Trino-Prepared-Statement", "st%201=SELECT+%3F+%2B+1"),
            ("X-Trino-Transaction-Id", "NONE"),
            ("X-Trino-Client-Tags", "x, y"),
            ("X-Trino-Client-Capabilities", "PATH,PARAMETRIC_DATETIME"),
        ])
        .unwrap();
        let settings = context.settings;
        assert_eq!(
            (settings.catalog.as_deref(), settings.schema.as_deref()),
            (Some("depthlake"), Some("marts"))
        );
        assert_eq!(settings.properties["a"], "1,2");
        assert_eq!(settings.properties["b"], "x y");
        assert_eq!(settings.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(settings.prepared["st 1"], "SELECT ? + 1");
        assert_eq!((settings.transaction, settings.client_tags.len()), (None, 2));
        assert_eq!((context.precisions, context.dialect), (Precisions::Known, Dialect::Trino));
    }

    #[test]
    fn old_headers_mean_the_same() {
        let context = context(&[("X-Presto-User", "ana"), ("X-Presto-Catalog", "depthlake")]).unwrap();
        assert_eq!((context.dialect, context.precisions), (Dialect::Presto, Precisions::Unknown));
        assert_eq!(context.settings.catalog.as_deref(), Some("depthlake"));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let long = "x".repeat(2_000);
        for (name, value) in [
            ("X-Trino-Schema", "marts"),
            ("X-Trino-Session", "a"),
            ("X-Trino-Session", "=1"),
            ("X-Trino-Session", "a=%ff"),
            ("X-Trino-Prepared-Statement", "a"),
            ("X-Trino-Time-Zone", "Mars/Olympus"),
            ("X-Trino-Transaction-Id", "7"),
            ("X-Trino-Catalog", long.as_str()),
        ] {
            let error = context(&[(name, value)]).unwrap_err().to_string();
            assert!(error.to_lowercase().contains(&name.to_lowercase()), "{error}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-trino-catalog", HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(ClientContext::of(&headers, Principal::reader("ana")).is_err());
    }

    #[test]
    fn effects_survive_the_way_there_and_back() {
        let sql = "SELECT '\u{fc}+ ,=' || ?\nFROM t";
        let effects = [
            Effect::SetCatalog("memory".to_owned()),
            Effect::Prepared { name: "a b".to_owned(), sql: sql.to_owned() },
            Effect::SetSession("p".to_owned(), "a,b=c".to_owned()),
            Effect::ClearedTransaction,
        ];
        let headers = of_effects(&effects, Dialect::Trino);
        assert_eq!(headers.len(), 4);
        assert_eq!(
            (headers[0].0.as_str(), headers[0].1.to_str().unwrap()),
            ("x-trino-set-catalog", "memory")
        );
        let prepared = headers[1].1.to_str().unwrap();
        let context = context(&[("X-Trino-Prepared-Statement", prepared)]).unwrap();
        assert_eq!(context.settings.prepared["a b"], sql);
        assert_eq!(of_effects(&effects, Dialect::Presto)[3].0.as_str(), "x-presto-clear-transaction-id");
    }
}
