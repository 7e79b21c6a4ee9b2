//! Names in a statement, and where they stand.

use std::fmt;

use datafusion::sql::sqlparser::tokenizer::Location;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

/// A word that names something. Case makes no difference, in quotes neither, so it is kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    pub value: String,
    pub position: Position,
}

/// A name of one part or several, such as `catalog.schema.table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Never empty.
    parts: Vec<Identifier>,
}

impl Name {
    pub(crate) fn new(first: Identifier, rest: Vec<Identifier>) -> Self {
        Self { parts: std::iter::once(first).chain(rest).collect() }
    }

    /// The parts, the last one being the thing's own.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.value.as_str()).collect()
    }

    /// Where the name begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.parts.first().map_or(Position { line: 1, column: 1 }, |part| part.position)
    }

    /// The name without its last part, where it has several, and the last part.
    #[must_use]
    pub fn split_last(&self) -> Option<(Option<Self>, &Identifier)> {
        let (last, rest) = self.parts.split_last()?;
        Some(((!rest.is_empty()).then(|| Self { parts: rest.to_vec() }), last))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join("."))
    }
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self { line: location.line, column: location.column }
    }
}
