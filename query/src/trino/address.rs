//! The address under which a client reaches this server, for the URIs it is sent.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::server::Scheme;

/// Scheme and authority, such as `https://lake.example:8443`.
///
/// Who stands in front of the server (a proxy) says in `X-Forwarded-Proto`, `-Host` and `-Port` how clients reach it.
/// `None` where the request names no host that could be one.
pub(super) fn base(headers: &HeaderMap, uri: &Uri, scheme: Scheme) -> Option<String> {
    let first = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
    };
    let scheme = match first("x-forwarded-proto") {
        Some("https") => "https",
        Some("http") => "http",
        _ => scheme.name(),
    };
    let authority =
        |text: &str| text.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@'));
    if let Some(host) = first("x-forwarded-host").and_then(authority) {
        let port = first("x-forwarded-port").and_then(|port| port.parse::<u16>().ok());
        return Some(match port.filter(|_| host.port().is_none()) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        });
    }
    let host = first("host").and_then(authority).or_else(|| uri.authority().cloned())?;
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let headers =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        base(&headers, &Uri::from_static("/v1/statement"), Scheme::Http)
    }

    #[test]
    fn a_proxy_says_how_clients_reach_it() {
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(base_of(&[host]).unwrap(), "http://127.0.0.1:8080");
        let forwarded = [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "lake.example")];
        assert_eq!(base_of(&forwarded).unwrap(), "https://lake.example");
        let port = [host, ("x-forwarded-host", "lake.example, inner"), ("x-forwarded-port", "8443")];
        assert_eq!(base_of(&port).unwrap(), "http://lake.example:8443");
        assert_eq!(base_of(&[host, ("x-forwarded-proto", "javascript")]).unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base_of(&[("host", "a b\"")]), None);
        assert_eq!(base_of(&[("host", "user@host")]), None);
        assert_eq!(base_of(&[]), None);
    }
}
