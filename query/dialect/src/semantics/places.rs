//! Where in a query stands what an error is about.

use std::error::Error;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Spanned, Value, visit_expressions};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::{DialectError, Form, Subject};
use crate::statement::Position;

/// The failure of the dialect within an error of planning, with its place in the query as it was written.
#[must_use]
pub fn located(error: &DataFusionError, written: &Query) -> Option<DialectError> {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref::<DialectError>() {
            let place = found.subject().and_then(|subject| position(written, subject));
            return Some(found.clone().at(place));
        }
        source = inner.source();
    }
    None
}

/// Where the first part of a query stands that is the subject.
pub(super) fn position(written: &Query, subject: &Subject) -> Option<Position> {
    let found = visit_expressions(written, |expr| match place(expr, subject) {
        Some(location) => ControlFlow::Break(location),
        None => ControlFlow::Continue(()),
    });
    found.break_value().filter(|location| location.line > 0).map(Position::from)
}

fn place(expr: &Expr, subject: &Subject) -> Option<Location> {
    match (expr, subject) {
        (Expr::Function(function), Subject::Function(name)) => {
            let called = function.name.0.last()?.as_ident()?;
            (called.value.to_lowercase() == *name).then_some(called.span.start)
        }
        (
            Expr::BinaryOp { left, op, right },
            Subject::Operator { operator, left: of_left, right: of_right },
        ) => {
            let is_it = is_operator(op, operator)
                && is_signed(left, of_left.as_deref())
                && is_signed(right, of_right.as_deref());
            is_it.then(|| between(left, &op.to_string(), right))
        }
        (
            Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _),
            Subject::Operator { operator, .. },
        ) => operator.contains("DISTINCT").then(|| start(left)),
        (
            Expr::InList { expr, .. } | Expr::InSubquery { expr, .. },
            Subject::Form { form: Form::In, value },
        )
        | (Expr::Between { expr, .. }, Subject::Form { form: Form::Between, value })
        | (Expr::Like { expr, .. }, Subject::Form { form: Form::Like, value }) => {
            is_signed(expr, value.as_deref()).then(|| start(expr))
        }
        (Expr::UnaryOp { expr, .. }, Subject::Form { form: Form::Not, value }) => {
            is_signed(expr, value.as_deref()).then(|| start(expr))
        }
        (Expr::Case { case_token, .. }, Subject::Form { form: Form::Case, .. }) => {
            Some(case_token.0.span.start)
        }
        (Expr::Array(array), Subject::Form { form: Form::Array, .. }) => array.elem.first().map(start),
        _ => None,
    }
}

fn is_operator(written: &BinaryOperator, planned: &str) -> bool {
    let written = written.to_string();
    written == planned || (written == "<>" && planned == "!=")
}

/// Whether an operand can be the column or literal that is looked for.
fn is_signed(expr: &Expr, sign: Option<&str>) -> bool {
    let Some(sign) = sign else { return true };
    match expr {
        Expr::Identifier(name) => name.value.to_lowercase() == sign,
        Expr::CompoundIdentifier(names) => names.last().is_some_and(|name| name.value.to_lowercase() == sign),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => text == sign,
            other => other.to_string() == sign,
        },
        Expr::Nested(inner) => is_signed(inner, Some(sign)),
        _ => true,
    }
}

/// Where an operator stands: behind its left operand, and a blank before its right one, or none.
fn between(left: &Expr, operator: &str, right: &Expr) -> Location {
    let (end, next) = (left.span().end, start(right));
    let length = operator.chars().count() as u64;
    if end.line != next.line || next.column < end.column + length {
        return Location { line: end.line, column: end.column + 1 };
    }
    match next.column - end.column - length {
        0 | 1 => end,
        _ => Location { line: next.line, column: next.column - length - 1 },
    }
}

/// Where an expression begins, so far as its parts tell.
fn start(expr: &Expr) -> Location {
    let of_parts = expr.span().start;
    let before = match expr {
        Expr::Nested(inner) => {
            let inner = start(inner);
            return Location { column: inner.column.saturating_sub(1), ..inner };
        }
        Expr::Cast { .. } => "CAST(".len(),
        Expr::UnaryOp { .. } => 1,
        _ => 0,
    };
    Location { column: of_parts.column.saturating_sub(before as u64), ..of_parts }
}
