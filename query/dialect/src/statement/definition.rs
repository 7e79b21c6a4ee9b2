//! Statements about schemas, tables and views themselves.

use datafusion::sql::sqlparser::ast::{Expr, Query};

use super::{Identifier, Name};
use crate::rewrite::with_parameters;

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
