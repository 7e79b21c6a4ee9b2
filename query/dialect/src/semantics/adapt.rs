//! The forms of expressions that become calls of the dialect's functions.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, Interval, ObjectName, Subscript, Value, VisitMut, VisitorMut,
};

use super::{calls, lambdas, literals};
use crate::functions::cast::{CAST, TRY_CAST};

/// Gives the expressions of a statement Trino's meaning. To be called once, before planning.
pub fn adapt(statement: &mut impl VisitMut) {
    let _ = VisitMut::visit(statement, &mut Adapting);
}

struct Adapting;

impl VisitorMut for Adapting {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            lambdas::written_into_constant(function);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let taken = std::mem::replace(expr, Expr::Value(Value::Null.with_empty_span()));
        *expr = adapted(taken);
        ControlFlow::Continue(())
    }
}

fn adapted(expr: Expr) -> Expr {
    match expr {
        Expr::Cast { kind, expr, data_type, array: false, format: None } => {
            let text = data_type.to_string();
            let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let text = unquoted.map_or(text.clone(), |unquoted| unquoted.replace("\"\"", "\""));
            let function =
                if matches!(kind, CastKind::TryCast | CastKind::SafeCast) { TRY_CAST } else { CAST };
            call(function, vec![*expr, text_literal(&text)])
        }
        Expr::TypedString(typed) => literals::typed_string(typed),
        Expr::Value(value) => literals::number(value),
        Expr::Interval(interval) => literals::interval(interval),
        Expr::AtTimeZone { timestamp, time_zone } => call("at_timezone", vec![*timestamp, *time_zone]),
        Expr::Extract { field, syntax, expr } => match part_function(&field) {
            Some(function) => call(function, vec![*expr]),
            None => Expr::Extract { field, syntax, expr },
        },
        Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let from = substring_from.map_or_else(|| number_literal(1), |from| *from);
            call("substr", [*expr, from].into_iter().chain(substring_for.map(|length| *length)).collect())
        }
        Expr::CompoundFieldAccess { root, access_chain } => accessed(*root, access_chain),
        Expr::Like { negated, any, expr, pattern, escape_char } => {
            let pattern = Box::new(literals::like_pattern(*pattern, escape_char.as_ref()));
            Expr::Like { negated, any, expr, pattern, escape_char: None }
        }
        Expr::Function(function) => calls::adapted(function),
        other => other,
    }
}

/// The function that `EXTRACT(field FROM …)` calls.
fn part_function(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => "year",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Week(None) | DateTimeField::Weeks => "week",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::DayOfWeek | DateTimeField::Dow => "day_of_week",
        DateTimeField::DayOfYear | DateTimeField::Doy => "day_of_year",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        DateTimeField::TimezoneHour => "timezone_hour",
        DateTimeField::TimezoneMinute => "timezone_minute",
        DateTimeField::Custom(name) => match name.value.to_lowercase().as_str() {
            "day_of_month" => "day",
            "day_of_week" => "day_of_week",
            "day_of_year" => "day_of_year",
            "year_of_week" | "yow" => "year_of_week",
            _ => return None,
        },
        _ => return None,
    })
}

/// `a.b[1].c[2]`: names of columns as they are, subscripts as calls of `subscript`.
fn accessed(root: Expr, chain: Vec<AccessExpr>) -> Expr {
    let understood = chain.iter().all(|access| {
        matches!(
            access,
            AccessExpr::Dot(Expr::Identifier(_)) | AccessExpr::Subscript(Subscript::Index { .. })
        )
    });
    if !understood {
        return Expr::CompoundFieldAccess { root: Box::new(root), access_chain: chain };
    }
    chain.into_iter().fold(root, |value, access| match (value, access) {
        (value, AccessExpr::Subscript(Subscript::Index { index })) => call("subscript", vec![value, index]),
        (Expr::Identifier(first), AccessExpr::Dot(Expr::Identifier(name))) => {
            Expr::CompoundIdentifier(vec![first, name])
        }
        (Expr::CompoundIdentifier(mut names), AccessExpr::Dot(Expr::Identifier(name))) => {
            names.push(name);
            Expr::CompoundIdentifier(names)
        }
        (value, AccessExpr::Dot(Expr::Identifier(name))) => {
            call("get_field", vec![value, text_literal(&name.value)])
        }
        (value, access) => Expr::CompoundFieldAccess { root: Box::new(value), access_chain: vec![access] },
    })
}

/// A call of a function.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args =
        arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `CAST(value AS type)`, the type in Trino's text.
pub(super) fn cast(value: Expr, r#type: &str) -> Expr {
    call(CAST, vec![value, text_literal(r#type)])
}

pub(super) fn text_literal(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).with_empty_span())
}

pub(super) fn number_literal(number: i64) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).with_empty_span())
}

/// An interval of months, where that is what it is: its text and field.
pub(super) fn interval_text(interval: &Interval) -> Option<(&str, &DateTimeField)> {
    match (interval.value.as_ref(), &interval.leading_field) {
        (Expr::Value(value), Some(field)) => match &value.value {
            Value::SingleQuotedString(text) => Some((text, field)),
            _ => None,
        },
        _ => None,
    }
}
