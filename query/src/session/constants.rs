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
pub(super) fn with_constants(mut query: Query, constants: &Constants<'_>) -> Query {
    let _: ControlFlow<()> = visit_expressions_mut(&mut query, |expression| {
        if let Some(value) = constants.value(expression) {
            let value = value.map_or(Value::Null, Value::SingleQuotedString);
            *expression = Expr::value(value);
        }
        ControlFlow::Continue(())
    });
    query
}

impl Constants<'_> {
    fn value(&self, expression: &Expr) -> Option<Option<String>> {
        let Expr::Function(function) = expression else { return None };
        let [name] = function.name.0.as_slice() else { return None };
        let has_arguments = matches!(&function.args, FunctionArguments::List(list) if !list.args.is_empty());
        if has_arguments {
            return None;
        }
        match name.as_ident()?.value.to_lowercase().as_str() {
            "current_user" => Some(Some(self.settings.principal.user.clone())),
            "current_catalog" => Some(self.settings.catalog.clone()),
            "current_schema" => Some(self.settings.schema.clone()),
            "current_timezone" => Some(Some(self.settings.zone().to_owned())),
            "version" => Some(Some(VERSION.to_owned())),
            _ => None,
        }
    }
}
