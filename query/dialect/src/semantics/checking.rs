//! What Trino refuses to compare, and the planner would cast until it can.
//!
//! A number compared with a text is no error for `DataFusion`: both become texts. Here a planned query is looked through before
//! anything is cast, and refused in Trino's words.

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Between, Case, InList, InSubquery, Like, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use super::places::position;
use crate::error::{DialectError, ErrorKind, Form, Subject};
use crate::functions::signature::type_of_argument;
use crate::types::TrinoType;

/// Refuses a planned query in which values are compared that cannot be. The query as it was written tells the place.
///
/// # Errors
/// [`DialectError`] of the kind `TYPE_MISMATCH`.
pub fn check_types(
    plan: &LogicalPlan,
    written: &datafusion::sql::sqlparser::ast::Query,
) -> std::result::Result<(), DialectError> {
    let mut found = None;
    // What cannot be looked at is told by who plans it further.
    let _ = plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        if let LogicalPlan::Union(union) = node {
            found = found.take().or_else(|| mismatched_columns(&union.inputs));
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found = found.take().or_else(|| mismatch(expr, &schema));
                Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })?;
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    let Some(error) = found else { return Ok(()) };
    let place = error.subject().and_then(|subject| position(written, subject));
    Err(error.at(place))
}

/// The type of a value where it can be told.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<TrinoType> {
    let constant: Option<&ScalarValue> = if let Expr::Literal(value, _) = expr { Some(value) } else { None };
    let (_, field) = expr.to_field(schema).ok()?;
    Some(type_of_argument(&field, constant))
}

fn mismatch(expr: &Expr, schema: &DFSchema) -> Option<DialectError> {
    match expr {
        Expr::BinaryExpr(binary) => of_operator(binary, schema),
        Expr::InList(InList { expr, list, .. }) => {
            let all = std::iter::once(expr.as_ref()).chain(list);
            let form = Subject::Form { form: Form::In, value: sign(expr) };
            without_common("IN value and list items", all, schema, form)
        }
        Expr::InSubquery(InSubquery { expr, subquery, .. }) => {
            let (value, result) =
                (type_of(expr, schema)?, TrinoType::of_field(subquery.subquery.schema().fields().first()?));
            let form = Subject::Form { form: Form::In, value: sign(expr) };
            let message = format!(
                "Value expression and result of subquery must be of the same type: {value} vs {result}"
            );
            (!is_comparable(&value, &result)).then(|| refused(message, form))
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            let types = [type_of(expr, schema)?, type_of(low, schema)?, type_of(high, schema)?];
            let [value, low, high] = &types;
            let form = Subject::Form { form: Form::Between, value: sign(expr) };
            let message = format!("Cannot check if {value} is BETWEEN {low} and {high}");
            (!is_comparable(value, low) || !is_comparable(value, high)).then(|| refused(message, form))
        }
        Expr::Like(Like { expr, .. }) => {
            let value = type_of(expr, schema)?;
            let form = Subject::Form { form: Form::Like, value: sign(expr) };
            let message =
                format!("Left side of LIKE expression must evaluate to a varchar (actual: {value})");
            (!is_text(&value) && value != TrinoType::Unknown).then(|| refused(message, form))
        }
        Expr::Not(expr) => {
            let value = type_of(expr, schema)?;
            let form = Subject::Form { form: Form::Not, value: sign(expr) };
            let message =
                format!("Value of logical NOT expression must evaluate to a boolean (actual: {value})");
            (!is_boolean(&value)).then(|| refused(message, form))
        }
        Expr::Case(case) => of_case(case, schema),
        Expr::ScalarFunction(call) => of_call(call, schema),
        _ => None,
    }
}

fn of_operator(binary: &BinaryExpr, schema: &DFSchema) -> Option<DialectError> {
    let (left, right) = (type_of(&binary.left, schema)?, type_of(&binary.right, schema)?);
    let subject = || Subject::Operator {
        operator: binary.op.to_string(),
        left: sign(&binary.left),
        right: sign(&binary.right),
    };
    // Trino asks for the operator by which it decides, and tells that one.
    let operator = match binary.op {
        Operator::Eq | Operator::NotEq => "=",
        Operator::Lt | Operator::Gt => "<",
        Operator::LtEq | Operator::GtEq => "<=",
        Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => "IS DISTINCT FROM",
        Operator::StringConcat => {
            let mixed = (is_text(&left) && is_no_text(&right)) || (is_text(&right) && is_no_text(&left));
            let message = format!(
                "Unexpected parameters ({left}, {right}) for function concat. Expected: concat(varchar), \
                 concat(varbinary), concat(array(E)) E, concat(array(E), E) E, concat(E, array(E)) E"
            );
            let error = DialectError::new(ErrorKind::FunctionNotFound, message).about(subject());
            return mixed.then_some(error);
        }
        _ => return None,
    };
    let message = format!("Cannot apply operator: {left} {operator} {right}");
    (!is_comparable(&left, &right)).then(|| refused(message, subject()))
}

fn of_case(case: &Case, schema: &DFSchema) -> Option<DialectError> {
    let form = || Subject::Form { form: Form::Case, value: None };
    let operand = case.expr.as_ref().map(|operand| type_of(operand, schema));
    for (condition, _) in &case.when_then_expr {
        let condition = type_of(condition, schema)?;
        match &operand {
            Some(operand) if !is_comparable(operand.as_ref()?, &condition) => {
                let operand = operand.as_ref()?;
                let message = format!(
                    "CASE operand type does not match WHEN clause operand type: {operand} vs {condition}"
                );
                return Some(refused(message, form()));
            }
            None if !is_boolean(&condition) => {
                let message = format!("CASE WHEN clause must evaluate to a boolean (actual: {condition})");
                return Some(refused(message, form()));
            }
            _ => {}
        }
    }
    let results =
        case.when_then_expr.iter().map(|(_, result)| result.as_ref()).chain(case.else_expr.as_deref());
    without_common("All CASE results", results, schema, form())
}

fn of_call(call: &ScalarFunction, schema: &DFSchema) -> Option<DialectError> {
    let subject = || Subject::Function(call.func.name().to_owned());
    match (call.func.name(), call.args.as_slice()) {
        ("coalesce", all) => without_common("All COALESCE operands", all, schema, subject()),
        ("make_array", all) => {
            let form = Subject::Form { form: Form::Array, value: None };
            without_common("All ARRAY elements", all, schema, form)
        }
        ("nullif", [left, right]) => {
            let (left, right) = (type_of(left, schema)?, type_of(right, schema)?);
            let message = format!("Types are not comparable with NULLIF: {left} vs {right}");
            (!is_comparable(&left, &right)).then(|| refused(message, subject()))
        }
        (name @ ("greatest" | "least"), all) => {
            let types: Vec<TrinoType> = all.iter().map(|one| type_of(one, schema)).collect::<Option<_>>()?;
            pair_without_common(&types)?;
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            let message = format!(
                "Unexpected parameters ({}) for function {name}. Expected: {name}(E) E:orderable",
                types.join(", ")
            );
            Some(DialectError::new(ErrorKind::FunctionNotFound, message).about(subject()))
        }
        _ => None,
    }
}

/// Values that must have one type, and do not.
fn without_common<'a>(
    what: &str,
    values: impl IntoIterator<Item = &'a Expr>,
    schema: &DFSchema,
    subject: Subject,
) -> Option<DialectError> {
    let types: Vec<TrinoType> =
        values.into_iter().map(|value| type_of(value, schema)).collect::<Option<_>>()?;
    let (one, other) = pair_without_common(&types)?;
    let mut different: Vec<String> = Vec::new();
    for told in types.iter().map(ToString::to_string) {
        if !different.contains(&told) {
            different.push(told);
        }
    }
    let message = format!(
        "{what} must be the same type or coercible to a common type. Cannot find common type between {one} and {other}, \
         all types (without duplicates): [{}]",
        different.join(", ")
    );
    Some(refused(message, subject))
}

fn pair_without_common(types: &[TrinoType]) -> Option<(&TrinoType, &TrinoType)> {
    let known = types.iter().find(|one| **one != TrinoType::Unknown)?;
    let other = types.iter().find(|other| !is_comparable(known, other))?;
    Some((known, other))
}

fn mismatched_columns(inputs: &[std::sync::Arc<LogicalPlan>]) -> Option<DialectError> {
    let (first, others) = inputs.split_first()?;
    others.iter().find_map(|other| {
        let pairs = types_of_columns(first).into_iter().zip(types_of_columns(other));
        pairs.enumerate().find(|(_, (left, right))| !is_comparable(left, right)).map(
            |(place, (left, right))| {
                let message =
                    format!("column {} in UNION query has incompatible types: {left}, {right}", place + 1);
                DialectError::new(ErrorKind::TypeMismatch, message)
            },
        )
    })
}

fn types_of_columns(plan: &LogicalPlan) -> Vec<TrinoType> {
    let literals: Vec<Option<&ScalarValue>> = match plan {
        LogicalPlan::Projection(projection) => projection.expr.iter().map(literal).collect(),
        _ => Vec::new(),
    };
    let of_field = |(place, field): (usize, &std::sync::Arc<Field>)| {
        type_of_argument(field, literals.get(place).copied().flatten())
    };
    plan.schema().fields().iter().enumerate().map(of_field).collect()
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}

fn refused(message: String, subject: Subject) -> DialectError {
    DialectError::new(ErrorKind::TypeMismatch, message).about(subject)
}

/// What a value is called in the text, where it is a column or literal.
fn sign(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => Some(column.name.to_lowercase()),
        Expr::Literal(value, _) => match value.try_as_str() {
            Some(text) => text.map(str::to_owned),
            None => Some(value.to_string()),
        },
        _ => None,
    }
}

fn is_boolean(r#type: &TrinoType) -> bool {
    matches!(r#type, TrinoType::Boolean | TrinoType::Unknown)
}

fn is_text(r#type: &TrinoType) -> bool {
    matches!(r#type, TrinoType::Varchar { .. } | TrinoType::Char { .. })
}

/// What cannot be joined to a text, and is no array that could take it up.
fn is_no_text(r#type: &TrinoType) -> bool {
    !is_text(r#type) && !matches!(r#type, TrinoType::Unknown | TrinoType::Array(_))
}

/// Whether values of two types compare in Trino, where one is cast to the other at most.
fn is_comparable(left: &TrinoType, right: &TrinoType) -> bool {
    use TrinoType as T;
    let is_number = |r#type: &T| {
        matches!(
            r#type,
            T::Tinyint | T::Smallint | T::Integer | T::Bigint | T::Real | T::Double | T::Decimal { .. }
        )
    };
    let is_moment =
        |r#type: &T| matches!(r#type, T::Date | T::Timestamp { .. } | T::TimestampWithTimeZone { .. });
    let is_time = |r#type: &T| matches!(r#type, T::Time { .. } | T::TimeWithTimeZone { .. });
    match (left, right) {
        (T::Unknown, _) | (_, T::Unknown) => true,
        (T::Array(left), T::Array(right)) => is_comparable(left, right),
        (T::Map(left_key, left_value), T::Map(right_key, right_value)) => {
            is_comparable(left_key, right_key) && is_comparable(left_value, right_value)
        }
        (T::Row(left), T::Row(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| is_comparable(&left.r#type, &right.r#type))
        }
        (left, right) => {
            left == right
                || (is_number(left) && is_number(right))
                || (is_text(left) && is_text(right))
                || (is_moment(left) && is_moment(right))
                || (is_time(left) && is_time(right))
        }
    }
}

/// Refuses `AND` and `OR` of what is not true or false.
pub(super) fn check_logical(operator: &str, terms: &[&Expr], schema: &DFSchema) -> Result<()> {
    let types = terms.iter().filter_map(|term| type_of(term, schema));
    let Some(other) = types.into_iter().find(|term| !is_boolean(term)) else { return Ok(()) };
    let sign = |place: usize| terms.get(place).copied().and_then(sign);
    let subject = Subject::Operator { operator: operator.to_owned(), left: sign(0), right: sign(1) };
    let message = format!("Logical expression term must evaluate to a boolean (actual: {other})");
    Err(refused(message, subject).into())
}

/// Refuses arithmetic with what is no number, moment or interval.
pub(super) fn check_arithmetic(
    operator: &str,
    left: (&Expr, &DFSchema),
    right: (&Expr, &DFSchema),
) -> Result<()> {
    let (Some(left_type), Some(right_type)) = (type_of(left.0, left.1), type_of(right.0, right.1)) else {
        return Ok(());
    };
    let is_wrong = |r#type: &TrinoType| {
        is_text(r#type) || matches!(r#type, TrinoType::Boolean | TrinoType::Varbinary | TrinoType::Json)
    };
    if !is_wrong(&left_type) && !is_wrong(&right_type) {
        return Ok(());
    }
    let subject =
        Subject::Operator { operator: operator.to_owned(), left: sign(left.0), right: sign(right.0) };
    Err(refused(format!("Cannot apply operator: {left_type} {operator} {right_type}"), subject).into())
}
