//! The parts of URLs.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::rows::{rows1, rows2};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

pub(super) fn functions() -> Vec<Scalar> {
    let part =
        |name, description, evaluate| Scalar::new(name, &["varchar -> varchar"], description, evaluate);
    vec![
        part("url_extract_protocol", "The protocol of a URL", |arguments| {
            of_url(arguments, |url| Some(url.protocol))
        }),
        part("url_extract_host", "The host of a URL", |arguments| of_url(arguments, |url| Some(url.host))),
        part("url_extract_path", "The path of a URL", |arguments| of_url(arguments, |url| Some(url.path))),
        part("url_extract_query", "The query of a URL", |arguments| of_url(arguments, |url| Some(url.query))),
        part("url_extract_fragment", "The fragment of a URL", |arguments| {
            of_url(arguments, |url| Some(url.fragment))
        }),
        Scalar::new("url_extract_port", &["varchar -> bigint"], "The port of a URL", |arguments| {
            rows1(arguments, |text: &str| Ok(Url::of(text).and_then(|url| url.port)))
        }),
        Scalar::new(
            "url_extract_parameter",
            &["varchar, varchar -> varchar"],
            "A parameter of a URL's query",
            |arguments| {
                rows2(arguments, |text: &str, name: &str| {
                    let found = Url::of(text).and_then(|url| {
                        url.query.split('&').find_map(|pair| {
                            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                            (key == name).then(|| value.to_owned())
                        })
                    });
                    Ok(found.map(|value| decoded(&value).unwrap_or(value)))
                })
            },
        ),
        part("url_encode", "A text escaped for a URL", |arguments| {
            rows1(arguments, |text: &str| Ok(Some(encoded(text))))
        }),
        part("url_decode", "A text of a URL with its escapes taken away", |arguments| {
            rows1(arguments, |text: &str| {
                decoded(text).map(Some).ok_or_else(|| invalid_argument(format!("Invalid escape in {text}")))
            })
        }),
    ]
}

struct Url<'a> {
    protocol: &'a str,
    host: &'a str,
    port: Option<i64>,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Url<'a> {
    fn of(text: &'a str) -> Option<Self> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (protocol, rest) = rest.split_once("://").map_or(("", rest), |(protocol, rest)| (protocol, rest));
        let (authority, path) = match (protocol, rest.find('/')) {
            ("", _) => ("", rest),
            (_, Some(slash)) => rest.split_at_checked(slash)?,
            (_, None) => (rest, ""),
        };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, port.parse().ok())
            }
            _ => (authority, None),
        };
        Some(Self { protocol, host, port, path, query, fragment })
    }
}

fn of_url(arguments: &Arguments, part: fn(Url<'_>) -> Option<&str>) -> Result<ArrayRef> {
    rows1(arguments, |text: &str| Ok(Url::of(text).and_then(part).map(str::to_owned)))
}

fn encoded(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                escaped.push(char::from(byte))
            }
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = behind;
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}
