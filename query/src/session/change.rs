//! `INSERT`, `DELETE`, `UPDATE` and `TRUNCATE` of tables that clients have made.

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::Field;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::sqlparser::ast::{Expr, Query};
use depthlake_dialect::parse::parse;
use depthlake_dialect::statement::{Change, Identifier, Name, Statement};
use futures::TryStreamExt;

use crate::catalog::ScratchTable;
use crate::error::QueryError;
use crate::session::plan::FullName;
use crate::session::rows_of_tables::{check_types, conformed, counted};
use crate::session::state::task_of;
use crate::session::statements::{Begun, Context};

/// The column that says of a row whether an update changes it.
const CHANGED: &str = "__changed";

impl Context<'_> {
    pub(super) async fn change(&self, change: Change) -> Result<Begun, QueryError> {
        let kind = change.kind();
        let count = match change {
            Change::Insert { table, columns, query } => self.insert(&table, &columns, *query).await?,
            Change::Delete { table, condition } => self.delete(&table, condition.as_ref()).await?,
            Change::Update { table, assignments, condition } => {
                self.update(&table, &assignments, condition.as_ref()).await?
            }
            Change::Truncate(table) => {
                let (target, found) = self.scratch_table(&table, "truncate table", "truncating tables")?;
                self.replace(&target, &found, Vec::new())?;
                return Ok(Begun::done(kind, Vec::new()));
            }
        };
        counted(kind, count)
    }

    async fn insert(&self, table: &Name, columns: &[Identifier], query: Query) -> Result<usize, QueryError> {
        let (target, found) = self.scratch_table(table, "insert into table", "inserts")?;
        let places = places(&found, columns)?;
        let state = self.state();
        let physical = self.physical(&state, query).await?;
        let given = physical.schema();
        let given: Vec<&Field> = given.fields().iter().map(AsRef::as_ref).collect();
        check_types(&targets(&found, columns), &given, "Insert query")?;
        let mut batches =
            execute_stream(physical, task_of(&state, self.leave)).map_err(QueryError::of_execution)?;
        let mut rows: Vec<RecordBatch> = Vec::new();
        let mut bytes = 0_usize;
        while let Some(batch) = batches.try_next().await.map_err(QueryError::of_execution)? {
            let batch = conformed(&batch, &found.schema, &places)?;
            bytes = bytes.saturating_add(batch.get_array_memory_size());
            if bytes > self.database.scratch().limit() {
                return Err(self.database.scratch().full());
            }
            rows.push(batch);
        }
        let count = rows.iter().map(RecordBatch::num_rows).sum();
        self.database.scratch().append(&target.schema, &target.name, &found.schema, rows)?;
        Ok(count)
    }

    /// Keeps the rows of which the condition is not true.
    async fn delete(&self, table: &Name, condition: Option<&Expr>) -> Result<usize, QueryError> {
        let (target, found) = self.scratch_table(table, "delete from table", "modifying table rows")?;
        let before: usize = found.rows.iter().map(RecordBatch::num_rows).sum();
        let kept = match condition {
            None => Vec::new(),
            Some(condition) => {
                let text =
                    format!("SELECT * FROM {} WHERE NOT coalesce({condition}, false)", written(&target));
                self.rows_of(&text).await?
            }
        };
        let kept = in_schema(&kept, &found)?;
        let after: usize = kept.iter().map(RecordBatch::num_rows).sum();
        self.replace(&target, &found, kept)?;
        Ok(before - after)
    }

    async fn update(
        &self,
        table: &Name,
        assignments: &[(Identifier, Expr)],
        condition: Option<&Expr>,
    ) -> Result<usize, QueryError> {
        let (target, found) = self.scratch_table(table, "update table", "modifying table rows")?;
        let names: Vec<Identifier> = assignments.iter().map(|(name, _)| name.clone()).collect();
        places(&found, &names)?;
        let condition = condition.map_or_else(|| "true".to_owned(), ToString::to_string);
        let columns = found.schema.fields().iter().map(|field| {
            let name = format!("\"{}\"", field.name());
            match assignments.iter().find(|(column, _)| column.value == *field.name()) {
                Some((_, value)) => format!("CASE WHEN {condition} THEN {value} ELSE {name} END AS {name}"),
                None => name,
            }
        });
        let columns: Vec<String> = columns.collect();
        let text = format!(
            "SELECT {}, coalesce({condition}, false) AS {CHANGED} FROM {}",
            columns.join(", "),
            written(&target)
        );
        let rows = self.rows_of(&text).await?;
        let changed = rows.iter().map(|batch| {
            let flags = batch.columns().last().and_then(|column| column.as_boolean_opt());
            flags.map_or(0, BooleanArray::true_count)
        });
        let changed = changed.sum();
        let rows = in_schema(&rows, &found)?;
        self.replace(&target, &found, rows)?;
        Ok(changed)
    }

    async fn rows_of(&self, text: &str) -> Result<Vec<RecordBatch>, QueryError> {
        let Statement::Query { query, .. } = parse(text).map_err(QueryError::of_syntax)? else {
            return Err(QueryError::refused("NOT_SUPPORTED", "a condition must be an expression"));
        };
        let state = self.state();
        let physical = self.physical(&state, *query).await?;
        let batches =
            execute_stream(physical, task_of(&state, self.leave)).map_err(QueryError::of_execution)?;
        batches.try_collect().await.map_err(QueryError::of_execution)
    }

    fn replace(
        &self,
        target: &FullName,
        found: &ScratchTable,
        rows: Vec<RecordBatch>,
    ) -> Result<(), QueryError> {
        let new = ScratchTable { rows: rows.into(), ..found.clone() };
        self.database.scratch().replace_table(&target.schema, &target.name, found, new)
    }
}

/// Which of the query's columns each of the table's is.
fn places(found: &ScratchTable, columns: &[Identifier]) -> Result<Vec<Option<usize>>, QueryError> {
    for (place, column) in columns.iter().enumerate() {
        let (name, position) = (&column.value, column.position);
        if found.schema.column_with_name(name).is_none() {
            let message = format!("Insert column name does not exist in target table: {name}");
            return Err(QueryError::refused_at("COLUMN_NOT_FOUND", message, position));
        }
        if columns.iter().take(place).any(|before| before.value == *name) {
            let message = format!("Insert column name is specified more than once: {name}");
            return Err(QueryError::refused_at("DUPLICATE_COLUMN_NAME", message, position));
        }
    }
    let place = |(place, field): (usize, &std::sync::Arc<Field>)| {
        if columns.is_empty() {
            Some(place)
        } else {
            columns.iter().position(|column| column.value == *field.name())
        }
    };
    Ok(found.schema.fields().iter().enumerate().map(place).collect())
}

/// The table's columns in the order in which they are written to.
fn targets<'a>(found: &'a ScratchTable, columns: &[Identifier]) -> Vec<&'a Field> {
    if columns.is_empty() {
        return found.schema.fields().iter().map(AsRef::as_ref).collect();
    }
    columns.iter().filter_map(|column| found.schema.field_with_name(&column.value).ok()).collect()
}

fn in_schema(rows: &[RecordBatch], found: &ScratchTable) -> Result<Vec<RecordBatch>, QueryError> {
    let places: Vec<Option<usize>> = (0..found.schema.fields().len()).map(Some).collect();
    rows.iter().map(|batch| conformed(batch, &found.schema, &places)).collect()
}

fn written(target: &FullName) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}.{}", quoted(&target.catalog), quoted(&target.schema), quoted(&target.name))
}
