//! Trino's statements, each to its answer.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{EmptyRecordBatchStream, ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::{Expr, Query};
use depthlake_dialect::parse::parse;
use depthlake_dialect::rewrite::{OutputName, column_names, parameter_count, with_parameters};
use depthlake_dialect::statement::{Identifier, Name, Role, Statement};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::iter;

use crate::catalog::Directory;
use crate::catalog::sheet::{Sheet, schema_of};
use crate::error::QueryError;
use crate::session::answer::{Column, Effect, Update, columns_of};
use crate::session::constants::Constants;
use crate::session::database::Leave;
use crate::session::plan::{Planner, Scope, Wording};
use crate::session::properties;
use crate::session::queries::{QueryState, StopReason};
use crate::session::settings::{Door, OWN_PROMPT, SessionSettings};
use crate::session::state::{Language, state_of, task_of};
use crate::session::{Database, QueryId};

/// An answer without its query.
pub(super) struct Begun {
    pub(super) columns: Vec<Column>,
    pub(super) batches: SendableRecordBatchStream,
    pub(super) effects: Vec<Effect>,
    pub(super) update: Option<Update>,
}

/// What a statement is answered with.
pub(super) struct Context<'a> {
    pub(super) database: &'a Database,
    pub(super) settings: &'a SessionSettings,
    pub(super) directory: Arc<Directory>,
    /// `None` for a statement that is only described.
    pub(super) leave: Option<&'a Leave>,
}

impl Context<'_> {
    /// Answers a text, with values in the place of its parameters.
    pub(super) fn text<'a>(
        &'a self,
        text: &'a str,
        parameters: &'a [Expr],
    ) -> BoxFuture<'a, Result<Begun, QueryError>> {
        Box::pin(async move {
            let statement = parsed(text, parameters)?;
            self.statement(statement).await
        })
    }

    async fn statement(&self, statement: Statement) -> Result<Begun, QueryError> {
        let kind = statement.kind().unwrap_or_default();
        let effect = match statement {
            Statement::Query { query, names } => return self.query(*query, &names).await,
            Statement::Show(show) => return self.show(show).await,
            Statement::DescribeInput(name) => return self.describe_input(&name).await,
            Statement::DescribeOutput(name) => return self.describe_output(&name).await,
            Statement::Execute { name, parameters } => {
                let text = self.prepared(&name)?;
                return self.text(text, &parameters).await;
            }
            Statement::ExecuteImmediate { text, parameters } => return self.text(&text, &parameters).await,
            Statement::Explain { form, statement, .. } => return self.explain(form, *statement).await,
            Statement::ExplainAnalyze { statement, .. } => return self.explain_analyze(*statement).await,
            Statement::Define(definition) => return self.define(definition).await,
            Statement::Change(change) => return self.change(change).await,
            Statement::Prepare { name, text } => vec![Effect::Prepared { name: name.value, sql: text }],
            Statement::Deallocate(name) => {
                self.prepared(&name)?;
                vec![Effect::Deallocated(name.value)]
            }
            Statement::Use { catalog, schema } => self.use_names(catalog.as_ref(), &schema)?,
            Statement::SetSession { property, value } => vec![properties::set(&property, &value)?],
            Statement::ResetSession(property) => vec![properties::reset(&property)?],
            Statement::SetTimeZone(zone) => vec![properties::set_time_zone(zone.as_ref())?],
            Statement::SetRole { role, catalog } => vec![role_effect(role, catalog)],
            Statement::StartTransaction => vec![self.start_transaction()?],
            Statement::Commit | Statement::Rollback => vec![self.end_transaction()?],
            Statement::Call { procedure, arguments } => {
                self.call(&procedure, &arguments)?;
                Vec::new()
            }
        };
        Ok(Begun::done(kind, effect))
    }

    /// The rows of a query.
    async fn query(&self, query: Query, names: &[OutputName]) -> Result<Begun, QueryError> {
        let state = self.state();
        let physical = self.physical(&state, query).await?;
        let schema = physical.schema();
        let planned = schema.fields().iter().map(|field| field.name().as_str());
        let names = column_names(names, planned);
        let batches =
            execute_stream(physical, task_of(&state, self.leave)).map_err(QueryError::of_trino_planning)?;
        Ok(Begun::rows(renamed(batches, &names)))
    }

    /// A query as it would run.
    pub(super) async fn physical(
        &self,
        state: &SessionState,
        query: Query,
    ) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
        let plan = self.planner(state).plan(query).await?;
        let physical = state.create_physical_plan(&plan).await.map_err(QueryError::of_trino_planning)?;
        if let Some(leave) = self.leave {
            leave.enter(QueryState::Running);
        }
        Ok(physical)
    }

    pub(super) fn state(&self) -> SessionState {
        let zone = self.settings.time_zone.as_deref();
        state_of(Language::Trino, &self.directory, &self.scope().defaults(), zone)
    }

    pub(super) fn planner<'b>(&'b self, state: &'b SessionState) -> Planner<'b> {
        let constants = Constants { settings: self.settings };
        let wording = self.wording();
        Planner { state, directory: &self.directory, scope: self.scope(), constants, wording }
    }

    pub(super) fn wording(&self) -> Wording {
        let is_own_prompt = || self.settings.source.as_deref() == Some(OWN_PROMPT);
        match self.settings.door {
            Door::Local => Wording::Hints,
            Door::Trino if is_own_prompt() => Wording::Hints,
            _ => Wording::Trino,
        }
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        let mut scope =
            Scope { catalog: self.settings.catalog.as_deref(), schema: self.settings.schema.as_deref() };
        if self.settings.door == Door::Local && scope.schema.is_none() {
            scope.catalog.get_or_insert(crate::catalog::CATALOG);
            scope.schema = Some(crate::catalog::ANY_SCHEMA);
        }
        scope
    }

    /// The text of a prepared statement.
    pub(super) fn prepared(&self, name: &Identifier) -> Result<&str, QueryError> {
        let text = self.settings.prepared.get(&name.value);
        text.map(String::as_str).ok_or_else(|| {
            QueryError::refused("NOT_FOUND", format!("Prepared statement not found: {}", name.value))
        })
    }

    fn use_names(
        &self,
        catalog: Option<&Identifier>,
        schema: &Identifier,
    ) -> Result<Vec<Effect>, QueryError> {
        let name = match catalog {
            Some(catalog) => &catalog.value,
            None => self.settings.catalog.as_ref().ok_or_else(|| {
                let message = "Catalog must be specified when session catalog is not set";
                QueryError::refused_at("MISSING_CATALOG_NAME", message, schema.position)
            })?,
        };
        if self.directory.catalog(name).is_none() {
            let position = catalog.unwrap_or(schema).position;
            return Err(QueryError::refused_at(
                "CATALOG_NOT_FOUND",
                format!("Catalog '{name}' not found"),
                position,
            ));
        }
        if !self.directory.has_schema(name, &schema.value) {
            let message = format!("Schema does not exist: {name}.{}", schema.value);
            return Err(QueryError::refused("SCHEMA_NOT_FOUND", message));
        }
        let set_catalog = catalog.map(|catalog| Effect::SetCatalog(catalog.value.clone()));
        Ok(set_catalog.into_iter().chain([Effect::SetSchema(schema.value.clone())]).collect())
    }

    fn start_transaction(&self) -> Result<Effect, QueryError> {
        if self.settings.transaction.is_some() {
            return Err(QueryError::refused("NOT_SUPPORTED", "Nested transactions not supported"));
        }
        Ok(Effect::StartedTransaction(uuid::Uuid::new_v4().to_string()))
    }

    fn end_transaction(&self) -> Result<Effect, QueryError> {
        if self.settings.transaction.is_none() {
            return Err(QueryError::refused("NOT_IN_TRANSACTION", "No transaction in progress"));
        }
        Ok(Effect::ClearedTransaction)
    }

    /// `system.runtime.kill_query`. Who may write `system.runtime` may kill anybody's query.
    fn call(
        &self,
        procedure: &Name,
        arguments: &[depthlake_dialect::statement::Argument],
    ) -> Result<(), QueryError> {
        let name = self.scope().table(procedure)?;
        if name.to_string() != "system.runtime.kill_query" {
            let message = format!("Procedure not registered: {name}");
            return Err(QueryError::refused_at("PROCEDURE_NOT_FOUND", message, procedure.position()));
        }
        let argument = |place: usize, name: &str| {
            let named =
                arguments.iter().find(|argument| argument.name.as_ref().is_some_and(|n| n.value == name));
            let found = named.or_else(|| arguments.get(place).filter(|argument| argument.name.is_none()));
            found.and_then(|argument| properties::text(&argument.value))
        };
        let id = argument(0, "query_id").ok_or_else(|| {
            QueryError::refused("INVALID_ARGUMENTS", "Required procedure argument 'query_id' is missing")
        })?;
        let message = argument(1, "message").unwrap_or_else(|| "None".to_owned());
        self.kill(&QueryId::named(&id), message)
    }

    fn kill(&self, id: &QueryId, message: String) -> Result<(), QueryError> {
        let queries = self.database.queries();
        let principal = &self.settings.principal;
        let known = queries.get(id);
        match known {
            Some(query) if query.user != principal.user && !principal.grants.writes("system", "runtime") => {
                Err(QueryError::refused(
                    "PERMISSION_DENIED",
                    format!("Access Denied: Cannot kill query owned by {}", query.user),
                ))
            }
            Some(query) if query.ended.is_none() && queries.cancel(id, StopReason::Killed { message }) => {
                Ok(())
            }
            Some(_) => {
                Err(QueryError::refused("NOT_SUPPORTED", format!("Target query is not running: {id}")))
            }
            None => Err(QueryError::refused("NOT_FOUND", format!("Target query not found: {id}"))),
        }
    }
}

/// The statement of a text, with values in the place of its parameters.
pub(super) fn parsed(text: &str, parameters: &[Expr]) -> Result<Statement, QueryError> {
    let expected = parameter_count(text);
    let mut statement = parse(text).map_err(QueryError::of_syntax)?;
    let takes_its_own = matches!(
        statement,
        Statement::Prepare { .. } | Statement::Execute { .. } | Statement::ExecuteImmediate { .. }
    );
    if expected != parameters.len() && !takes_its_own {
        let message =
            format!("Incorrect number of parameters: expected {expected} but found {}", parameters.len());
        return Err(QueryError::refused_at(
            "INVALID_PARAMETER_USAGE",
            message,
            depthlake_dialect::statement::Position { line: 1, column: 1 },
        ));
    }
    match &mut statement {
        Statement::Query { query, .. } => with_parameters(query.as_mut(), parameters),
        Statement::Explain { statement, .. } | Statement::ExplainAnalyze { statement, .. } => {
            if let Statement::Query { query, .. } = statement.as_mut() {
                with_parameters(query.as_mut(), parameters);
            }
        }
        Statement::Define(definition) => definition.with_parameters(parameters),
        Statement::Change(change) => change.with_parameters(parameters),
        _ => {}
    }
    Ok(statement)
}

fn role_effect(role: Role, catalog: Option<Identifier>) -> Effect {
    let role = match role {
        Role::All => "ALL".to_owned(),
        Role::None => "NONE".to_owned(),
        Role::Named(name) => format!("ROLE{{{}}}", name.value),
    };
    Effect::SetRole { catalog: catalog.map_or_else(|| "system".to_owned(), |catalog| catalog.value), role }
}

/// The batches with other names of the columns.
fn renamed(batches: SendableRecordBatchStream, names: &[String]) -> SendableRecordBatchStream {
    let schema = batches.schema();
    if schema.fields().iter().zip(names).all(|(field, name)| field.name() == name) {
        return batches;
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(names)
        .map(|(field, name)| field.as_ref().clone().with_name(name))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let new = Arc::clone(&schema);
    let batches = batches.map(move |batch| {
        let batch = batch?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&new), batch.columns().to_vec(), &options)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

impl Begun {
    pub(super) fn rows(batches: SendableRecordBatchStream) -> Self {
        Self { columns: columns_of(&batches.schema()), batches, effects: Vec::new(), update: None }
    }

    /// What becomes an answer again once it is given batches; and its own batches.
    pub(super) fn apart(
        self,
    ) -> (impl FnOnce(SendableRecordBatchStream) -> Self + Send, SendableRecordBatchStream) {
        let Self { columns, batches, effects, update } = self;
        (|batches| Self { columns, batches, effects, update }, batches)
    }

    /// Rows that are there already.
    pub(super) fn sheet(sheet: &Sheet) -> Result<Self, QueryError> {
        let batch = sheet.batch().map_err(QueryError::of_execution)?;
        let schema = schema_of(sheet.columns);
        Ok(Self::rows(Box::pin(RecordBatchStreamAdapter::new(schema, iter([Ok(batch)])))))
    }

    /// A statement that has been done and gives no rows.
    pub(super) fn done(kind: &'static str, effects: Vec<Effect>) -> Self {
        let none = Box::pin(EmptyRecordBatchStream::new(Arc::new(Schema::empty())));
        Self { effects, update: Some(Update { kind, count: None }), ..Self::rows(none) }
    }
}
