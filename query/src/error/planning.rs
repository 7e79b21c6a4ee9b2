//! What the planner has to say, in Trino's words.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use depthlake_dialect::parse::SyntaxError;

use depthlake_dialect::functions::listing;
use depthlake_dialect::types::TrinoType;

use super::{Position, QueryError, external, innermost, message_of, nearest, position_of, schema};

impl QueryError {
    /// A text that is no statement.
    pub(crate) fn of_syntax(error: SyntaxError) -> Self {
        Self::Trino {
            name: "SYNTAX_ERROR",
            message: error.message,
            position: Some(error.position.map_or(Position { line: 1, column: 1 }, Position::from)),
        }
    }

    /// A statement that cannot be planned.
    pub(crate) fn of_trino_planning(error: DataFusionError) -> Self {
        let position = error.diagnostic().and_then(position_of);
        of_innermost(innermost(error), position)
    }

    /// The same for people of this process, who are told the nearest names besides.
    pub(crate) fn of_planning_with_hints(error: DataFusionError) -> Self {
        let position = error.diagnostic().and_then(position_of);
        match innermost(error) {
            DataFusionError::SchemaError(error, _) if matches!(*error, SchemaError::FieldNotFound { .. }) => {
                schema(&error, position)
            }
            other => with_nearest_function(of_innermost(other, position)),
        }
    }
}

fn of_innermost(error: DataFusionError, position: Option<Position>) -> QueryError {
    match error {
        DataFusionError::SQL(error, _) => {
            QueryError::Trino { name: "SYNTAX_ERROR", message: error.to_string(), position }
        }
        DataFusionError::SchemaError(error, _) => of_schema(&error, position),
        DataFusionError::External(error) => external(error),
        DataFusionError::ArrowError(error, context) => {
            QueryError::of_execution(DataFusionError::ArrowError(error, context))
        }
        DataFusionError::NotImplemented(message) => {
            QueryError::Trino { name: "NOT_SUPPORTED", message, position }
        }
        other => of_message(message_of(&other), position),
    }
}

fn with_nearest_function(error: QueryError) -> QueryError {
    let QueryError::Trino { name: name @ "FUNCTION_NOT_FOUND", message, position } = error else {
        return error;
    };
    let unknown = message.split('\'').nth(1).unwrap_or_default();
    let nearest = nearest(unknown, listing().into_iter().map(|function| function.name)).unwrap_or_default();
    QueryError::Trino { name, message: format!("{message}; the nearest is {nearest}"), position }
}

fn of_schema(error: &SchemaError, position: Option<Position>) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, .. } => QueryError::Trino {
            name: "COLUMN_NOT_FOUND",
            message: format!("Column '{}' cannot be resolved", field.flat_name()),
            position,
        },
        SchemaError::AmbiguousReference { field } => QueryError::Trino {
            name: "AMBIGUOUS_NAME",
            message: format!("Column '{}' is ambiguous", field.name),
            position,
        },
        other => QueryError::Trino { name: "GENERIC_USER_ERROR", message: other.to_string(), position },
    }
}

/// The type of a condition, of which the planner tells the text and the type.
fn type_of_condition(condition: &str, found: &str) -> String {
    // The planner's numbers are wider than those that were written.
    if condition
        .strip_prefix("Int64(")
        .is_some_and(|number| number.trim_end_matches(')').parse::<i32>().is_ok())
    {
        return TrinoType::Integer.to_string();
    }
    found
        .parse::<DataType>()
        .map_or_else(|_| found.to_owned(), |found| TrinoType::of_arrow(&found).to_string())
}

/// What the planner only says in words.
fn of_message(message: String, position: Option<Position>) -> QueryError {
    if let Some(function) =
        message.strip_prefix("Invalid function '").and_then(|rest| rest.split('\'').next())
    {
        let message = format!("Function '{function}' not registered");
        return QueryError::Trino { name: "FUNCTION_NOT_FOUND", message, position };
    }
    if let Some((condition, found)) = message
        .strip_prefix("Cannot create filter with non-boolean predicate '")
        .and_then(|rest| rest.rsplit_once("' returning "))
    {
        let message = format!(
            "WHERE clause must evaluate to a boolean: actual type {}",
            type_of_condition(condition, found)
        );
        return QueryError::Trino { name: "TYPE_MISMATCH", message, position };
    }
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let name = if says(&["must be in GROUP BY", "must appear in the GROUP BY"]) {
        "EXPRESSION_NOT_AGGREGATE"
    } else if says(&[
        "oerc",
        "ncompatible",
        "Cannot infer common",
        "No function matches",
        "Unsupported CAST",
        "argument types",
    ]) {
        "TYPE_MISMATCH"
    } else if says(&["Divide by zero"]) {
        "DIVISION_BY_ZERO"
    } else if says(&["Cast error", "Cannot cast"]) {
        "INVALID_CAST_ARGUMENT"
    } else if says(&["not implemented", "not supported", "Unsupported"]) {
        "NOT_SUPPORTED"
    } else {
        "GENERIC_USER_ERROR"
    };
    QueryError::Trino { name, message, position }
}
