//! Columns of tables in the catalog that may be written: added, dropped, renamed and commented.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use depthlake_dialect::statement::{ColumnDefinition, Identifier, Name};

use super::define::{START, field_of};
use crate::catalog::ScratchTable;
use crate::catalog::information_schema::COMMENT;
use crate::error::QueryError;
use crate::session::plan::FullName;
use crate::session::statements::Context;

impl Context<'_> {
    pub(super) fn add_column(&self, table: &Name, column: &ColumnDefinition) -> Result<(), QueryError> {
        let (target, found) = self.scratch_table(table, "add a column to table", "adding columns")?;
        if found.schema.column_with_name(&column.name.value).is_some() {
            let message = format!("Column '{}' already exists", column.name.value);
            return Err(QueryError::refused_at("COLUMN_ALREADY_EXISTS", message, column.name.position));
        }
        let field = field_of(column)?;
        let fields = found.schema.fields().iter().cloned().chain([Arc::new(field.clone())]);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let added = |batch: &RecordBatch| {
            let new = datafusion::arrow::array::new_null_array(field.data_type(), batch.num_rows());
            batch.columns().iter().cloned().chain([new]).collect()
        };
        self.reshape(&target, &found, schema, added)
    }

    pub(super) fn drop_column(&self, table: &Name, column: &Identifier) -> Result<(), QueryError> {
        let (target, found) = self.scratch_table(table, "drop a column from table", "dropping columns")?;
        let place = place_of(&found.schema, column)?;
        let others: Vec<usize> = (0..found.schema.fields().len()).filter(|other| *other != place).collect();
        if others.is_empty() {
            return Err(QueryError::refused_at(
                "NOT_SUPPORTED",
                "Cannot drop the only column in a table",
                START,
            ));
        }
        let schema = Arc::new(
            found
                .schema
                .project(&others)
                .map_err(|error| QueryError::Failed { message: error.to_string() })?,
        );
        let kept = |batch: &RecordBatch| {
            others.iter().filter_map(|other| batch.columns().get(*other).cloned()).collect()
        };
        self.reshape(&target, &found, schema, kept)
    }

    pub(super) fn rename_column(
        &self,
        table: &Name,
        column: &Identifier,
        to: &Identifier,
    ) -> Result<(), QueryError> {
        let (target, found) = self.scratch_table(table, "rename a column in table", "renaming columns")?;
        let place = place_of(&found.schema, column)?;
        if found.schema.column_with_name(&to.value).is_some() {
            let message = format!("Column '{}' already exists", to.value);
            return Err(QueryError::refused_at("COLUMN_ALREADY_EXISTS", message, to.position));
        }
        let schema = with_field(&found.schema, place, |field| field.with_name(&to.value));
        self.reshape(&target, &found, schema, |batch| batch.columns().to_vec())
    }

    pub(super) fn comment_column(&self, column: &Name, comment: Option<&str>) -> Result<(), QueryError> {
        let Some((Some(table), name)) = column.split_last() else {
            return Err(QueryError::refused_at("MISSING_COLUMN_NAME", "Table must be specified", START));
        };
        let (target, found) =
            self.scratch_table(&table, "comment column in table", "setting column comments")?;
        let place = place_of(&found.schema, name)?;
        let schema = with_field(&found.schema, place, |field| {
            let mut metadata = field.metadata().clone();
            metadata.remove(COMMENT);
            metadata.extend(comment.map(|comment| (COMMENT.to_owned(), comment.to_owned())));
            field.with_metadata(metadata)
        });
        self.reshape(&target, &found, schema, |batch| batch.columns().to_vec())
    }

    fn reshape(
        &self,
        target: &FullName,
        found: &ScratchTable,
        schema: SchemaRef,
        columns: impl Fn(&RecordBatch) -> Vec<datafusion::arrow::array::ArrayRef>,
    ) -> Result<(), QueryError> {
        let rows = found.rows.iter().map(|batch| RecordBatch::try_new(Arc::clone(&schema), columns(batch)));
        let rows: Vec<RecordBatch> = rows
            .collect::<Result<_, _>>()
            .map_err(|error| QueryError::Failed { message: error.to_string() })?;
        let new = ScratchTable { schema, rows: rows.into(), comment: found.comment.clone() };
        self.database.scratch().replace_table(&target.schema, &target.name, found, new)
    }
}

fn place_of(schema: &Schema, column: &Identifier) -> Result<usize, QueryError> {
    schema.column_with_name(&column.value).map(|(place, _)| place).ok_or_else(|| {
        QueryError::refused_at(
            "COLUMN_NOT_FOUND",
            format!("Column '{}' does not exist", column.value),
            column.position,
        )
    })
}

fn with_field(schema: &Schema, place: usize, change: impl Fn(Field) -> Field) -> SchemaRef {
    let fields = schema.fields().iter().enumerate();
    let changed = fields.map(|(at, field)| {
        let field = field.as_ref().clone();
        if at == place { change(field) } else { field }
    });
    Arc::new(Schema::new(changed.collect::<Vec<_>>()))
}
