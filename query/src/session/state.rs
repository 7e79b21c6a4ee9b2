//! What statements are planned and run with: the options and functions of each language.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use depthlake_dialect::rewrite::UnnestPlanner;
use depthlake_dialect::semantics::{install, session_config};

use crate::catalog::{ANY_SCHEMA, CATALOG, Directory, QueryCatalogs};
use crate::session::database::Leave;
use crate::session::slicing::SliceLists;

/// The language a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// What the engine itself speaks: the models of the lake, and this process's own questions.
    Engine,
    /// What clients speak.
    Trino,
}

pub(super) fn engine_state(runtime: &Arc<RuntimeEnv>) -> SessionState {
    let config = config().with_information_schema(true);
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::clone(runtime))
        .with_default_features()
        .with_physical_optimizer_rules(optimizer_rules())
        .build()
}

pub(super) fn trino_state(runtime: &Arc<RuntimeEnv>) -> Result<SessionState> {
    let builder = SessionStateBuilder::new()
        .with_config(config())
        .with_runtime_env(Arc::clone(runtime))
        .with_default_features()
        .with_relation_planners(vec![Arc::new(UnnestPlanner)])
        .with_physical_optimizer_rules(optimizer_rules());
    install(builder)
}

/// Those of `DataFusion`, and ours behind them.
fn optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.push(Arc::new(SliceLists));
    rules
}

/// Where a query looks names up that lack a catalog or schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) catalog: String,
    pub(crate) schema: String,
}

/// The state with which one query is planned.
pub(crate) fn state_of(
    language: Language,
    directory: &Arc<Directory>,
    defaults: &Defaults,
    time_zone: Option<&str>,
) -> SessionState {
    let mut state = directory.database().state(language).clone();
    let options = state.config_mut().options_mut();
    options.catalog.default_catalog.clone_from(&defaults.catalog);
    options.catalog.default_schema.clone_from(&defaults.schema);
    if let Some(zone) = time_zone {
        options.execution.time_zone = Some(zone.to_owned());
    }
    state.register_catalog_list(Arc::new(QueryCatalogs(Arc::clone(directory))));
    state.mark_start_execution();
    state
}

/// What a query runs in: its own memory, where it is counted.
pub(crate) fn task_of(state: &SessionState, leave: Option<&Leave>) -> Arc<TaskContext> {
    let Some(leave) = leave else { return state.task_ctx() };
    Arc::new(TaskContext::new(
        Some(leave.id().to_string()),
        state.session_id().to_owned(),
        state.config().clone(),
        state.scalar_functions().clone(),
        state.aggregate_functions().clone(),
        state.window_functions().clone(),
        leave.runtime(),
    ))
}

fn config() -> SessionConfig {
    let mut config = session_config()
        .with_default_catalog_and_schema(CATALOG, ANY_SCHEMA)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    // Where one aggregate is the least or greatest of a column, and another that of an expression, rows that only the second
    // needs would be filtered away.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    config
}
