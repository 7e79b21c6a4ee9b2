//! What a text of Trino's SQL says to do.

mod name;

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

/// A pattern of `LIKE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    pub pattern: String,
    pub escape: Option<char>,
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

/// A statement about schemas, tables and views themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    CreateSchema {
        name: Name,
        if_not_exists: bool,
    },
    DropSchema {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    RenameSchema {
        name: Name,
        to: Identifier,
    },
    CreateTable {
        name: Name,
        columns: Vec<ColumnDefinition>,
        comment: Option<String>,
        existing: Existing,
    },
    CreateTableAs {
        name: Name,
        columns: Vec<Identifier>,
        query: Box<Query>,
        comment: Option<String>,
        existing: Existing,
        with_data: bool,
    },
    CreateView {
        name: Name,
        query: Box<Query>,
        text: String,
        comment: Option<String>,
        replace: bool,
    },
    DropTable {
        name: Name,
        if_exists: bool,
    },
    DropView {
        name: Name,
        if_exists: bool,
    },
    RenameTable {
        name: Name,
        to: Name,
        if_exists: bool,
    },
    RenameView {
        name: Name,
        to: Name,
    },
    AddColumn {
        table: Name,
        column: ColumnDefinition,
    },
    DropColumn {
        table: Name,
        column: Identifier,
    },
    RenameColumn {
        table: Name,
        column: Identifier,
        to: Identifier,
    },
    CommentTable {
        table: Name,
        comment: Option<String>,
    },
    CommentView {
        view: Name,
        comment: Option<String>,
    },
    CommentColumn {
        column: Name,
        comment: Option<String>,
    },
}

/// A column of a new table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefinition {
    pub name: Identifier,
    /// The text of the type.
    pub r#type: String,
    pub is_nullable: bool,
    pub comment: Option<String>,
}

/// What becomes of a table that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Refused,
    Kept,
    Replaced,
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

impl Definition {
    /// The kind of the statement, such as `CREATE TABLE`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateSchema { .. } => "CREATE SCHEMA",
            Self::DropSchema { .. } => "DROP SCHEMA",
            Self::RenameSchema { .. } => "RENAME SCHEMA",
            Self::CreateTable { .. } | Self::CreateTableAs { .. } => "CREATE TABLE",
            Self::CreateView { .. } => "CREATE VIEW",
            Self::DropTable { .. } => "DROP TABLE",
            Self::DropView { .. } => "DROP VIEW",
            Self::RenameTable { .. } => "RENAME TABLE",
            Self::RenameView { .. } => "RENAME VIEW",
            Self::AddColumn { .. } => "ADD COLUMN",
            Self::DropColumn { .. } => "DROP COLUMN",
            Self::RenameColumn { .. } => "RENAME COLUMN",
            Self::CommentTable { .. } | Self::CommentView { .. } | Self::CommentColumn { .. } => "COMMENT",
        }
    }

    /// Puts values in the place of parameters.
    pub fn with_parameters(&mut self, values: &[Expr]) {
        if let Self::CreateTableAs { query, .. } | Self::CreateView { query, .. } = self {
            with_parameters(query.as_mut(), values);
        }
    }

    /// The table, view, schema or column that the statement is about.
    #[must_use]
    pub fn name(&self) -> &Name {
        match self {
            Self::CreateSchema { name, .. }
            | Self::DropSchema { name, .. }
            | Self::RenameSchema { name, .. }
            | Self::CreateTable { name, .. }
            | Self::CreateTableAs { name, .. }
            | Self::CreateView { name, .. }
            | Self::DropTable { name, .. }
            | Self::DropView { name, .. }
            | Self::RenameTable { name, .. }
            | Self::RenameView { name, .. }
            | Self::AddColumn { table: name, .. }
            | Self::DropColumn { table: name, .. }
            | Self::RenameColumn { table: name, .. }
            | Self::CommentTable { table: name, .. }
            | Self::CommentView { view: name, .. }
            | Self::CommentColumn { column: name, .. } => name,
        }
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

impl Like {
    /// Whether the whole text fits the pattern.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mut pieces = Vec::new();
        let mut pattern = self.pattern.chars();
        while let Some(character) = pattern.next() {
            pieces.push(match character {
                escape if Some(escape) == self.escape => Piece::Exactly(pattern.next().unwrap_or(escape)),
                '%' => Piece::Any,
                '_' => Piece::One,
                other => Piece::Exactly(other),
            });
        }
        fits(&pieces, &text.chars().collect::<Vec<_>>())
    }
}

#[derive(Clone, Copy)]
enum Piece {
    Exactly(char),
    One,
    Any,
}

/// In a time that grows with the product of the lengths.
fn fits(pieces: &[Piece], text: &[char]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        let mut any = false;
        for (place, was_reached) in reached.iter().enumerate() {
            any |= was_reached;
            let follows = match piece {
                Piece::Any => {
                    if let Some(here) = next.get_mut(place) {
                        *here = any;
                    }
                    false
                }
                Piece::One => *was_reached,
                Piece::Exactly(character) => *was_reached && text.get(place) == Some(character),
            };
            if follows && let Some(there) = next.get_mut(place + 1) {
                *there = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        let fits = |pattern: &str, escape, text| Like { pattern: pattern.to_owned(), escape }.fits(text);
        assert!(fits("a%", None, "abc") && fits("%", None, "") && fits("_b%_", None, "abc"));
        assert!(!fits("a", None, "ab") && !fits("_", None, "") && !fits("%a", None, "ab"));
        assert!(fits("a\\_b", Some('\\'), "a_b") && !fits("a\\_b", Some('\\'), "axb"));
        assert!(fits("%é%x", None, "aéx"));
    }
}
