//! What a text of Trino's SQL says to do.

mod definition;
mod like;
mod name;

pub use definition::{ColumnDefinition, Definition, Existing};
pub use like::Like;
pub use name::{Identifier, Name, Position};

use datafusion::sql::sqlparser::ast::{Expr, Query};

use crate::rewrite::{OutputName, with_parameters};

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Query {
        query: Box<Query>,
        /// Of the columns of the answer.
        names: Vec<OutputName>,
    },
    Show(Show),
    /// The parameters of a prepared statement.
    DescribeInput(Identifier),
    /// The columns of a prepared statement.
    DescribeOutput(Identifier),
    Prepare {
        name: Identifier,
        /// The statement's text.
        text: String,
    },
    Execute {
        name: Identifier,
        parameters: Vec<Expr>,
    },
    ExecuteImmediate {
        text: String,
        parameters: Vec<Expr>,
    },
    Deallocate(Identifier),
    Use {
        catalog: Option<Identifier>,
        schema: Identifier,
    },
    SetSession {
        property: Name,
        value: Expr,
    },
    ResetSession(Name),
    /// `None` for the zone of the server.
    SetTimeZone(Option<Expr>),
    SetRole {
        role: Role,
        catalog: Option<Identifier>,
    },
    StartTransaction,
    Commit,
    Rollback,
    Explain {
        form: ExplainForm,
        statement: Box<Statement>,
        /// The text of the statement.
        text: String,
    },
    ExplainAnalyze {
        statement: Box<Statement>,
        text: String,
    },
    Call {
        procedure: Name,
        arguments: Vec<Argument>,
    },
    Define(Definition),
    Change(Change),
}

/// A question about what there is.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    Catalogs(Option<Like>),
    Schemas { catalog: Option<Identifier>, like: Option<Like> },
    Tables { schema: Option<Name>, like: Option<Like> },
    Columns { table: Name, like: Option<Like> },
    Functions(Option<Like>),
    Session(Option<Like>),
    CreateTable(Name),
    CreateView(Name),
    CreateSchema(Name),
    Stats(Name),
    Roles,
    Grants,
}

/// A role to take on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    All,
    None,
    Named(Identifier),
}

/// What an `EXPLAIN` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplainForm {
    pub kind: ExplainKind,
    pub format: ExplainFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainKind {
    Logical,
    Distributed,
    Validate,
    Io,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainFormat {
    Text,
    Json,
}

/// An argument of a procedure.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub name: Option<Identifier>,
    pub value: Expr,
}

/// A statement about the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Insert { table: Name, columns: Vec<Identifier>, query: Box<Query> },
    Delete { table: Name, condition: Option<Expr> },
    Update { table: Name, assignments: Vec<(Identifier, Expr)>, condition: Option<Expr> },
    Truncate(Name),
}

impl Statement {
    /// The kind of the statement as it is told after it was done, such as `CREATE TABLE`; `None` for a question.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Query { .. }
            | Self::Show(_)
            | Self::DescribeInput(_)
            | Self::DescribeOutput(_)
            | Self::Execute { .. }
            | Self::ExecuteImmediate { .. }
            | Self::Explain { .. }
            | Self::ExplainAnalyze { .. } => return None,
            Self::Prepare { .. } => "PREPARE",
            Self::Deallocate(_) => "DEALLOCATE",
            Self::Use { .. } => "USE",
            Self::SetSession { .. } => "SET SESSION",
            Self::ResetSession(_) => "RESET SESSION",
            Self::SetTimeZone(_) => "SET TIME ZONE",
            Self::SetRole { .. } => "SET ROLE",
            Self::StartTransaction => "START TRANSACTION",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Call { .. } => "CALL",
            Self::Define(definition) => definition.kind(),
            Self::Change(change) => change.kind(),
        })
    }
}

impl Change {
    /// The kind of the statement, such as `INSERT`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Insert { .. } => "INSERT",
            Self::Delete { .. } => "DELETE",
            Self::Update { .. } => "UPDATE",
            Self::Truncate(_) => "TRUNCATE TABLE",
        }
    }

    /// Puts values in the place of parameters, from left to right.
    pub fn with_parameters(&mut self, values: &[Expr]) {
        match self {
            Self::Insert { query, .. } => with_parameters(query.as_mut(), values),
            Self::Delete { condition, .. } => with_parameters(condition, values),
            Self::Update { assignments, condition, .. } => {
                let mut all: Vec<Expr> = assignments.iter().map(|(_, value)| value.clone()).collect();
                all.extend(condition.take());
                with_parameters(&mut all, values);
                let mut all = all.into_iter();
                for ((_, value), new) in assignments.iter_mut().zip(all.by_ref()) {
                    *value = new;
                }
                *condition = all.next();
            }
            Self::Truncate(_) => {}
        }
    }

    /// The table whose rows are changed.
    #[must_use]
    pub fn table(&self) -> &Name {
        match self {
            Self::Insert { table, .. }
            | Self::Delete { table, .. }
            | Self::Update { table, .. }
            | Self::Truncate(table) => table,
        }
    }
}
