//! What a statement gives: rows, and what it changes for the client.

use datafusion::arrow::datatypes::Schema;
use depthlake_dialect::types::TrinoType;

use crate::session::queries::QueryId;
use crate::session::rows::Rows;

/// What a statement gives.
pub struct Answer {
    pub query: QueryId,
    /// The columns of the rows. None for a statement that only has effects.
    pub columns: Vec<Column>,
    pub rows: Rows,
    /// What the client has to remember.
    pub effects: Vec<Effect>,
    /// What was done, where the statement is no question.
    pub update: Option<Update>,
}

/// A column of an answer. Names need not differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub r#type: TrinoType,
}

/// The parameters and columns of a statement that is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The type of each parameter; [`TrinoType::Unknown`] where the statement does not tell.
    pub parameters: Vec<TrinoType>,
    pub columns: Vec<Column>,
}

/// A change of what the client has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    SetCatalog(String),
    SetSchema(String),
    /// Trino's clients are told of it as of the session property `time_zone_id`.
    SetTimeZone(String),
    SetSession(String, String),
    ClearSession(String),
    /// A role as the header has it (`ALL`, `NONE`, `ROLE{"name"}`), of a catalog, or `system`.
    SetRole {
        catalog: String,
        role: String,
    },
    Prepared {
        name: String,
        sql: String,
    },
    Deallocated(String),
    StartedTransaction(String),
    ClearedTransaction,
}

/// What a statement that is no question has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The statement's kind, such as `CREATE TABLE` or `INSERT`.
    pub kind: &'static str,
    /// The rows that were written or removed, where the statement is about rows.
    pub count: Option<u64>,
}

/// The columns of an Arrow schema.
pub(crate) fn columns_of(schema: &Schema) -> Vec<Column> {
    let column = |field: &datafusion::arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        r#type: TrinoType::of_field(field),
    };
    schema.fields().iter().map(column).collect()
}
