//! Expressions that stand for what the session has set.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, FunctionArguments, Query, Value, visit_expressions_mut};
use depthlake_dialect::functions::VERSION;

use crate::session::settings::SessionSettings;

/// What they stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constants<'a> {
    pub(super) settings: &'a SessionSettings,
}

/// The query with texts in the place of `current_user`, `current_catalog`, `current_schema`, `current_timezone()` and
/// `version()`.
pub(super) fn with_constants(mut query: Query, constants: Constants<'_>) -> Query {
    let _: ControlFlow<()> = visit_expressions_mut(&mut query, |expression| {
        if let Some(value) = constants.value(expression) {
            *expression = Expr::value(value);
        }
        ControlFlow::Continue(())
    });
    query
}

impl Constants<'_> {
    fn value(self, expression: &Expr) -> Option<Value> {
        if let Expr::Identifier(name) = expression
            && name.quote_style.is_none()
            && ["current_catalog", "current_schema"]
                .iter()
                .any(|known| name.value.eq_ignore_ascii_case(known))
        {
            return self.named(&name.value);
        }
        let Expr::Function(function) = expression else { return None };
        let [name] = function.name.0.as_slice() else { return None };
        let has_arguments = matches!(&function.args, FunctionArguments::List(list) if !list.args.is_empty());
        if has_arguments {
            return None;
        }
        self.named(&name.as_ident()?.value)
    }

    fn named(self, name: &str) -> Option<Value> {
        match name.to_lowercase().as_str() {
            "current_user" => Some(text(Some(&self.settings.principal.user))),
            "current_catalog" => Some(text(self.settings.catalog.as_deref())),
            "current_schema" => Some(text(self.settings.schema.as_deref())),
            "current_timezone" => Some(text(Some(self.settings.zone()))),
            "version" => Some(text(Some(VERSION))),
            _ => None,
        }
    }
}

/// NULL where nothing is set.
fn text(value: Option<&str>) -> Value {
    value.map_or(Value::Null, |value| Value::SingleQuotedString(value.to_owned()))
}
