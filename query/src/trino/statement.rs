//! A statement under way: a task that computes its pages, and whoever fetches them.
//!
//! The task is at most two pages ahead of the client and then waits, so that a result of any size takes little memory.
//! Pages have tokens, which are counted. The page that was fetched last can be fetched again, for an answer may be lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use depthlake_dialect::types::TrinoType;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::headers::{ClientContext, Dialect, of_effects};
use super::page::{Envelope, Failure, Page, state_name};
use super::signature::{Precisions, columns as columns_json};
use super::value::RowWriter;
use crate::error::QueryError;
use crate::session::{Answer, Column, Database, Effect, QueryId, Update};

/// Bytes of rows after which a page is sent.
const PAGE: usize = 1 << 20;

/// How long rows that are there wait for more to come with them.
const PATIENCE: Duration = Duration::from_millis(50);

/// Parts that are ready before they are asked for.
const AHEAD: usize = 2;

/// A statement of one client. Dropping it stops the work.
pub(super) struct Statement {
    pub query: QueryId,
    /// Part of the pages' addresses, so that nobody can guess them.
    pub slug: String,
    pub user: String,
    dialect: Dialect,
    database: Database,
    pages: tokio::sync::Mutex<Pages>,
    contact: Mutex<Contact>,
    task: AbortHandle,
}

/// When the client was last heard of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    pub at: Instant,
    /// Bytes of the last page, once that was fetched.
    pub finished: Option<usize>,
}

/// Why a page cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPage {
    /// It was fetched, and so was the next.
    Gone,
    /// There is no such page yet, or there never will be.
    Unknown,
}

/// How the pages of an answer come about.
struct Pages {
    parts: mpsc::Receiver<Part>,
    head: Option<Head>,
    /// The token of the next page.
    next: u64,
    /// The page before that.
    last: Option<Page>,
}

enum Part {
    Head(Head),
    Rows { json: Vec<u8>, is_last: bool },
    Failed(Failure),
}

/// What is known before the first row.
struct Head {
    columns: Option<String>,
    /// Taken by the page that tells them.
    effects: Vec<Effect>,
    update: Option<Update>,
}

impl Statement {
    /// Begins to work on a statement.
    pub(super) fn begin(database: &Database, context: ClientContext, text: String) -> Arc<Self> {
        let query = database.queries().next_id();
        let user = context.settings.principal.user.clone();
        let (sender, parts) = mpsc::channel(AHEAD);
        let dialect = context.dialect;
        let task = tokio::spawn(work(database.clone(), query.clone(), context, text, sender));
        Arc::new(Self {
            query,
            slug: uuid::Uuid::new_v4().simple().to_string(),
            user,
            dialect,
            database: database.clone(),
            pages: tokio::sync::Mutex::new(Pages { parts, head: None, next: 0, last: None }),
            contact: Mutex::new(Contact { at: Instant::now(), finished: None }),
            task: task.abort_handle(),
        })
    }

    /// The first page, without a row, whether or not there are some already.
    pub(super) async fn acknowledgement(&self, base: &str) -> Page {
        let mut pages = self.pages.lock().await;
        self.conclude(&mut pages, base, &[], &Content::Nothing)
    }

    /// The page with this token. Waits for rows for so long; a page without rows means that there are none yet.
    ///
    /// # Errors
    /// [`NoPage`] where the token is neither that of the next page nor that of the one before.
    pub(super) async fn page(&self, token: u64, base: &str, wait: Duration) -> Result<Page, NoPage> {
        let mut pages = self.pages.lock().await;
        let is_over = pages.last.as_ref().is_some_and(|last| last.is_last);
        match &pages.last {
            Some(last) if token + 1 == pages.next => {
                self.touch(None);
                return Ok(last.clone());
            }
            _ if token < pages.next => return Err(NoPage::Gone),
            _ if token > pages.next || is_over => return Err(NoPage::Unknown),
            _ => {}
        }
        self.touch(None);
        let deadline = tokio::time::Instant::now() + wait;
        let mut effects = Vec::new();
        let content = loop {
            match tokio::time::timeout_at(deadline, pages.parts.recv()).await {
                Err(_) => break Content::Nothing,
                Ok(Some(Part::Head(mut head))) => {
                    effects = std::mem::take(&mut head.effects);
                    pages.head = Some(head);
                }
                Ok(Some(Part::Rows { json, is_last })) => break Content::Rows { json, is_last },
                Ok(Some(Part::Failed(failure))) => break Content::Failure(failure),
                Ok(None) => break Content::Failure(Failure::internal("the query ended unexpectedly")),
            }
        };
        Ok(self.conclude(&mut pages, base, &effects, &content))
    }

    /// When the client was last heard of.
    pub(super) fn contact(&self) -> Contact {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client is there.
    pub(super) fn touch(&self, finished: Option<usize>) {
        let mut contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        contact.at = Instant::now();
        contact.finished = contact.finished.or(finished);
    }

    /// Makes the page of its content and remembers it.
    fn conclude(&self, pages: &mut Pages, base: &str, effects: &[Effect], content: &Content) -> Page {
        let (rows, is_last, failure) = match content {
            Content::Nothing => (None, false, None),
            Content::Rows { json, is_last } => (Some(json.as_slice()), *is_last, None),
            Content::Failure(failure) => (None, true, Some(failure)),
        };
        pages.next += 1;
        let info = self.database.queries().get(&self.query);
        let state = match (is_last, failure) {
            (_, Some(_)) => "FAILED",
            (true, None) => "FINISHED",
            (false, None) => state_name(info.as_ref()),
        };
        let stage = if state == "QUEUED" { "queued" } else { "executing" };
        let next = format!("/v1/statement/{stage}/{}/{}/{}", self.query, self.slug, pages.next);
        let head = pages.head.as_ref();
        let columns = head.and_then(|head| head.columns.as_deref());
        let update = head.and_then(|head| head.update.as_ref());
        let envelope = Envelope {
            query: self.query.as_str(),
            base,
            next: (!is_last).then_some(next),
            state,
            info: info.as_ref(),
            update: update.map(|update| (update.kind, update.count)),
            failure,
        };
        let body = envelope.with(columns, rows.filter(|_| columns.is_some()));
        let page = Page { body, headers: of_effects(effects, self.dialect), is_last };
        self.touch(is_last.then_some(page.body.len()));
        pages.last = Some(page.clone());
        page
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a page is made of.
enum Content {
    Nothing,
    Rows { json: Vec<u8>, is_last: bool },
    Failure(Failure),
}

async fn work(
    database: Database,
    query: QueryId,
    context: ClientContext,
    text: String,
    parts: mpsc::Sender<Part>,
) {
    let precisions = context.precisions;
    let answered = database.session(context.settings).execute_as(query, &text).await;
    let sent = match answered {
        Ok(answer) => send(answer, precisions, &parts).await,
        Err(error) => Err(Failure::of(&error)),
    };
    if let Err(failure) = sent {
        // Nobody listens any more where this fails.
        let _ = parts.send(Part::Failed(failure)).await;
    }
}

async fn send(answer: Answer, precisions: Precisions, parts: &mpsc::Sender<Part>) -> Result<(), Failure> {
    let Answer { columns, mut rows, effects, update, .. } = answer;
    let outcome = columns.is_empty().then(|| Outcome::of(update.as_ref()));
    let told = match &outcome {
        None => columns_json(&columns, precisions),
        Some(outcome) => columns_json(std::slice::from_ref(&outcome.column), precisions),
    };
    let head = Head { columns: Some(told.to_string()), effects, update };
    if parts.send(Part::Head(head)).await.is_err() {
        return Ok(());
    }
    let mut page = Vec::new();
    loop {
        let next = if page.is_empty() {
            rows.next().await
        } else if let Ok(next) = timeout(PATIENCE, rows.next()).await {
            next
        } else {
            let part = Part::Rows { json: std::mem::take(&mut page), is_last: false };
            if parts.send(part).await.is_err() {
                return Ok(());
            }
            continue;
        };
        let Some(batch) = next else {
            let json = outcome.map_or(page, |outcome| outcome.row.into_bytes());
            let _ = parts.send(Part::Rows { json, is_last: true }).await;
            return Ok(());
        };
        let batch = batch.map_err(|error| Failure::of(&error))?;
        if !columns.is_empty() && !send_whole_pages(&batch, &columns, precisions, &mut page, parts).await? {
            return Ok(());
        }
    }
}

/// What stands for the rows of a statement that has none: drivers want columns of every statement, and these.
struct Outcome {
    column: Column,
    row: String,
}

impl Outcome {
    fn of(update: Option<&Update>) -> Self {
        let (name, r#type, row) = match update.and_then(|update| update.count) {
            Some(count) => ("rows", TrinoType::Bigint, format!("[{count}]")),
            None => ("result", TrinoType::Boolean, "[true]".to_owned()),
        };
        Self { column: Column { name: name.to_owned(), r#type }, row }
    }
}

/// Sends the pages that a batch fills, and leaves the rest of it in `page`. `false` where nobody listens any more.
async fn send_whole_pages(
    batch: &datafusion::arrow::array::RecordBatch,
    columns: &[Column],
    precisions: Precisions,
    page: &mut Vec<u8>,
    parts: &mpsc::Sender<Part>,
) -> Result<bool, Failure> {
    let unsendable =
        |error: super::value::Unsendable| Failure::of(&QueryError::Failed { message: error.to_string() });
    let mut writer = RowWriter::new(batch, columns, precisions).map_err(unsendable)?;
    while writer.has_more() {
        writer.write(PAGE, page).map_err(unsendable)?;
        if page.len() >= PAGE {
            let part = Part::Rows { json: std::mem::take(page), is_last: false };
            if parts.send(part).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
