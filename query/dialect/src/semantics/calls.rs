//! Functions that are another function, or an expression of others.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CaseWhen, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, NullTreatment, ObjectName, Value,
};

use super::adapt::{call, cast};

/// Functions known to `DataFusion` under another name.
const RENAMED: &[(&str, &str)] = &[
    ("variance", "var_samp"),
    ("every", "bool_and"),
    ("bitwise_and_agg", "bit_and"),
    ("bitwise_or_agg", "bit_or"),
    ("bitwise_xor_agg", "bit_xor"),
    ("listagg", "string_agg"),
];

/// Functions whose result is Trino's `bigint` and another integer in `DataFusion`.
const OF_BIGINT: &[&str] = &["row_number", "rank", "dense_rank", "ntile", "regr_count"];

/// The function with Trino's meaning.
pub(super) fn adapted(mut function: Function) -> Expr {
    let Some(name) = simple_name(&function) else { return Expr::Function(function) };
    if let Some((_, other)) = RENAMED.iter().find(|(known, _)| *known == name) {
        rename(&mut function, other);
    }
    let count = arguments(&function).map_or(0, <[FunctionArg]>::len);
    match (name.as_str(), count) {
        ("listagg", 1 | 2) => listagg(function),
        ("count_if", 1) => {
            rename(&mut function, "count");
            with_argument(function, |condition| case(condition, Expr::value(Value::Boolean(true)), None))
        }
        ("arbitrary" | "any_value", 1) => {
            rename(&mut function, "first_value");
            function.null_treatment = Some(NullTreatment::IgnoreNulls);
            Expr::Function(function)
        }
        ("geometric_mean", 1) => {
            rename(&mut function, "avg");
            let mean = with_argument(function, |value| call("ln", vec![cast(value, "double")]));
            call("exp", vec![mean])
        }
        ("approx_distinct", 1 | 2) => {
            truncate(&mut function, 1);
            cast(with_argument(function, |value| cast(value, "varchar")), "bigint")
        }
        ("max", 2) => {
            rename(&mut function, "$max_n");
            Expr::Function(function)
        }
        ("min", 2) => {
            rename(&mut function, "$min_n");
            Expr::Function(function)
        }
        ("set_agg", 1) => {
            rename(&mut function, "array_agg");
            if let FunctionArguments::List(list) = &mut function.args {
                list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
            }
            Expr::Function(function)
        }
        ("avg", 1) => call("$average", vec![Expr::Function(function)]),
        ("sum", 1) => {
            let sum = with_argument(function, |value| call("$summand", vec![value]));
            call("$sum", vec![sum])
        }
        ("date", 1) => match expressions(&function).and_then(|all| all.into_iter().next()) {
            Some(value) => cast(value, "date"),
            None => Expr::Function(function),
        },
        ("if", 2 | 3) => conditional(function),
        ("greatest" | "least", 1..) => match expressions(&function) {
            Some(all) => call("$unless_null", std::iter::once(Expr::Function(function)).chain(all).collect()),
            None => Expr::Function(function),
        },
        ("concat", 1..) => match expressions(&function) {
            Some(all) => joined(all).unwrap_or(Expr::Function(function)),
            None => Expr::Function(function),
        },
        ("now" | "current_timestamp", 0) => {
            rename(&mut function, "now");
            cast(no_arguments(function), "timestamp(3) with time zone")
        }
        ("map", 0) => {
            let empty = || Expr::Array(Array { elem: Vec::new(), named: true });
            call("map", vec![empty(), empty()])
        }
        ("localtimestamp", 0) => {
            rename(&mut function, "now");
            cast(no_arguments(function), "timestamp(3)")
        }
        ("localtime", 0) => {
            rename(&mut function, "now");
            cast(no_arguments(function), "time(3)")
        }
        (name, _) if OF_BIGINT.contains(&name) => cast(Expr::Function(function), "bigint"),
        _ => Expr::Function(function),
    }
}

fn simple_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|name| name.value.to_lowercase()),
        _ => None,
    }
}

fn rename(function: &mut Function, name: &str) {
    function.name = ObjectName::from(vec![Ident::new(name)]);
}

fn arguments(function: &Function) -> Option<&[FunctionArg]> {
    match &function.args {
        FunctionArguments::List(list) => Some(&list.args),
        FunctionArguments::None | FunctionArguments::Subquery(_) => None,
    }
}

fn truncate(function: &mut Function, count: usize) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args.truncate(count);
    }
}

fn no_arguments(mut function: Function) -> Expr {
    if let Expr::Function(empty) = call("", Vec::new()) {
        function.args = empty.args;
    }
    Expr::Function(function)
}

/// The arguments, where all are plain expressions.
fn expressions(function: &Function) -> Option<Vec<Expr>> {
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    arguments(function)?.iter().map(plain).collect()
}

/// The function of another first argument.
fn with_argument(mut function: Function, change: impl FnOnce(Expr) -> Expr) -> Expr {
    if let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first_mut()
    {
        let taken = std::mem::replace(first, Expr::value(Value::Null));
        *first = change(taken);
    }
    Expr::Function(function)
}

/// `WITHIN GROUP (ORDER BY …)` is an order of the arguments; without a separator there is none between.
fn listagg(mut function: Function) -> Expr {
    let order = std::mem::take(&mut function.within_group);
    if let FunctionArguments::List(list) = &mut function.args {
        if list.args.len() == 1 {
            let nothing = Expr::value(Value::SingleQuotedString(String::new()));
            list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(nothing)));
        }
        if !order.is_empty() {
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
    }
    Expr::Function(function)
}

/// `if(condition, then, else)`.
fn conditional(function: Function) -> Expr {
    let Some(all) = expressions(&function) else { return Expr::Function(function) };
    let mut all = all.into_iter();
    match (all.next(), all.next(), all.next()) {
        (Some(condition), Some(then), otherwise) => case(condition, then, otherwise),
        _ => Expr::Function(function),
    }
}

fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

/// Texts or arrays, one behind the other.
fn joined(all: Vec<Expr>) -> Option<Expr> {
    let mut all = all.into_iter().map(|part| Expr::Nested(Box::new(part)));
    let first = all.next()?;
    Some(all.fold(first, |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::StringConcat,
        right: Box::new(right),
    }))
}
