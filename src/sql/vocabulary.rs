//! The names that can be completed, asked for when they are first wanted.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Handle;

use super::answerer::Answerer;

/// How long somebody who wants a completion waits for the names, once.
const PATIENCE: Duration = Duration::from_secs(1);

const COLUMNS: &str = "SELECT table_schema, table_name, column_name FROM information_schema.columns \
    ORDER BY table_schema, table_name, ordinal_position";

/// The names that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vocabulary {
    /// The catalog that is asked, and the schema of bare names, where one is set.
    pub(super) catalog: String,
    pub(super) schema: Option<String>,
    pub(super) catalogs: Vec<String>,
    pub(super) tables: Vec<KnownTable>,
    pub(super) functions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownTable {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// The names as far as they are known.
#[derive(Clone)]
pub(super) struct Names(Arc<Mutex<State>>);

struct State {
    knowledge: Knowledge,
    runtime: Handle,
}

enum Knowledge {
    /// With whom to ask.
    Unasked(Answerer),
    /// On its way; with who asks comes back whoever has failed.
    Asked {
        answer: Receiver<Result<Vocabulary, Answerer>>,
        patience: Duration,
    },
    Known(Arc<Vocabulary>),
}

impl Names {
    /// Names that are asked for when they are first wanted. Must be called within a runtime, in which that is done.
    pub(super) fn of(answerer: Answerer) -> Self {
        Self(Arc::new(Mutex::new(State {
            knowledge: Knowledge::Unasked(answerer),
            runtime: Handle::current(),
        })))
    }

    /// What is known by now. The first who asks waits a little; none where they cannot be had.
    pub(super) fn known(&self) -> Arc<Vocabulary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known()
    }

    /// The names may have changed: they are asked for again, when they are wanted.
    pub(super) fn forget(&self, answerer: Answerer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).knowledge = Knowledge::Unasked(answerer);
    }
}

impl State {
    fn known(&mut self) -> Arc<Vocabulary> {
        let nothing = || Knowledge::Known(Arc::default());
        self.knowledge = match std::mem::replace(&mut self.knowledge, nothing()) {
            Knowledge::Unasked(answerer) => self.ask(answerer),
            other => other,
        };
        if let Knowledge::Asked { answer, patience } = &mut self.knowledge {
            match answer.recv_timeout(std::mem::take(patience)) {
                Ok(Ok(vocabulary)) => self.knowledge = Knowledge::Known(Arc::new(vocabulary)),
                // Perhaps next time.
                Ok(Err(answerer)) => self.knowledge = Knowledge::Unasked(answerer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.knowledge = nothing(),
            }
        }
        match &self.knowledge {
            Knowledge::Known(vocabulary) => Arc::clone(vocabulary),
            _ => Arc::default(),
        }
    }

    fn ask(&self, mut answerer: Answerer) -> Knowledge {
        let (sender, answer) = sync_channel(1);
        self.runtime.spawn(async move {
            let vocabulary = match Vocabulary::of(&mut answerer).await {
                Ok(vocabulary) => Ok(vocabulary),
                Err(error) => {
                    tracing::debug!(%error, "the names cannot be asked for");
                    Err(answerer)
                }
            };
            // Nobody wants it any more where this fails.
            let _ = sender.send(vocabulary);
        });
        Knowledge::Asked { answer, patience: PATIENCE }
    }
}

impl Vocabulary {
    async fn of(answerer: &mut Answerer) -> Result<Self> {
        let mut tables: Vec<KnownTable> = Vec::new();
        for [schema, name, column] in answerer.texts(COLUMNS).await? {
            match tables.last_mut().filter(|table| table.schema == schema && table.name == name) {
                Some(table) => table.columns.push(column),
                None => tables.push(KnownTable { schema, name, columns: vec![column] }),
            }
        }
        let first = |[name]: [String; 1]| name;
        let catalogs = answerer.texts("SHOW CATALOGS").await?.into_iter().map(first).collect();
        let mut functions: Vec<String> =
            answerer.texts("SHOW FUNCTIONS").await?.into_iter().map(first).collect();
        functions.sort();
        functions.dedup();
        let (catalog, schema) = (answerer.catalog().to_owned(), answerer.schema().map(str::to_owned));
        Ok(Self { catalog, schema, catalogs, tables, functions })
    }
}
