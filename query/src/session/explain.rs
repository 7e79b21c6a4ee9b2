//! `EXPLAIN` and `EXPLAIN ANALYZE`.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{displayable, execute_stream};
use datafusion::sql::sqlparser::ast::Query;
use depthlake_dialect::statement::{Change, Definition, ExplainForm, ExplainFormat, ExplainKind, Statement};
use futures::TryStreamExt;
use serde_json::json;

use crate::catalog::sheet::{Columns, Kind, Sheet};
use crate::error::QueryError;
use crate::session::state::{Defaults, task_of};
use crate::session::statements::{Begun, Context};

const PLAN: Columns = &[("Query Plan", Kind::Text)];

impl Context<'_> {
    pub(super) async fn explain(&self, form: ExplainForm, statement: Statement) -> Result<Begun, QueryError> {
        let Some(query) = query_of(statement) else {
            if form.kind == ExplainKind::Validate {
                return validated();
            }
            return Err(QueryError::refused(
                "NOT_SUPPORTED",
                "EXPLAIN of a statement that is no query is not supported",
            ));
        };
        let state = self.state();
        let plan = self.planner(&state).plan(query).await?;
        let text = match (form.kind, form.format) {
            (ExplainKind::Validate, _) => return validated(),
            (ExplainKind::Io, _) => io_of(&plan, &self.scope().defaults()),
            (ExplainKind::Logical, format) => {
                let plan = state.optimize(&plan).map_err(QueryError::of_trino_planning)?;
                match format {
                    ExplainFormat::Text => plan.display_indent().to_string(),
                    ExplainFormat::Json => plan.display_pg_json().to_string(),
                }
            }
            (ExplainKind::Distributed, ExplainFormat::Text) => {
                let physical =
                    state.create_physical_plan(&plan).await.map_err(QueryError::of_trino_planning)?;
                displayable(physical.as_ref()).indent(false).to_string()
            }
            (ExplainKind::Distributed, ExplainFormat::Json) => {
                let plan = state.optimize(&plan).map_err(QueryError::of_trino_planning)?;
                plan.display_pg_json().to_string()
            }
        };
        Begun::sheet(&Sheet::of(PLAN, vec![vec![text.into()]]))
    }

    /// Runs a query to its end, and tells what its parts took.
    pub(super) async fn explain_analyze(&self, statement: Statement) -> Result<Begun, QueryError> {
        let Some(query) = query_of(statement) else {
            return Err(QueryError::refused(
                "NOT_SUPPORTED",
                "EXPLAIN ANALYZE of a statement that is no query is not supported",
            ));
        };
        let state = self.state();
        let physical = self.physical(&state, query).await?;
        let mut batches = execute_stream(std::sync::Arc::clone(&physical), task_of(&state, self.leave))
            .map_err(QueryError::of_execution)?;
        while batches.try_next().await.map_err(QueryError::of_execution)?.is_some() {}
        let text = DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(false).to_string();
        Begun::sheet(&Sheet::of(PLAN, vec![vec![text.into()]]))
    }
}

fn query_of(statement: Statement) -> Option<Query> {
    match statement {
        Statement::Query { query, .. }
        | Statement::Change(Change::Insert { query, .. })
        | Statement::Define(Definition::CreateTableAs { query, .. }) => Some(*query),
        _ => None,
    }
}

fn validated() -> Result<Begun, QueryError> {
    Begun::sheet(&Sheet::of(&[("Valid", Kind::Flag)], vec![vec![true.into()]]))
}

/// The tables that a plan reads, as JSON.
fn io_of(plan: &LogicalPlan, defaults: &Defaults) -> String {
    let mut tables = Vec::new();
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let name = scan.table_name.clone().resolve(&defaults.catalog, &defaults.schema);
            let table = json!({
                "table": {
                    "catalog": name.catalog,
                    "schemaTable": { "schema": name.schema, "table": name.table },
                },
                "constraint": { "none": false, "columnConstraints": [] },
                "estimate": unknown(),
            });
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visit cannot fail");
    let text = json!({ "inputTableColumnInfos": tables, "estimate": unknown() });
    serde_json::to_string_pretty(&text).unwrap_or_default()
}

fn unknown() -> serde_json::Value {
    json!({
        "outputRowCount": "NaN",
        "outputSizeInBytes": "NaN",
        "cpuCost": "NaN",
        "maxMemory": "NaN",
        "networkCost": "NaN",
    })
}
