//! Statements that a server answers, by Trino's protocol.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result, bail};
use arrow_array::RecordBatch;
use bytes::Bytes;
use depthlake_query::OWN_PROMPT;
use depthlake_query::output::{Batches, OutputError};
use depthlake_query::trino::reading::{AnswerPage, Columns, PageReader, ReadingError};
use futures::StreamExt;
use futures::stream::try_unfold;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::task::JoinHandle;

use super::answerer::Answered;
use crate::credentials::Credentials;

/// A server, and what the statements so far have set there for this client.
pub(super) struct Remote {
    client: Client,
    url: String,
    credentials: Credentials,
    catalog: String,
    schema: Option<String>,
    properties: BTreeMap<String, String>,
    prepared: BTreeMap<String, String>,
    transaction: Option<String>,
    open: Open,
}

/// What the server still works on for us.
enum Open {
    Nothing,
    /// A statement has been sent and not been answered. It is a task so that nobody forgets the query that it begins.
    Statement(JoinHandle<reqwest::Result<Reply>>),
    /// The address of the next page.
    Page(String),
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Remote {
    pub(super) fn at(url: &str, user: Option<&str>) -> Result<Self> {
        let agent = concat!("depthlake/", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            client: Client::builder().user_agent(agent).build().context("no client can be made")?,
            url: url.trim_end_matches('/').to_owned(),
            credentials: Credentials::of_environment(user),
            catalog: "depthlake".to_owned(),
            schema: None,
            properties: BTreeMap::new(),
            prepared: BTreeMap::new(),
            transaction: None,
            open: Open::Nothing,
        })
    }

    /// Another client of the same server that has set the same.
    pub(super) fn beside(&self) -> Self {
        Self {
            client: self.client.clone(),
            url: self.url.clone(),
            credentials: self.credentials.clone(),
            catalog: self.catalog.clone(),
            schema: self.schema.clone(),
            properties: self.properties.clone(),
            prepared: self.prepared.clone(),
            transaction: None,
            open: Open::Nothing,
        }
    }

    pub(super) fn catalog(&self) -> &str {
        &self.catalog
    }

    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Begins to answer a statement, up to its first rows; one that is no question is done then.
    ///
    /// # Errors
    /// Where the server cannot be reached, does not speak the protocol, or refuses the statement.
    pub(super) async fn answer(&mut self, statement: &str) -> Result<Answered<'_>> {
        self.let_go().await;
        self.open = Open::Statement(tokio::spawn(sent(self.request(statement))));
        let mut pages = PageReader::default();
        let mut rows = VecDeque::new();
        let is_known = |columns: &Columns| columns.update.is_none();
        while !pages.columns().is_some_and(is_known)
            && let Some(page) = self.next(&mut pages).await?
        {
            rows.extend(page.rows);
        }
        let Some(Columns { schema, update, .. }) = pages.columns().cloned() else {
            bail!("{} ended its answer without columns", self.url);
        };
        let rest = try_unfold((self, pages, rows), |(remote, mut pages, mut rows)| async move {
            let batch = remote.batch(&mut pages, &mut rows).await;
            let batch = batch.map_err(|error| OutputError::Source(error.into()))?;
            Ok(batch.map(|batch| (batch, (remote, pages, rows))))
        });
        Ok(Answered { rows: Batches::new(schema, rest.boxed()), update })
    }

    /// Ends the query that is still open, if any. A server that cannot be told ends it by itself, later.
    pub(super) async fn let_go(&mut self) {
        let next = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Page(next) => next,
            Open::Statement(statement) => {
                let Ok(Ok(reply)) = statement.await else { return };
                let page = PageReader::default().read(&reply.body);
                let Ok(AnswerPage { next: Some(next), .. }) = page else { return };
                next
            }
        };
        if let Err(error) = self.authorized(self.client.delete(next)).send().await {
            tracing::debug!(%error, "the server cannot be told to stop a query");
        }
    }

    async fn batch(
        &mut self,
        pages: &mut PageReader,
        rows: &mut VecDeque<RecordBatch>,
    ) -> Result<Option<RecordBatch>> {
        while rows.is_empty()
            && let Some(page) = self.next(pages).await?
        {
            rows.extend(page.rows);
        }
        Ok(rows.pop_front())
    }

    /// The next page; `None` after the last. Whoever drops this on the way has not lost the query.
    async fn next(&mut self, pages: &mut PageReader) -> Result<Option<AnswerPage>> {
        let reply = match &mut self.open {
            Open::Nothing => return Ok(None),
            Open::Statement(statement) => {
                let reply = statement.await;
                self.open = Open::Nothing;
                reply.context("the statement was not sent")?
            }
            Open::Page(next) => {
                let request = self.client.get(next.as_str());
                sent(self.authorized(request)).await
            }
        };
        let Reply { status, headers, body } =
            reply.with_context(|| format!("{} cannot be asked", self.url))?;
        if !status.is_success() {
            self.open = Open::Nothing;
            bail!("{} answers {status}: {}", self.url, String::from_utf8_lossy(&body).trim());
        }
        self.remember(&headers);
        let read = pages.read(&body);
        self.open = match &read {
            Ok(AnswerPage { next: Some(next), .. }) => Open::Page(next.clone()),
            _ => Open::Nothing,
        };
        read.map(Some).map_err(|error| match error {
            refused @ ReadingError::Refused { .. } => refused.into(),
            other => anyhow::Error::from(other).context(format!("{} cannot be understood", self.url)),
        })
    }

    fn request(&self, statement: &str) -> RequestBuilder {
        let mut request = self.client.post(format!("{}/v1/statement", self.url)).body(statement.to_owned());
        request = request
            .header("X-Trino-Source", OWN_PROMPT)
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
        if let Some(transaction) = &self.transaction {
            request = request.header("X-Trino-Transaction-Id", transaction);
        }
        self.authorized(request)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        self.credentials.shown(request)
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
        self.transaction = values("x-trino-started-transaction-id").pop().or_else(|| self.transaction.take());
        if headers.contains_key("x-trino-clear-transaction-id") {
            self.transaction = None;
        }
        for name in values("x-trino-clear-session") {
            self.properties.remove(&name);
        }
        for name in values("x-trino-deallocated-prepare") {
            self.prepared.remove(&name);
        }
    }
}

async fn sent(request: RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Reply { status, headers, body: response.bytes().await? })
}
