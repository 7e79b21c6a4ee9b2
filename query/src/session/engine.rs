//! The engine's own language: the models of the lake, and this process's own questions.
//!
//! It is that of `DataFusion`, whose meaning must not change under the models.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;

use crate::catalog::{ANY_SCHEMA, CATALOG, Directory, why_unknown};
use crate::error::{QueryError, position_of};
use crate::session::settings::SessionSettings;
use crate::session::state::{Defaults, Language, state_of};
use crate::statement::{name_of, parse};
use crate::table::state::with_states_in_names;

/// A statement that reads.
pub(super) async fn plan(state: &SessionState, text: &str) -> Result<LogicalPlan, QueryError> {
    let statement = parse(&with_states_in_names(text))?;
    let tables = state.resolve_table_references(&statement).map_err(QueryError::of_planning)?;
    let plan = state.statement_to_plan(statement).await.map_err(|error| {
        let position = error.diagnostic().and_then(position_of);
        let unknown = tables.iter().find_map(|table| why_unknown(table, position));
        unknown.unwrap_or_else(|| QueryError::of_planning(error))
    })?;
    only_reads().verify_plan(&plan).map_err(|_| QueryError::ReadOnly { statement: name_of(text) })?;
    Ok(plan)
}

/// A query of ours within the query of a client, on our own behalf.
pub(crate) async fn plan_in_engine(directory: &Arc<Directory>, text: &str) -> Result<LogicalPlan> {
    let inside = directory.inside(SessionSettings::local().principal, true);
    state_of(Language::Engine, &inside, &Defaults::anywhere(), None).create_logical_plan(text).await
}

/// A plan that changes nothing.
pub(super) fn only_reads() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

impl Defaults {
    /// Names of the lake, of whichever schema.
    pub(super) fn anywhere() -> Self {
        Self { catalog: CATALOG.to_owned(), schema: ANY_SCHEMA.to_owned() }
    }
}
