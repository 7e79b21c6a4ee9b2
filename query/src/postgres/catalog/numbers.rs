//! Numbers of tables and types, which questions write as names: `'normalized.trades'::regclass`.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::Int32Array;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::{DataType as SqlType, Expr, Function, Value, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::postgres::dialect::call;

/// Puts calls of `to_regclass` and `to_regtype` in the place of casts of names. A question without any is handed on letter by
/// letter.
pub(super) fn with_calls(text: &str) -> Cow<'_, str> {
    let Ok(mut statements) = Parser::parse_sql(&PostgreSqlDialect {}, text) else {
        return Cow::Borrowed(text);
    };
    let mut is_changed = false;
    let _: ControlFlow<()> = visit_expressions_mut(&mut statements, |expression| {
        is_changed |= replace(expression);
        ControlFlow::Continue(())
    });
    match &statements[..] {
        [statement] if is_changed => Cow::Owned(statement.to_string()),
        _ => Cow::Borrowed(text),
    }
}

fn replace(expression: &mut Expr) -> bool {
    let Expr::Cast { expr, data_type, .. } = expression else { return false };
    if !is_written_out(expr) {
        return false;
    }
    match numbered(data_type) {
        Some(Numbered::Relation) => *expression = call("to_regclass", (**expr).clone()),
        Some(Numbered::Type) => *expression = call("to_regtype", (**expr).clone()),
        Some(Numbered::Anything) => *data_type = SqlType::Integer(None),
        None => return false,
    }
    true
}

/// What a type of numbers counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbered {
    Relation,
    Type,
    Anything,
}

pub(super) fn numbered(data_type: &SqlType) -> Option<Numbered> {
    let name = data_type.to_string().to_lowercase();
    Some(match name.strip_prefix("pg_catalog.").unwrap_or(&name) {
        "regclass" => Numbered::Relation,
        "regtype" => Numbered::Type,
        "oid" => Numbered::Anything,
        _ => return None,
    })
}

/// Whether a value stands in the question itself, or is bound to it.
fn is_written_out(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => {
            matches!(value.value, Value::SingleQuotedString(_) | Value::Number(..) | Value::Placeholder(_))
        }
        Expr::Nested(inner) => is_written_out(inner),
        Expr::Cast { expr, data_type, .. } => {
            matches!(data_type, SqlType::Text | SqlType::Varchar(_)) && is_written_out(expr)
        }
        Expr::Function(Function { name, .. }) => name.to_string() == "to_regclass",
        _ => false,
    }
}

/// A function that finds the number of a name; NULL where there is none of the name.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToNumber {
    function: &'static str,
    /// Of names as [`plain`] makes them.
    numbers: BTreeMap<String, i32>,
    signature: Signature,
}

impl ToNumber {
    pub(super) fn new(function: &'static str, numbers: impl IntoIterator<Item = (String, i32)>) -> Self {
        let signature = Signature::string(1, Volatility::Immutable);
        Self { function, numbers: numbers.into_iter().collect(), signature }
    }

    fn number(&self, name: &str) -> Option<i32> {
        let name = plain(name);
        // A number may be written as well.
        name.parse().ok().or_else(|| self.numbers.get(&name).copied())
    }
}

/// A name without quotes, in small letters where it has none, and without the schema that needs not be said.
fn plain(name: &str) -> String {
    let mut is_quoted = false;
    let mut plain = String::with_capacity(name.len());
    for letter in name.trim().chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            letter if is_quoted => plain.push(letter),
            letter => plain.extend(letter.to_lowercase()),
        }
    }
    plain.strip_prefix("pg_catalog.").map(str::to_owned).unwrap_or(plain)
}

impl ScalarUDFImpl for ToNumber {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(names) = arrays.first() else {
            return Err(DataFusionError::Internal(format!("{} has no argument", self.function)));
        };
        let names = cast(names, &DataType::Utf8)?;
        let numbers: Int32Array =
            names.as_string::<i32>().iter().map(|name| name.and_then(|name| self.number(name))).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_of_names_become_calls() {
        for (text, expected) in [
            ("SELECT 'a.b'::regclass", "SELECT to_regclass('a.b')"),
            ("SELECT CAST($1 AS REGCLASS)", "SELECT to_regclass($1)"),
            ("SELECT 'a'::text::pg_catalog.regclass::oid", "SELECT to_regclass('a'::TEXT)::INTEGER"),
            ("SELECT '23'::pg_catalog.oid", "SELECT '23'::INTEGER"),
            ("SELECT 'int4'::regtype", "SELECT to_regtype('int4')"),
            ("SELECT  a::regclass  FROM t", "SELECT  a::regclass  FROM t"),
            ("SELECT  'a'", "SELECT  'a'"),
        ] {
            assert_eq!(with_calls(text), expected);
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let function =
            ToNumber::new("to_regclass", [("marts.bars".to_owned(), 7), ("pg_class".to_owned(), 8)]);
        for (name, number) in [
            ("marts.bars", Some(7)),
            ("MARTS.\"bars\"", Some(7)),
            ("marts.\"Bars\"", None),
            (" pg_catalog.pg_class ", Some(8)),
            ("12", Some(12)),
            ("bars", None),
        ] {
            assert_eq!(function.number(name), number, "{name}");
        }
    }
}
