//! Statements that a server answers, by Trino's protocol.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, bail};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

/// Rows of a table that are printed.
const MAX_TABLE_ROWS: usize = 1_000;

/// A server, and what the statements so far have set there for this client.
pub(super) struct Remote {
    client: Client,
    url: String,
    user: String,
    password: Option<String>,
    token: Option<String>,
    catalog: String,
    schema: Option<String>,
    properties: BTreeMap<String, String>,
    prepared: BTreeMap<String, String>,
}

/// All rows of a statement.
pub(super) struct RemoteAnswer {
    columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_uri: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    data: Vec<Vec<Value>>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    message: String,
    error_name: String,
}

impl Remote {
    pub(super) fn at(url: &str, user: Option<&str>) -> Result<Self> {
        let agent = concat!("depthlake/", env!("CARGO_PKG_VERSION"));
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            client: Client::builder().user_agent(agent).build().context("no client can be made")?,
            url: url.trim_end_matches('/').to_owned(),
            user: user
                .map(str::to_owned)
                .or_else(|| variable("USER"))
                .unwrap_or_else(|| "depthlake".to_owned()),
            password: variable("DEPTHLAKE_PASSWORD"),
            token: variable("DEPTHLAKE_TOKEN"),
            catalog: "depthlake".to_owned(),
            schema: None,
            properties: BTreeMap::new(),
            prepared: BTreeMap::new(),
        })
    }

    /// # Errors
    /// Where the server cannot be reached, does not speak the protocol, or refuses the statement.
    pub(super) async fn ask(&mut self, statement: &str) -> Result<RemoteAnswer> {
        let mut request = self.client.post(format!("{}/v1/statement", self.url)).body(statement.to_owned());
        request = request
            .header("X-Trino-Source", "depthlake sql")
            .header("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME")
            .header("X-Trino-Catalog", &self.catalog);
        if let Some(schema) = &self.schema {
            request = request.header("X-Trino-Schema", schema);
        }
        for (name, value) in &self.properties {
            request = request.header("X-Trino-Session", format!("{name}={value}"));
        }
        for (name, value) in &self.prepared {
            request = request.header("X-Trino-Prepared-Statement", format!("{name}={value}"));
        }
        let mut answer = RemoteAnswer { columns: Vec::new(), rows: Vec::new() };
        let mut next = Some(request);
        while let Some(request) = next {
            let page = self.fetch(request).await?;
            if let Some(failure) = page.error {
                bail!("{} ({})", failure.message, failure.error_name);
            }
            if !page.columns.is_empty() {
                answer.columns = page.columns.into_iter().map(|column| column.name).collect();
            }
            answer.rows.extend(page.data);
            next = page.next_uri.map(|uri| self.client.get(uri));
        }
        Ok(answer)
    }

    async fn fetch(&mut self, request: RequestBuilder) -> Result<Page> {
        let request = match (&self.token, &self.password) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(password)) => {
                request.basic_auth(&self.user, Some(password)).header("X-Trino-User", &self.user)
            }
            (None, None) => request.header("X-Trino-User", &self.user),
        };
        let response = request.send().await.with_context(|| format!("{} cannot be asked", self.url))?;
        let status = response.status();
        if !status.is_success() {
            bail!("{} answers {status}: {}", self.url, response.text().await.unwrap_or_default());
        }
        self.remember(response.headers());
        response.json().await.with_context(|| format!("{} does not speak Trino's protocol", self.url))
    }

    /// What is set stays encoded: it is only handed back.
    fn remember(&mut self, headers: &HeaderMap) {
        let values = |name: &str| {
            let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
            headers.get_all(name).iter().filter_map(text).collect::<Vec<_>>()
        };
        let pairs = |name: &str| {
            let pair = |value: String| {
                value.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            values(name).into_iter().filter_map(pair).collect::<Vec<_>>()
        };
        self.catalog = values("x-trino-set-catalog").pop().unwrap_or_else(|| self.catalog.clone());
        self.schema = values("x-trino-set-schema").pop().or_else(|| self.schema.clone());
        self.properties.extend(pairs("x-trino-set-session"));
        self.prepared.extend(pairs("x-trino-added-prepare"));
        for name in values("x-trino-clear-session") {
            self.properties.remove(&name);
        }
        for name in values("x-trino-deallocated-prepare") {
            self.prepared.remove(&name);
        }
    }
}

impl RemoteAnswer {
    pub(super) fn write_table(&self, out: &mut impl Write) -> Result<()> {
        let rows: Vec<Vec<String>> =
            self.rows.iter().take(MAX_TABLE_ROWS).map(|row| row.iter().map(shown).collect()).collect();
        let width = |(index, name): (usize, &String)| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            cells.chain([name]).map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<_> = self.columns.iter().enumerate().map(width).collect();
        let mut line = |cells: &[String]| -> Result<()> {
            for (cell, width) in cells.iter().zip(&widths) {
                write!(out, "| {cell:width$} ")?;
            }
            Ok(writeln!(out, "|")?)
        };
        if self.columns.is_empty() {
            return Ok(());
        }
        line(&self.columns)?;
        line(&widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>())?;
        rows.iter().try_for_each(|row| line(row))
    }

    pub(super) fn write_csv(&self, out: &mut impl Write) -> Result<()> {
        let quoted = |cell: String| {
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        };
        let header: Vec<_> = self.columns.iter().cloned().map(quoted).collect();
        writeln!(out, "{}", header.join(","))?;
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|value| quoted(shown(value))).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> Result<()> {
        for row in &self.rows {
            let object: serde_json::Map<_, _> =
                self.columns.iter().cloned().zip(row.iter().cloned()).collect();
            serde_json::to_writer(&mut *out, &object)?;
            writeln!(out)?;
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_written_for_people_and_programs() {
        let answer = RemoteAnswer {
            columns: vec!["a".to_owned(), "word".to_owned()],
            rows: vec![vec![json!(1), json!("x,\"y\"")], vec![json!(null), json!("\u{fc}")]],
        };
        let written = |write: &dyn Fn(&mut Vec<u8>) -> Result<()>| {
            let mut out = Vec::new();
            write(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&|out| answer.write_csv(out)), "a,word\n1,\"x,\"\"y\"\"\"\n,\u{fc}\n");
        assert_eq!(
            written(&|out| answer.write_json(out)),
            "{\"a\":1,\"word\":\"x,\\\"y\\\"\"}\n{\"a\":null,\"word\":\"\u{fc}\"}\n"
        );
        let table = "| a | word  |\n| - | ----- |\n| 1 | x,\"y\" |\n|   | \u{fc}     |\n";
        assert_eq!(written(&|out| answer.write_table(out)), table);
    }
}
