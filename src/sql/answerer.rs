//! Where statements are answered: in this process over a lake's files, or at a server. Prompt and scripts cannot tell.

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use depthlake_query::output::{Batches, OutputError};
use depthlake_query::{Answer, Session};
use futures::TryStreamExt;

use super::remote::Remote;

pub(super) enum Answerer {
    Local(Box<Session>),
    Remote(Box<Remote>),
}

/// The answer to one statement.
pub(super) struct Answered<'a> {
    pub(super) rows: Batches<'a>,
    /// What the statement has done, where it is no question, and to how many rows.
    pub(super) update: Option<(String, Option<u64>)>,
}

impl Answerer {
    /// Begins to answer a statement. What it sets holds for those that follow.
    pub(super) async fn answer(&mut self, statement: &str) -> Result<Answered<'_>, OutputError> {
        match self {
            Self::Local(session) => {
                let Answer { rows, effects, update, .. } = session.execute(statement).await?;
                session.apply(&effects);
                Ok(Answered {
                    rows: rows.into(),
                    update: update.map(|update| (update.kind.to_owned(), update.count)),
                })
            }
            Self::Remote(remote) => {
                remote.answer(statement).await.map_err(|error| OutputError::Source(error.into()))
            }
        }
    }

    /// Lets go of what is left of the last answer, so that nobody works on it any more.
    pub(super) async fn let_go(&mut self) {
        if let Self::Remote(remote) = self {
            remote.let_go().await;
        }
    }

    /// Another that has set the same, for what the program asks of its own accord.
    pub(super) fn beside(&self) -> Self {
        match self {
            Self::Local(session) => {
                Self::Local(Box::new(session.database().session(session.settings().clone())))
            }
            Self::Remote(remote) => Self::Remote(Box::new(remote.beside())),
        }
    }

    /// The catalog in which names are looked up.
    pub(super) fn catalog(&self) -> &str {
        match self {
            Self::Local(session) => session.settings().catalog.as_deref().unwrap_or_default(),
            Self::Remote(remote) => remote.catalog(),
        }
    }

    /// The schema in which bare names are looked up, where one is set.
    pub(super) fn schema(&self) -> Option<&str> {
        match self {
            Self::Local(session) => session.settings().schema.as_deref(),
            Self::Remote(remote) => remote.schema(),
        }
    }

    /// The rows of a statement as texts; NULL is empty.
    pub(super) async fn texts<const N: usize>(&mut self, statement: &str) -> Result<Vec<[String; N]>> {
        let batches: Vec<_> = self.answer(statement).await?.rows.try_collect().await?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                rows.push(texts_of(batch, row)?);
            }
        }
        Ok(rows)
    }
}

fn texts_of<const N: usize>(batch: &RecordBatch, row: usize) -> Result<[String; N]> {
    let mut texts = std::array::from_fn(|_| String::new());
    for (text, column) in texts.iter_mut().zip(batch.columns()) {
        *text = array_value_to_string(column, row)?;
    }
    Ok(texts)
}
