//! The catalog that clients of `PostgreSQL` expect: `pg_catalog` and `information_schema`, over what the session lists.
//!
//! Tables that say what is there (`pg_class`, `pg_attribute`, …) are made anew for each question, of what its user may read.
//! Those that say what `PostgreSQL` is (`pg_type`, `pg_proc`, …) and most functions come from `datafusion-pg-catalog`.
//!
//! Invariant: a table or column has the same `oid` in every question, for it follows from the name.

mod absent;
mod functions;
mod information_schema;
mod numbers;
mod relation;
mod relations;
mod schema;
mod types;
mod words;

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::ParamValues;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::setup_pg_catalog;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use depthlake_dialect::types::TrinoType;

use super::settings::Settings;
use crate::listing::ListedTable;
use crate::session::Column;
use crate::session::answer::columns_of;
pub(super) use relations::is_own_table;

const PG_CATALOG: &str = "pg_catalog";

/// What is the same for every connection. Made once, for it takes a while.
pub(super) struct Catalog {
    base: SessionState,
    fixed: Arc<dyn SchemaProvider>,
    /// Tables that hide those of the same name in `fixed`.
    own: Vec<(&'static str, Arc<dyn TableProvider>)>,
    parser: PostgresCompatibilityParser,
}

/// What a question about the catalog is asked of.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) user: String,
    /// The catalog that the client is connected to.
    pub(super) database: String,
    /// All catalogs that it could connect to.
    pub(super) databases: Vec<String>,
    /// The schema of names that have none.
    pub(super) schema: Option<String>,
    pub(super) process: i32,
    pub(super) settings: Settings,
    pub(super) tables: Vec<ListedTable>,
}

/// A question about the catalog, planned.
pub(super) struct CatalogPlan {
    state: SessionState,
    plan: LogicalPlan,
}

impl Catalog {
    pub(super) async fn new() -> Result<Self> {
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema("base", PG_CATALOG)
            .with_create_default_catalog_and_schema(false)
            .with_target_partitions(1);
        let options = config.options_mut();
        options.sql_parser.dialect = datafusion::config::Dialect::PostgreSQL;
        options.sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config(config);
        let catalog = Arc::new(MemoryCatalogProvider::new());
        context.register_catalog("base", Arc::clone(&catalog) as Arc<dyn CatalogProvider>);
        setup_pg_catalog(&context, "base", EmptyContextProvider).map_err(|error| *error)?;
        let fixed = catalog.schema(PG_CATALOG);
        let fixed = fixed.ok_or_else(|| DataFusionError::Internal("pg_catalog was not made".to_owned()))?;
        let (types, to_regtype) = types::table_and_function(&context).await?;
        context.register_udf(to_regtype);
        let mut own = absent::tables(&*fixed).await?;
        own.push(("pg_type", types));
        Ok(Self { base: context.state(), fixed, own, parser: PostgresCompatibilityParser::new() })
    }

    /// Plans a question.
    ///
    /// # Errors
    /// Where it is not in the part of the language that is understood, or names what is not there.
    pub(super) async fn plan(&self, text: &str, world: &World) -> Result<CatalogPlan> {
        let text = numbers::with_calls(text);
        let mut statements =
            self.parser.parse(&text).map_err(|error| DataFusionError::SQL(Box::new(error), None))?;
        let (Some(mut statement), true) = (statements.pop(), statements.is_empty()) else {
            return Err(DataFusionError::Plan("expected one statement".to_owned()));
        };
        words::replace(&mut statement);
        let state = self.state(world)?;
        let plan = state.statement_to_plan(Statement::Statement(Box::new(statement))).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)?;
        Ok(CatalogPlan { state, plan })
    }

    fn state(&self, world: &World) -> Result<SessionState> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(
            PG_CATALOG,
            Arc::new(schema::PgCatalog::new(world, &self.own, Arc::clone(&self.fixed))?),
        )?;
        let information = MemorySchemaProvider::new();
        for relation in information_schema::relations(world) {
            let (name, table) = relation.into_table()?;
            information.register_table(name.to_owned(), table)?;
        }
        catalog.register_schema("information_schema", Arc::new(information))?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(world.database.clone(), Arc::new(catalog));
        let config = self.base.config().clone().with_default_catalog_and_schema(&world.database, PG_CATALOG);
        let mut state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .with_catalog_list(Arc::new(catalogs))
            .build();
        for function in functions::all(world) {
            state.register_udf(Arc::new(function))?;
        }
        Ok(state)
    }
}

impl CatalogPlan {
    pub(super) fn columns(&self) -> Vec<Column> {
        columns_of(self.plan.schema().as_arrow())
    }

    /// The types of its parameters, in order; unknown where the question does not tell.
    pub(super) fn parameters(&self) -> Result<Vec<TrinoType>> {
        let told = self.plan.get_parameter_types()?;
        let count = told.keys().filter_map(|name| name.trim_start_matches('$').parse::<usize>().ok()).max();
        let of = |number: usize| {
            let told = told.get(&format!("${number}")).cloned().flatten();
            told.map_or(TrinoType::Unknown, |told| TrinoType::of_arrow(&told))
        };
        Ok((1..=count.unwrap_or(0)).map(of).collect())
    }

    /// Answers it with these values of its parameters.
    pub(super) async fn run(self, values: Vec<ScalarValue>) -> Result<SendableRecordBatchStream> {
        let plan = if values.is_empty() {
            self.plan
        } else {
            self.plan.with_param_values(ParamValues::from(values))?
        };
        let physical = self.state.create_physical_plan(&plan).await?;
        execute_stream(physical, self.state.task_ctx())
    }
}
