//! What statements are planned and run with: the options and functions of each language.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use depthlake_dialect::rewrite::UnnestPlanner;
use depthlake_dialect::semantics::{install, session_config};

use crate::catalog::{ANY_SCHEMA, CATALOG, Directory, QueryCatalogs};
use crate::session::database::Run;


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
        .build()
}

pub(super) fn trino_state(runtime: &Arc<RuntimeEnv>) -> Result<SessionState> {
    let builder = SessionStateBuilder::new()
        .with_config(config())
        .with_runtime_env(Arc::clone(runtime))
        .with_default_features()
        .with_relation_planners(vec![Arc::new(UnnestPlanner)]);
    install(builder)
}

/// Where a query looks names up that lack a catalog or schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) catalog: String,
    pub(crate) schema: String,
}

/// The state of one query.
pub(crate) fn state_of(
    language: Language,
    directory: &Arc<Directory>,
    defaults: &Defaults,
    time_zone: Option<&str>,
    run: Option<&Run>,
) -> SessionState {
    let base = directory.database().state(language).clone();
    let mut config = base.config().clone().with_default_catalog_and_schema(&defaults.catalog, &defaults.schema);
    if let Some(zone) = time_zone {
        config.options_mut().execution.time_zone = Some(zone.to_owned());
    }
    let mut builder = SessionStateBuilder::new_from_existing(base)
        .with_config(config)
        .with_catalog_list(Arc::new(QueryCatalogs(Arc::clone(directory))));
    if let Some(run) = run {
        builder = builder.with_runtime_env(run.runtime());
    }
    let mut state = builder.build();
    state.mark_start_execution();
    state
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
