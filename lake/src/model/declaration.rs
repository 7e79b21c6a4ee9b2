//! What a model's `.toml` file declares.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A model, apart from its query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What a row means, with formulas and where they come from.
    pub doc: String,
    /// The columns of which no two rows have the same values.
    pub key: Vec<String>,
    /// The tables and models the query names.
    pub reads: Vec<String>,
    /// How its table is kept up to date; a model without is a view.
    pub incremental: Option<Incremental>,
    pub tests: Tests,
}

/// How a table of minutes is kept up to date.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incremental {
    /// The column of the minute that a row is of.
    pub minute: String,
    /// How many minutes before its own a row may depend on, and so how far a change reaches forward.
    pub lookback_minutes: u32,
    /// Whether a minute is built only once it is over, for half of one would be judged wrongly.
    #[serde(default)]
    pub whole_minutes: bool,
    /// How old its last build may be.
    pub freshness_seconds: u32,
    /// New rows of which tables touch which minutes.
    pub touched_by: Vec<Touch>,
}

/// The minutes that a row of a table touches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    pub table: String,
    /// The first time it touches, an expression over the row.
    pub from: String,
    /// The last time it touches, where that is another.
    pub until: Option<String>,
}

/// What must be true of a model's rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    pub not_null: Vec<String>,
    /// Whether the key is unique.
    #[serde(default)]
    pub unique: bool,
    /// The only values of a column, nulls aside.
    #[serde(default)]
    pub accepted_values: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub relationships: Vec<Relationship>,
}

/// Each value of a column is one of the column of the same name of another model or table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relationship {
    pub column: String,
    pub table: String,
}
