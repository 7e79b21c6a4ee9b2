//! The SQL models: what the marts say, as queries over what was landed.
//!
//! Each model is two files in `lake/models/`: a query, and a declaration of its key, what it reads, and the tests its rows
//! must pass. Models of the layers `staging` and `intermediate` are views; those of `marts` are tables that
//! [`Builder`] keeps up to date, or views over such tables. This crate runs no SQL: who builds gives something that does,
//! an [`Sql`].
//!
//! A query names the minutes it is asked for by placeholders, `:rows_from` and `:until` of its rows, and `:reads_from`, from
//! which on it may read: earlier by the mart's lookback. Invariant: a row follows from the rows that its query may read and
//! nothing else, so a mart built bit by bit is the mart built at once.

mod build;
mod check;
mod correct;
mod declaration;
mod freshness;
mod minutes;
mod pending;
mod query;
mod targets;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::LazyLock;

use arrow_array::RecordBatch;
use async_trait::async_trait;

use crate::table::Table;

pub use build::{BuildError, Builder, Built, Mode};
pub use check::FailedTest;
pub use declaration::{Declaration, Incremental, Relationship, Tests, Touch};
pub use freshness::Freshness;
pub use minutes::Minutes;
pub use targets::Targets;

/// Answers SQL over the tables of a lake.
#[async_trait]
pub trait Sql: Send + Sync {
    /// All rows of the answer. `rows`, where given, are a table of their own, [`ROWS_UNDER_TEST`]. Beside a table
    /// `SCHEMA.NAME` there is `SCHEMA."NAME@after N"`: its rows in files that came with snapshots after the one of
    /// sequence number N.
    ///
    /// # Errors
    /// Whatever the engine has to say.
    async fn query(&self, sql: &str, rows: Option<&[RecordBatch]>) -> Result<Vec<RecordBatch>, SqlError>;
}

/// Why an engine gave no answer.
pub type SqlError = Box<dyn std::error::Error + Send + Sync>;

/// The name under which rows are tested before they are committed.
pub const ROWS_UNDER_TEST: &str = "build.rows_under_test";

/// A query with its declaration.
#[derive(Debug)]
pub struct Model {
    /// `LAYER.NAME`.
    pub name: &'static str,
    pub declaration: Declaration,
    /// The query, with its placeholders.
    pub sql: &'static str,
}

impl Model {
    /// Every model, each after those it reads.
    #[must_use]
    pub fn all() -> &'static [Self] {
        static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| FILES.iter().map(Model::parse).collect());
        &MODELS
    }

    /// The model of a name, with or without its layer.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        static BY_NAME: LazyLock<HashMap<&str, &Model>> = LazyLock::new(|| {
            let both = |model: &'static Model| [(model.name, model), (model.short_name(), model)];
            Model::all().iter().flat_map(both).collect()
        });
        BY_NAME.get(name).copied()
    }

    /// The layer: `staging`, `intermediate` or `marts`.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(layer, _)| layer)
    }

    /// The name inside its layer.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, name)| name)
    }

    /// The models it reads.
    pub fn reads(&self) -> impl Iterator<Item = &'static Self> + '_ {
        self.declaration.reads.iter().filter_map(|name| Self::named(name))
    }

    /// The tables of other layers that it is built of, by way of other models too.
    #[must_use]
    pub fn sources(&self) -> BTreeSet<Table> {
        let own = self.declaration.reads.iter().filter_map(|name| name.parse().ok());
        own.chain(self.reads().flat_map(Self::sources)).collect()
    }

    fn parse((name, declaration, sql): &(&'static str, &'static str, &'static str)) -> Self {
        let declaration = toml::from_str(declaration);
        let declaration = declaration.expect("our own declarations are well-formed; a test reads them all");
        Self { name, declaration, sql: sql.trim() }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! model {
    ($layer:literal, $name:literal) => {
        (
            concat!($layer, ".", $name),
            include_str!(concat!("../../models/", $layer, "/", $name, ".toml")),
            include_str!(concat!("../../models/", $layer, "/", $name, ".sql")),
        )
    };
}

/// Name, declaration and query of each model, each after those it reads.
const FILES: [(&str, &str, &str); 14] = [
    model!("staging", "stg_bars"),
    model!("staging", "stg_book_states"),
    model!("staging", "stg_messages"),
    model!("staging", "stg_published"),
    model!("staging", "stg_feed_events"),
    model!("intermediate", "int_bars_of_trades"),
    model!("intermediate", "int_bar_corrections"),
    model!("intermediate", "int_returns"),
    model!("intermediate", "int_book_segments"),
    model!("intermediate", "int_expected_seconds"),
    model!("marts", "mart_ohlcv"),
    model!("marts", "mart_liquidity"),
    model!("marts", "mart_liquidity_latest"),
    model!("marts", "mart_exchange_health"),
];
