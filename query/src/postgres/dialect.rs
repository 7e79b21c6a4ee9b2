//! From the dialect of `PostgreSQL` to that of the session, where they differ in words: names of types, intervals, and a few
//! functions. A statement without any of these is handed on letter by letter, so that errors name the right places.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, Statement,
    TimezoneInfo, Value, VisitMut, VisitorMut,
};

/// The statement as the session reads it.
pub(super) fn translated(mut statement: Statement, text: &str) -> String {
    let mut translator = Translator { changed: false };
    let _: ControlFlow<()> = statement.visit(&mut translator);
    if translator.changed { statement.to_string() } else { text.to_owned() }
}

struct Translator {
    changed: bool,
}

impl VisitorMut for Translator {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replacement = match expr {
            Expr::Cast { kind, data_type, .. } => {
                let known = session_type(data_type);
                if *kind == CastKind::DoubleColon || known.is_some() {
                    *kind = CastKind::Cast;
                    *data_type = known.unwrap_or_else(|| data_type.clone());
                    self.changed = true;
                }
                None
            }
            Expr::TypedString(typed) => {
                if let Some(known) = session_type(&typed.data_type) {
                    typed.data_type = known;
                    self.changed = true;
                }
                None
            }
            Expr::Interval(interval) if interval.leading_field.is_none() => parts(interval),
            Expr::Extract { field: DateTimeField::Epoch, expr, .. } => {
                Some(call("to_unixtime", (**expr).clone()))
            }
            Expr::Function(function) => renamed(function),
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
            self.changed = true;
        }
        ControlFlow::Continue(())
    }
}

/// The session's word for a type that has another there.
fn session_type(found: &DataType) -> Option<DataType> {
    let with_zone = DataType::Timestamp(Some(6), TimezoneInfo::WithTimeZone);
    Some(match found {
        DataType::Text => DataType::Varchar(None),
        DataType::Int2(None) => DataType::SmallInt(None),
        DataType::Int4(None) => DataType::Integer(None),
        DataType::Int8(None) => DataType::BigInt(None),
        DataType::Float4 => DataType::Real,
        DataType::Float8 | DataType::DoublePrecision => DataType::Double(ExactNumberInfo::None),
        DataType::Numeric(ExactNumberInfo::None) => {
            DataType::Decimal(ExactNumberInfo::PrecisionAndScale(38, 10))
        }
        DataType::Numeric(info) => DataType::Decimal(*info),
        DataType::Bytea => DataType::Varbinary(None),
        DataType::Bool => DataType::Boolean,
        DataType::Timestamp(precision, TimezoneInfo::Tz) => {
            DataType::Timestamp(Some(precision.unwrap_or(6)), TimezoneInfo::WithTimeZone)
        }
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone) => with_zone,
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Timestamp(Some(6), TimezoneInfo::None)
        }
        DataType::Custom(name, arguments) if arguments.is_empty() => {
            match name.0.last()?.as_ident()?.value.to_lowercase().as_str() {
                "timestamptz" => with_zone,
                "name" | "text" | "bpchar" => DataType::Varchar(None),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// `INTERVAL '1 day 2 hours'` as a sum of intervals of one unit each.
fn parts(interval: &Interval) -> Option<Expr> {
    let Expr::Value(value) = &*interval.value else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let words: Vec<_> = text.split_whitespace().collect();
    let (pairs, []) = words.as_chunks::<2>() else { return None };
    let mut parts = pairs.iter().map(|[count, unit]| one_unit(count, unit));
    let first = parts.next()??;
    let sum = parts.try_fold(first, |sum, part| {
        let (op, right) = (BinaryOperator::Plus, Box::new(part?));
        Some(Expr::BinaryOp { left: Box::new(sum), op, right })
    })?;
    Some(if pairs.len() > 1 { Expr::Nested(Box::new(sum)) } else { sum })
}

fn one_unit(count: &str, unit: &str) -> Option<Expr> {
    let count: i64 = count.parse().ok()?;
    let singular = unit.trim_end_matches(',').to_lowercase();
    let (count, field) = match singular.strip_suffix('s').unwrap_or(&singular) {
        "year" | "y" => (count, DateTimeField::Year),
        "month" | "mon" => (count, DateTimeField::Month),
        "week" | "w" => (count.checked_mul(7)?, DateTimeField::Day),
        "day" | "d" => (count, DateTimeField::Day),
        "hour" | "h" => (count, DateTimeField::Hour),
        "minute" | "min" | "m" => (count, DateTimeField::Minute),
        "second" | "sec" => (count, DateTimeField::Second),
        _ => return None,
    };
    Some(Expr::Interval(Interval {
        value: Box::new(Expr::value(Value::SingleQuotedString(count.to_string()))),
        leading_field: Some(field),
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

/// Functions that the session has under another name.
fn renamed(function: &Function) -> Option<Expr> {
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let FunctionArguments::List(FunctionArgumentList { args, .. }) = &function.args else { return None };
    let arguments: Vec<&Expr> = args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect();
    match (name.as_str(), &arguments[..]) {
        ("to_timestamp", [seconds]) => Some(call("from_unixtime", (*seconds).clone())),
        ("date_part", [Expr::Value(field), time]) => match &field.value {
            Value::SingleQuotedString(field) if field.eq_ignore_ascii_case("epoch") => {
                Some(call("to_unixtime", (*time).clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A call of a function with one argument.
pub(super) fn call(name: &str, argument: Expr) -> Expr {
    let arguments = FunctionArgumentList {
        duplicate_treatment: None,
        args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
        clauses: Vec::new(),
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(arguments),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn translate(text: &str) -> String {
        translated(Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap().remove(0), text)
    }

    #[test]
    fn words_that_differ_are_replaced() {
        for (postgres, session) in [
            ("SELECT x::int8", "SELECT CAST(x AS BIGINT)"),
            ("SELECT x::text", "SELECT CAST(x AS VARCHAR)"),
            ("SELECT x::timestamptz", "SELECT CAST(x AS TIMESTAMP(6) WITH TIME ZONE)"),
            ("SELECT x::numeric(10,2)", "SELECT CAST(x AS DECIMAL(10,2))"),
            ("SELECT CAST(x AS float8)", "SELECT CAST(x AS DOUBLE)"),
            ("SELECT t - INTERVAL '1 hour'", "SELECT t - INTERVAL '1' HOUR"),
            ("SELECT t - INTERVAL '1 day 2 hours'", "SELECT t - (INTERVAL '1' DAY + INTERVAL '2' HOUR)"),
            ("SELECT extract(epoch FROM t)", "SELECT to_unixtime(t)"),
            ("SELECT to_timestamp(1.5)", "SELECT from_unixtime(1.5)"),
        ] {
            assert_eq!(translate(postgres), session, "{postgres}");
        }
    }

    #[test]
    fn the_rest_is_handed_on_letter_by_letter() {
        for text in ["select  1 -- one", "SELECT INTERVAL '1' DAY", "SELECT date_trunc('minute', t) FROM x"] {
            assert_eq!(translate(text), text);
        }
    }
}
