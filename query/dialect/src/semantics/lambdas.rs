//! Functions as arguments, written into a constant of the call, for the planner knows none.
//!
//! `transform(a, x -> x * b.c + 1)` becomes `$lambda_transform('[[["x"],"x * \"$0\" + 1"]]', a, b.c)`: what a body takes from outside
//! is planned where it stands, and everything in it that knows no parameter comes from outside.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, LambdaFunction, ObjectName,
    VisitMut, VisitorMut, visit_expressions,
};

use super::adapt::text_literal;
use crate::functions::lambda::{HIGHER_ORDER, HigherOrder, Lambda, Lambdas, MARK, name_of_outer};

/// Changes a call of a function that takes functions; any other stays as it is.
pub(super) fn written_into_constant(function: &mut Function) {
    let Some(name) = called(function) else { return };
    let FunctionArguments::List(list) = &mut function.args else { return };
    let Some(known) = known(&name, &list.args) else { return };
    let mut outer = Outer::default();
    let mut lambdas = Vec::new();
    for argument in list.args.drain(known.value_count()..) {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))) = argument {
            lambdas.push(outer.taken_from(lambda));
        }
    }
    let plain = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    list.args.insert(0, plain(text_literal(&Lambdas(lambdas).to_text())));
    list.args.extend(outer.values.into_iter().map(plain));
    function.name = ObjectName::from(vec![Ident::with_quote('"', format!("{MARK}{name}"))]);
}

/// The name of a function that is called with functions and takes none, or other ones.
pub(crate) fn of_unknown(function: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let name = called(function)?;
    let has_functions = !parameter_counts(&list.args).is_empty();
    (has_functions && known(&name, &list.args).is_none()).then_some(name)
}

/// The function of this name that takes such arguments.
fn known(name: &str, arguments: &[FunctionArg]) -> Option<&'static HigherOrder> {
    HIGHER_ORDER.iter().find(|known| {
        let lambdas = arguments.get(known.value_count()..).unwrap_or_default();
        known.name == name
            && lambdas.len() == known.parameters.len()
            && parameter_counts(lambdas) == known.parameters
    })
}

fn called(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|name| name.value.to_lowercase()),
        _ => None,
    }
}

/// How many parameters the functions among the arguments have.
fn parameter_counts(arguments: &[FunctionArg]) -> Vec<usize> {
    let count = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))) => Some(lambda.params.len()),
        _ => None,
    };
    arguments.iter().filter_map(count).collect()
}

/// What bodies take from outside, of which each gets a name.
#[derive(Default)]
struct Outer {
    values: Vec<Expr>,
    /// The parameters of the functions around, from the outermost on.
    parameters: Vec<Vec<String>>,
}

impl Outer {
    fn taken_from(&mut self, lambda: LambdaFunction) -> Lambda {
        let LambdaFunction { params, mut body, .. } = lambda;
        let parameters: Vec<String> = params.iter().map(|name| name.value.to_lowercase()).collect();
        self.parameters.push(parameters.clone());
        let _ = VisitMut::visit(body.as_mut(), self);
        self.parameters.pop();
        Lambda { parameters, body: body.to_string() }
    }

    /// Whether an expression has a parameter in it.
    fn is_of_parameters(&self, expr: &Expr) -> bool {
        let is_parameter =
            |name: &Ident| self.parameters.iter().flatten().any(|known| *known == name.value.to_lowercase());
        has(expr, |expr| match expr {
            Expr::Identifier(name) => is_parameter(name),
            Expr::CompoundIdentifier(names) => names.first().is_some_and(is_parameter),
            _ => false,
        })
    }
}

impl VisitorMut for Outer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => {}
            Expr::Lambda(lambda) => {
                self.parameters.push(lambda.params.iter().map(|name| name.value.to_lowercase()).collect());
            }
            other if self.is_of_parameters(other) || has_lambda(other) => {}
            other => {
                let name = Expr::Identifier(Ident::with_quote('"', name_of_outer(self.values.len())));
                self.values.push(std::mem::replace(other, name));
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Lambda(_)) {
            self.parameters.pop();
        }
        ControlFlow::Continue(())
    }
}

/// Whether an expression is, or has in it, a function: that is no value which could come from outside.
fn has_lambda(expr: &Expr) -> bool {
    has(expr, |expr| matches!(expr, Expr::Lambda(_)))
}

fn has(expr: &Expr, is_sought: impl Fn(&Expr) -> bool) -> bool {
    let look = |expr: &Expr| if is_sought(expr) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    visit_expressions(expr, look).is_break()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::adapt;

    fn adapted(text: &str) -> String {
        let dialect = GenericDialect {};
        let mut expr = Parser::new(&dialect).try_with_sql(text).unwrap().parse_expr().unwrap();
        adapt(&mut expr);
        expr.to_string()
    }

    #[test]
    fn a_function_is_a_constant_and_what_it_takes_from_outside() {
        for (text, expected) in [
            ("transform(a, x -> x + 1)", r#""$lambda_transform"('[[["x"],"x + 1"]]', a)"#),
            (
                "zip_with(a, b, (X, y) -> X * t.c + y)",
                r#""$lambda_zip_with"('[[["x","y"],"X * \"$0\" + y"]]', a, b, t.c)"#,
            ),
            (
                "filter(a, x -> x.f > max(b + 1))",
                r#""$lambda_filter"('[[["x"],"x.f > \"$0\""]]', a, max(b + 1))"#,
            ),
            (
                "transform(a, x -> transform(b, y -> x + y + c))",
                r#""$lambda_transform"('[[["x"],"transform(\"$0\", y -> x + y + \"$1\")"]]', a, b, c)"#,
            ),
            ("transform(a, 1)", "transform(a, 1)"),
            ("unknown(a, x -> x)", "unknown(a, x -> x)"),
        ] {
            assert_eq!(adapted(text), expected);
        }
    }
}
