//! From a query of Trino's to a plan.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::TableReference;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    ObjectName, Query, Spanned, Statement as SqlStatement, visit_relations,
};
use depthlake_dialect::parse::parse;
use depthlake_dialect::rewrite::{laterals_joined, shaped, with_names};
use depthlake_dialect::semantics::{adapt, check_types, located};
use depthlake_dialect::statement::{Name, Statement};

use crate::catalog::{ANY_SCHEMA, CATALOG, Directory, INFORMATION_SCHEMA, ViewQuery, why_unknown};
use crate::error::{Position, QueryError, nearest};
use crate::session::constants::{Constants, with_constants};
use crate::session::engine::only_reads;
use crate::session::settings::{Door, SessionSettings};
use crate::session::state::{Defaults, Language, state_of};

/// Plans queries for one client.
pub(super) struct Planner<'a> {
    pub(super) state: &'a SessionState,
    pub(super) directory: &'a Arc<Directory>,
    pub(super) scope: Scope<'a>,
    pub(super) constants: Constants<'a>,
    pub(super) wording: Wording,
}

/// How errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// As Trino tells them, which its clients may look for.
    Trino,
    /// With the nearest names besides, for people.
    Hints,
}

/// Where names are looked up that lack a catalog or schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) catalog: Option<&'a str>,
    pub(super) schema: Option<&'a str>,
}

/// The full name of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FullName {
    pub(super) catalog: String,
    pub(super) schema: String,
    pub(super) name: String,
}

impl Planner<'_> {
    /// A plan of a query that reads.
    pub(super) async fn plan(&self, query: Query) -> Result<LogicalPlan, QueryError> {
        let mut query = with_constants(query, self.constants);
        query = with_names(query);
        shaped(&mut query).map_err(|error| QueryError::Trino {
            name: "NOT_SUPPORTED",
            message: error.to_string(),
            position: error.position.map(Position::from),
        })?;
        let places = places_of(&query);
        let written = query.clone();
        adapt(&mut query);
        let statement = EngineStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
        let tables =
            self.state.resolve_table_references(&statement).map_err(QueryError::of_trino_planning)?;
        let plan = match self.state.statement_to_plan(statement).await {
            Ok(plan) => plan,
            Err(error) => {
                let error = located(&error, &written).map_or(error, DataFusionError::from);
                return Err(self.why(&tables, &places, error));
            }
        };
        // PostgreSQL's clients write numbers and moments as texts where they compare them.
        if self.constants.settings.door != Door::Postgres {
            check_types(&plan, &written).map_err(|error| QueryError::of_trino_planning(error.into()))?;
        }
        let plan = laterals_joined(plan, &written).map_err(QueryError::of_trino_planning)?;
        only_reads()
            .verify_plan(&plan)
            .map_err(|_| QueryError::refused("NOT_SUPPORTED", "a query that writes is not supported"))?;
        Ok(plan)
    }

    /// Why a query cannot be planned: a table that is missing, or what the planner says.
    fn why(
        &self,
        tables: &[TableReference],
        places: &[(String, Position)],
        error: DataFusionError,
    ) -> QueryError {
        for table in tables {
            let place = places.iter().find(|(name, _)| *name == table.to_string().to_lowercase());
            let position = place.map(|(_, position)| *position);
            let parts: Vec<&str> =
                [table.catalog(), table.schema(), Some(table.table())].into_iter().flatten().collect();
            let missing = match self.scope.full_name(&parts, position) {
                Ok(name) => match self.wording {
                    Wording::Trino => missing(self.directory, &name, position),
                    Wording::Hints => missing_with_hint(self.directory, table, &name, position),
                },
                Err(error) => Some(error),
            };
            if let Some(missing) = missing {
                return missing;
            }
        }
        match self.wording {
            Wording::Trino => QueryError::of_trino_planning(error),
            Wording::Hints => QueryError::of_planning_with_hints(error),
        }
    }
}

/// Why there is no such table or view; `None` where there is.
fn missing(directory: &Directory, name: &FullName, position: Option<Position>) -> Option<QueryError> {
    let FullName { catalog, schema, name } = name;
    let (error, message) = if directory.catalog(catalog).is_none() {
        ("CATALOG_NOT_FOUND", format!("Catalog '{catalog}' not found"))
    } else if !directory.has_schema(catalog, schema) {
        if directory.denies(catalog, schema) {
            return None;
        }
        ("SCHEMA_NOT_FOUND", format!("Schema '{schema}' does not exist"))
    } else if directory.relation(catalog, schema, base(name)).is_none() {
        ("TABLE_NOT_FOUND", format!("Table '{catalog}.{schema}.{name}' does not exist"))
    } else {
        return None;
    };
    Some(QueryError::Trino { name: error, message, position })
}

/// The same as [`missing`], with the table whose name is nearest.
pub(super) fn missing_with_hint(
    directory: &Directory,
    written: &TableReference,
    full: &FullName,
    position: Option<Position>,
) -> Option<QueryError> {
    if full.schema == ANY_SCHEMA && full.catalog == CATALOG {
        return why_unknown(written, position);
    }
    let missing = missing(directory, full, position)?;
    let catalog = if directory.catalog(&full.catalog).is_some() { full.catalog.as_str() } else { CATALOG };
    let schemas = directory.schemas(catalog).unwrap_or_default().into_iter();
    let names = schemas.filter(|schema| schema != INFORMATION_SCHEMA).flat_map(|schema| {
        let relations = directory.relations(catalog, &schema).into_iter();
        relations.map(|relation| format!("{schema}.{}", relation.name)).collect::<Vec<_>>()
    });
    let Some(name) = nearest(&format!("{}.{}", full.schema, full.name), names) else { return Some(missing) };
    let nearest = if catalog == CATALOG { name } else { format!("{catalog}.{name}") };
    Some(QueryError::UnknownTable { name: written.to_string(), nearest, position })
}

/// The table of which a name tells a state, or about which it is.
fn base(name: &str) -> &str {
    name.split(['@', '$']).next().unwrap_or(name)
}

impl Scope<'_> {
    /// The whole name of a table that is called by its last parts.
    pub(super) fn full_name(
        &self,
        parts: &[&str],
        position: Option<Position>,
    ) -> Result<FullName, QueryError> {
        let refused = |name, message: &str| QueryError::Trino { name, message: message.to_owned(), position };
        let catalog = || {
            self.catalog.ok_or_else(|| {
                refused("MISSING_CATALOG_NAME", "Catalog must be specified when session catalog is not set")
            })
        };
        let (catalog, schema, name) = match parts {
            [catalog, schema, name] => (*catalog, *schema, *name),
            [schema, name] => (catalog()?, *schema, *name),
            [name] => {
                let catalog = catalog()?;
                let schema = self.schema.ok_or_else(|| {
                    refused("MISSING_SCHEMA_NAME", "Schema must be specified when session schema is not set")
                })?;
                (catalog, schema, *name)
            }
            _ => return Err(refused("SYNTAX_ERROR", "Too many dots in table name")),
        };
        Ok(FullName { catalog: catalog.to_owned(), schema: schema.to_owned(), name: name.to_owned() })
    }

    pub(super) fn table(&self, name: &Name) -> Result<FullName, QueryError> {
        self.full_name(&name.parts(), Some(name.position().into()))
    }

    /// The names with which the planner starts; what is not set is looked up nowhere.
    pub(super) fn defaults(&self) -> Defaults {
        let name = |set: Option<&str>| set.unwrap_or_default().to_owned();
        Defaults { catalog: name(self.catalog), schema: name(self.schema) }
    }
}

impl std::fmt::Display for FullName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.schema, self.name)
    }
}

/// The names of relations with their places.
fn places_of(query: &Query) -> Vec<(String, Position)> {
    let mut places = Vec::new();
    let _: ControlFlow<()> = visit_relations(query, |name: &ObjectName| {
        let start = name.span().start;
        let parts: Vec<String> =
            name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase()).collect();
        places.push((parts.join("."), Position { line: start.line, column: start.column }));
        ControlFlow::Continue(())
    });
    places
}

/// The plan of a view.
pub(crate) async fn plan_view(
    directory: &Arc<Directory>,
    view: &ViewQuery,
) -> Result<LogicalPlan, QueryError> {
    let Statement::Query { query, .. } = parse(&view.text).map_err(QueryError::of_syntax)? else {
        return Err(QueryError::refused("INVALID_VIEW", "a view must be a query"));
    };
    let scope = Scope { catalog: view.catalog.as_deref(), schema: view.schema.as_deref() };
    let state = state_of(Language::Trino, directory, &scope.defaults(), None);
    let settings = SessionSettings {
        catalog: view.catalog.clone(),
        schema: view.schema.clone(),
        ..SessionSettings::new(view.definer.clone(), Door::Local)
    };
    let constants = Constants { settings: &settings };
    let planner = Planner { state: &state, directory, scope, constants, wording: Wording::Trino };
    planner.plan(*query).await
}
