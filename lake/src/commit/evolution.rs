//! Tables made by another version of the program: the columns they lack are added, those they have besides are kept.
//!
//! A column that a table lacks is added where it is optional: rows written before have null there, in every engine, for
//! Iceberg finds columns by ids, and the new ids are in no file. An optional column that this version does not know was
//! added by a later one, or by another engine: it stays, and rows written here have null there. All else is refused.
//!
//! Columns are known by name, since the ids of a table that others have changed are the table's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, Schema as ArrowSchema};
use iceberg::spec::{NestedField, NestedFieldRef, Schema, TableMetadataBuildResult};
use iceberg::{Error, ErrorKind};
use tracing::{info, warn};

use super::catalog::{Advance, AdvanceError};
use super::error::LakeError;
use super::ledger::{Ledger, remove_files};
use super::next_version::NextVersion;
use super::snapshot::TableVersion;
use super::{Inner, Lake, blocking};
use crate::table::{Table, iceberg_schema};

/// How often tables are looked at anew because another program changed them meanwhile.
const ATTEMPTS: usize = 5;

/// A column of a table that is not as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDrift {
    pub table: Table,
    pub column: String,
    /// Presence and type as declared; `None` for a column that is not.
    pub expected: Option<String>,
    /// Presence and type in the table; `None` where it has no such column.
    pub found: Option<String>,
}

impl Lake {
    /// The columns of a table that were added, removed or given another type than is declared here.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table's metadata cannot be read.
    pub async fn column_drifts(&self, table: Table) -> Result<Vec<ColumnDrift>, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let declared = iceberg_schema(table).map_err(LakeError::table(table, "lay out the columns"))?;
        Ok(drifts_of(table, version.metadata.current_schema(), &declared))
    }
}

impl Inner {
    /// Checks the layout of all tables and adds the columns they lack, to all in one step.
    pub(super) async fn evolve(self: &Arc<Self>) -> Result<(), LakeError> {
        let mut attempt = 1;
        loop {
            let pointers = self.catalog.pointers().await?;
            let mut bases = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                let version = self.version(table, &pointers).await?;
                self.check_layout(&version)?;
                if let Some(columns) = missing_columns(&version)? {
                    bases.push((version, columns));
                }
            }
            if bases.is_empty() {
                return Ok(());
            }
            match self.add_columns(bases).await {
                Ok(Advance::Moved) => return Ok(()),
                Err(AdvanceError::Refused(error)) => return Err(error),
                Err(AdvanceError::Doubtful(error)) if attempt == ATTEMPTS => return Err(error),
                Ok(Advance::Conflict) | Err(AdvanceError::Doubtful(_)) => attempt += 1,
            }
        }
    }

    async fn add_columns(
        self: &Arc<Self>,
        bases: Vec<(Arc<TableVersion>, Vec<NestedFieldRef>)>,
    ) -> Result<Advance, AdvanceError> {
        let (inner, ledger) = (Arc::clone(self), Ledger::default());
        let noted = ledger.clone();
        let staging = blocking(async move {
            let mut staged = Vec::with_capacity(bases.len());
            for (base, columns) in bases {
                staged.push(inner.stage_columns(&base, &columns, &noted).await?);
            }
            Ok(staged)
        });
        let staged = match staging.await {
            Ok(Ok(staged)) => staged,
            Ok(Err(error)) | Err(error) => {
                ledger.remove_files(&self.file_io).await;
                return Err(AdvanceError::Refused(error));
            }
        };
        let moves = staged.iter().map(|staged| staged.table_move.clone()).collect();
        let advanced = self.catalog.advance(moves, &[]).await;
        match &advanced {
            Ok(Advance::Moved) => {
                for staged in staged {
                    self.remember(staged.version);
                    remove_files(&self.file_io, staged.obsolete_metadata).await;
                }
            }
            Ok(Advance::Conflict) | Err(AdvanceError::Refused(_)) => {
                ledger.remove_files(&self.file_io).await;
            }
            Err(AdvanceError::Doubtful(error)) => warn!(%error, "whether columns were added is doubtful"),
        }
        advanced
    }

    async fn stage_columns(
        &self,
        base: &Arc<TableVersion>,
        columns: &[NestedFieldRef],
        ledger: &Ledger,
    ) -> Result<NextVersion, LakeError> {
        let stage = async { NextVersion::write(self, base, with_columns(base, columns)?, ledger).await };
        let staged = stage.await.map_err(LakeError::table(base.table, "add the columns"))?;
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        info!(table = %base.table, columns = names.join(", "), "a table made by an earlier version gets columns");
        Ok(staged)
    }
}

/// The declared columns that a table lacks, all of them optional; `None` where it has all.
///
/// # Errors
/// [`LakeError::ColumnDiffers`] for a column that cannot be read or written as declared.
pub(super) fn missing_columns(version: &TableVersion) -> Result<Option<Vec<NestedFieldRef>>, LakeError> {
    let table = version.table;
    let declared = iceberg_schema(table).map_err(LakeError::table(table, "lay out the columns"))?;
    let missing = compare(table, version.metadata.current_schema(), &declared)?;
    Ok((!missing.is_empty()).then_some(missing))
}

fn compare(table: Table, found: &Schema, declared: &Schema) -> Result<Vec<NestedFieldRef>, LakeError> {
    let differs = |column: &str, found: String, expected: String| {
        Err(LakeError::ColumnDiffers { table, column: column.to_owned(), found, expected })
    };
    let mut missing = Vec::new();
    for column in declared.as_struct().fields() {
        match found.field_by_name(&column.name) {
            Some(same) if same.required == column.required && same.field_type == column.field_type => {}
            Some(other) => return differs(&column.name, describe(other), describe(column)),
            None if column.required => return differs(&column.name, "missing".to_owned(), describe(column)),
            None => missing.push(Arc::clone(column)),
        }
    }
    let mut unknown =
        found.as_struct().fields().iter().filter(|column| declared.field_by_name(&column.name).is_none());
    match unknown.find(|column| column.required) {
        Some(column) => differs(&column.name, describe(column), "no such column".to_owned()),
        None => Ok(missing),
    }
}

fn drifts_of(table: Table, found: &Schema, declared: &Schema) -> Vec<ColumnDrift> {
    let fields = found.as_struct().fields().iter().chain(declared.as_struct().fields());
    let all: BTreeSet<String> = fields.map(|field| field.name.clone()).collect();
    let drifts = all.into_iter().filter_map(|column| {
        let describe_in = |schema: &Schema| schema.field_by_name(&column).map(|field| describe(field));
        let (expected, found) = (describe_in(declared), describe_in(found));
        (expected != found).then_some(ColumnDrift { table, column, expected, found })
    });
    drifts.collect()
}

fn describe(column: &NestedField) -> String {
    format!("{} {}", if column.required { "required" } else { "optional" }, column.field_type)
}

/// The table with columns at its end, whose ids no column of it ever had.
fn with_columns(
    base: &TableVersion,
    columns: &[NestedFieldRef],
) -> iceberg::Result<TableMetadataBuildResult> {
    let metadata = &base.metadata;
    let current = metadata.current_schema();
    let added = columns.iter().zip(metadata.last_column_id() + 1..).map(|(column, id)| {
        let mut column = column.as_ref().clone();
        column.id = id;
        Arc::new(column)
    });
    let schema = Schema::builder()
        .with_fields(current.as_struct().fields().iter().cloned().chain(added))
        .with_identifier_field_ids(current.identifier_field_ids())
        .build()?;
    metadata.clone().into_builder(Some(base.location.clone())).add_current_schema(schema)?.build()
}

/// The rows with the columns that the table has, in its order; those not given are null.
///
/// # Errors
/// Where a value would be lost, or a required column is not given.
pub(super) fn as_stored(rows: &RecordBatch, schema: &Arc<ArrowSchema>) -> iceberg::Result<RecordBatch> {
    let given = rows.schema();
    for (field, column) in given.fields().iter().zip(rows.columns()) {
        if schema.field_with_name(field.name()).is_err() && column.null_count() < column.len() {
            let reason = format!("the table has no column {} any more", field.name());
            return Err(Error::new(ErrorKind::DataInvalid, reason));
        }
    }
    let columns = schema.fields().iter().map(|field| {
        let absent = || new_null_array(field.data_type(), rows.num_rows());
        rows.column_by_name(field.name()).map_or_else(absent, Arc::clone)
    });
    let unfit = |error: ArrowError| Error::new(ErrorKind::DataInvalid, error.to_string());
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(unfit)
}
