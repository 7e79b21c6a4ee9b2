//! The names of a query's columns.
//!
//! Trino gives a column the name that is written, in the case in which it is written, calls it `_col` and its place where
//! none is, and lets two columns have one name. The planner has names of its own, and wants them to differ.

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, SetExpr};
use datafusion::sql::sqlparser::tokenizer::Location;

/// What a query says of the names of its columns, from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputName {
    /// One column, of this name.
    Written(String),
    /// One column that has no name.
    Missing,
    /// So many columns as the tables have, under their own names.
    Wildcard,
}

/// The names of the columns, given those that the planner gave them.
#[must_use]
pub fn column_names<'a>(
    names: &[OutputName],
    planned: impl ExactSizeIterator<Item = &'a str>,
) -> Vec<String> {
    let count = planned.len();
    let wildcards = names.iter().filter(|name| **name == OutputName::Wildcard).count();
    let spread = count.saturating_sub(names.len() - wildcards);
    let mut sources = Vec::with_capacity(count);
    for name in names {
        match name {
            // With several wildcards nobody knows which has how many columns.
            OutputName::Wildcard if wildcards == 1 => sources.extend(std::iter::repeat_n(None, spread)),
            OutputName::Wildcard => break,
            name => sources.push(Some(name)),
        }
    }
    planned
        .enumerate()
        .map(|(place, planned)| match sources.get(place).copied().flatten() {
            Some(OutputName::Written(name)) => name.clone(),
            Some(_) => format!("_col{place}"),
            None => planned.to_owned(),
        })
        .collect()
}

/// The names that a query writes, in lower case where they are in quotes.
#[must_use]
pub fn names_of(query: &Query) -> Vec<OutputName> {
    output_names(query, &HashMap::new())
}

/// The names that a query writes; those in quotes by their places.
pub(crate) fn output_names(query: &Query, quoted: &HashMap<Location, String>) -> Vec<OutputName> {
    let written = |name: &Ident| {
        let original = quoted.get(&name.span.start);
        OutputName::Written(original.unwrap_or(&name.value).clone())
    };
    match first_select(&query.body) {
        Some(Columns::Of(select)) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => written(alias),
                SelectItem::UnnamedExpr(expression) => {
                    name_of(expression).map_or(OutputName::Missing, written)
                }
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => OutputName::Wildcard,
            })
            .collect(),
        Some(Columns::Unnamed(count)) => vec![OutputName::Missing; count],
        None => vec![OutputName::Wildcard],
    }
}

/// The query with a name of its own for each of its columns that has none, or that of another.
#[must_use]
pub fn with_names(mut query: Query) -> Query {
    name_columns(&mut query.body);
    query
}

fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::Query(query) => name_columns(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_items(items: &mut [SelectItem]) {
    let mut taken = HashSet::new();
    for (place, item) in items.iter_mut().enumerate() {
        let name = match item {
            SelectItem::UnnamedExpr(expression) => name_of(expression).map(|name| name.value.to_lowercase()),
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_lowercase()),
            _ => continue,
        };
        let is_own = name.is_some_and(|name| taken.insert(name));
        if is_own {
            continue;
        }
        let alias = Ident::with_quote('"', format!("_col{place}"));
        match item {
            SelectItem::UnnamedExpr(expression) => {
                *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
            }
            SelectItem::ExprWithAlias { alias: former, .. } => *former = alias,
            _ => {}
        }
    }
}

fn name_of(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        Expr::Nested(inner) => name_of(inner),
        _ => None,
    }
}

enum Columns<'a> {
    Of(&'a Select),
    Unnamed(usize),
}

/// The part of a query that names its columns.
fn first_select(body: &SetExpr) -> Option<Columns<'_>> {
    match body {
        SetExpr::Select(select) => Some(Columns::Of(select)),
        SetExpr::Query(query) => first_select(&query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Values(values) => Some(Columns::Unnamed(values.rows.first().map_or(0, Vec::len))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::statement::Statement;

    fn names(text: &str, planned: &[&str]) -> Vec<String> {
        match parse(text) {
            Ok(Statement::Query { names, .. }) => column_names(&names, planned.iter().copied()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn columns_are_called_as_they_are_written() {
        assert_eq!(names(r#"SELECT 1 AS "Foo", b, t.C, count(*)"#, &["a"; 4]), ["Foo", "b", "C", "_col3"]);
        assert_eq!(names("SELECT *, 1 FROM t", &["a", "b", "x"]), ["a", "b", "_col2"]);
        assert_eq!(names("VALUES (1, 2)", &["a", "b"]), ["_col0", "_col1"]);
        assert_eq!(names("SELECT 1 AS a UNION ALL SELECT 2 AS b", &["x"]), ["a"]);
        assert_eq!(names("TABLE t", &["a", "b"]), ["a", "b"]);
    }

    #[test]
    fn columns_get_names_that_differ() {
        let Ok(Statement::Query { query, .. }) = parse("SELECT 1, a, b AS a, a.a FROM t") else { panic!() };
        let expected = r#"SELECT 1 AS "_col0", a, b AS "_col2", a.a AS "_col3" FROM t"#;
        assert_eq!(with_names(*query).to_string(), expected);
    }
}
