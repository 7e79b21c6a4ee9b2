//! Schemas, tables and views that clients make, in the catalog `memory`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::sqlparser::ast::Query;
use depthlake_dialect::rewrite::{OutputName, column_names, names_of};
use depthlake_dialect::statement::{ColumnDefinition, Definition, Existing, Identifier, Name, Position};
use depthlake_dialect::types::TrinoType;
use futures::TryStreamExt;

use crate::catalog::information_schema::COMMENT;
use crate::catalog::{MEMORY, RelationKind, ScratchTable, ViewQuery};
use crate::error::QueryError;
use crate::session::plan::FullName;
use crate::session::rows_of_tables::{compacted, counted};
use crate::session::state::task_of;
use crate::session::statements::{Begun, Context};

/// Where such a statement begins, which is where its errors are.
pub(super) const START: Position = Position { line: 1, column: 1 };

impl Context<'_> {
    pub(super) async fn define(&self, definition: Definition) -> Result<Begun, QueryError> {
        let kind = definition.kind();
        match definition {
            Definition::CreateSchema { name, if_not_exists } => self.create_schema(&name, if_not_exists)?,
            Definition::DropSchema { name, if_exists, cascade } => {
                self.drop_schema(&name, if_exists, cascade)?;
            }
            Definition::RenameSchema { name, to } => self.rename_schema(&name, &to)?,
            Definition::CreateTable { name, columns, comment, existing } => {
                let target = self.writable(&name, "create table", "creating tables")?;
                if self.makes_way(&target, existing)? {
                    let schema = schema_of(&columns)?;
                    let table = ScratchTable { schema, rows: Arc::from([]), comment };
                    self.database.scratch().put_table(&target.schema, &target.name, table)?;
                }
            }
            Definition::CreateTableAs { name, columns, query, comment, existing, with_data } => {
                let target = self.writable(&name, "create table", "creating tables with data")?;
                if !self.makes_way(&target, existing)? {
                    return counted(kind, 0);
                }
                let names = names_of(&query);
                let rows = self.rows_to_keep(*query, &names, &columns, with_data).await?;
                let count = rows.1.iter().map(RecordBatch::num_rows).sum();
                let table = ScratchTable { schema: rows.0, rows: rows.1.into(), comment };
                self.database.scratch().put_table(&target.schema, &target.name, table)?;
                return counted(kind, count);
            }
            Definition::CreateView { name, query, text, comment, replace } => {
                self.create_view_of(&name, *query, text, comment, replace).await?;
            }
            Definition::DropTable { name, if_exists } => {
                let target = self.writable(&name, "drop table", "dropping tables")?;
                self.drop_relation(&target, if_exists, false)?;
            }
            Definition::DropView { name, if_exists } => {
                let target = self.writable(&name, "drop view", "dropping views")?;
                self.drop_relation(&target, if_exists, true)?;
            }
            Definition::RenameTable { name, to, if_exists } => self.rename(&name, &to, if_exists)?,
            Definition::RenameView { name, to } => self.rename(&name, &to, false)?,
            Definition::AddColumn { table, column } => self.add_column(&table, &column)?,
            Definition::DropColumn { table, column } => self.drop_column(&table, &column)?,
            Definition::RenameColumn { table, column, to } => self.rename_column(&table, &column, &to)?,
            Definition::CommentTable { table: name, comment }
            | Definition::CommentView { view: name, comment } => {
                let target = self.writable(&name, "comment table to", "setting table comments")?;
                self.scratch_relation(&target)?;
                self.database.scratch().comment(&target.schema, &target.name, comment);
            }
            Definition::CommentColumn { column, comment } => {
                self.comment_column(&column, comment.as_deref())?;
            }
        }
        Ok(Begun::done(kind, Vec::new()))
    }

    /// A table or view that may be made, changed or dropped.
    pub(super) fn writable(&self, name: &Name, action: &str, ability: &str) -> Result<FullName, QueryError> {
        let target = self.scope().table(name)?;
        self.check_may_write(&target.catalog, &target.schema, &target.to_string(), action, ability)?;
        if !self.database.scratch().has_schema(&target.schema) {
            return Err(QueryError::refused(
                "SCHEMA_NOT_FOUND",
                format!("Schema {} not found", target.schema),
            ));
        }
        Ok(target)
    }

    fn check_may_write(
        &self,
        catalog: &str,
        schema: &str,
        target: &str,
        action: &str,
        ability: &str,
    ) -> Result<(), QueryError> {
        if self.directory.catalog(catalog).is_none() {
            let message = format!("Catalog '{catalog}' not found");
            return Err(QueryError::refused_at("CATALOG_NOT_FOUND", message, START));
        }
        if !self.settings.principal.grants.writes(catalog, schema) {
            return Err(QueryError::refused(
                "PERMISSION_DENIED",
                format!("Access Denied: Cannot {action} {target}"),
            ));
        }
        if catalog != MEMORY {
            return Err(QueryError::refused(
                "NOT_SUPPORTED",
                format!("This connector does not support {ability}"),
            ));
        }
        Ok(())
    }

    fn writable_schema(&self, name: &Name, action: &str, ability: &str) -> Result<String, QueryError> {
        let (catalog, schema) = self.schema_name(Some(name))?;
        self.check_may_write(&catalog, &schema, &format!("{catalog}.{schema}"), action, ability)?;
        Ok(schema)
    }

    fn create_schema(&self, name: &Name, if_not_exists: bool) -> Result<(), QueryError> {
        let schema = self.writable_schema(name, "create schema", "creating schemas")?;
        let is_taken = self.directory.has_schema(MEMORY, &schema);
        if is_taken && !if_not_exists {
            let message = format!("Schema '{MEMORY}.{schema}' already exists");
            return Err(QueryError::refused_at("SCHEMA_ALREADY_EXISTS", message, START));
        }
        if !is_taken {
            self.database.scratch().create_schema(&schema);
        }
        Ok(())
    }

    fn drop_schema(&self, name: &Name, if_exists: bool, cascade: bool) -> Result<(), QueryError> {
        let schema = self.writable_schema(name, "drop schema", "dropping schemas")?;
        if !self.database.scratch().has_schema(&schema) {
            if if_exists {
                return Ok(());
            }
            return Err(missing_schema(&schema));
        }
        self.database.scratch().drop_schema(&schema, cascade)
    }

    fn rename_schema(&self, name: &Name, to: &Identifier) -> Result<(), QueryError> {
        let schema = self.writable_schema(name, "rename schema", "renaming schemas")?;
        let target = format!("{MEMORY}.{}", to.value);
        self.check_may_write(MEMORY, &to.value, &target, "create schema", "renaming schemas")?;
        if !self.database.scratch().has_schema(&schema) {
            return Err(missing_schema(&schema));
        }
        if self.directory.has_schema(MEMORY, &to.value) {
            let message = format!("Target schema '{target}' already exists");
            return Err(QueryError::refused_at("SCHEMA_ALREADY_EXISTS", message, START));
        }
        self.database.scratch().rename_schema(&schema, &to.value);
        Ok(())
    }

    /// Whether a table of the name is to be made; an error where one may not be replaced.
    fn makes_way(&self, target: &FullName, existing: Existing) -> Result<bool, QueryError> {
        let Some(relation) = self.directory.relation(MEMORY, &target.schema, &target.name) else {
            return Ok(true);
        };
        match existing {
            Existing::Kept => Ok(false),
            Existing::Replaced if relation.kind == RelationKind::Table => Ok(true),
            _ => {
                let message = format!("Table '{target}' already exists");
                Err(QueryError::refused_at("TABLE_ALREADY_EXISTS", message, START))
            }
        }
    }

    /// The columns and rows of a query, to be a table's. Rows beyond what there is room for are not computed.
    pub(super) async fn rows_to_keep(
        &self,
        query: Query,
        names: &[OutputName],
        columns: &[Identifier],
        with_data: bool,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
        let state = self.state();
        let physical = self.physical(&state, query).await?;
        let schema = kept_schema(&physical.schema(), names, columns)?;
        let mut rows = Vec::new();
        let mut bytes = 0_usize;
        if with_data {
            let mut batches =
                execute_stream(physical, task_of(&state, self.leave)).map_err(QueryError::of_execution)?;
            while let Some(batch) = batches.try_next().await.map_err(QueryError::of_execution)? {
                let batch = compacted(&batch, &schema)?;
                bytes = bytes.saturating_add(batch.get_array_memory_size());
                if bytes > self.database.scratch().limit() {
                    return Err(self.database.scratch().full());
                }
                rows.push(batch);
            }
        }
        Ok((schema, rows))
    }

    async fn create_view_of(
        &self,
        name: &Name,
        query: Query,
        text: String,
        comment: Option<String>,
        replace: bool,
    ) -> Result<(), QueryError> {
        let target = self.writable(name, "create view", "creating views")?;
        match self.directory.relation(MEMORY, &target.schema, &target.name).map(|relation| relation.kind) {
            Some(RelationKind::Table) => {
                let message = format!("Table already exists: '{target}'");
                return Err(QueryError::refused_at("TABLE_ALREADY_EXISTS", message, START));
            }
            Some(RelationKind::View(_)) if !replace => {
                let message = format!("View already exists: '{target}'");
                return Err(QueryError::refused_at("TABLE_ALREADY_EXISTS", message, START));
            }
            _ => {}
        }
        let names = names_of(&query);
        let state = self.state();
        let plan = self.planner(&state).plan(query).await?;
        kept_schema(plan.schema().as_arrow(), &names, &[])?;
        let view = ViewQuery {
            text,
            catalog: self.settings.catalog.clone(),
            schema: self.settings.schema.clone(),
            definer: self.settings.principal.clone(),
        };
        self.database.scratch().put_view(&target.schema, &target.name, view, comment)
    }

    fn drop_relation(&self, target: &FullName, if_exists: bool, wants_view: bool) -> Result<(), QueryError> {
        let relation = self.directory.relation(MEMORY, &target.schema, &target.name);
        match relation.map(|relation| relation.kind != RelationKind::Table) {
            Some(is_view) if is_view == wants_view => {
                self.database.scratch().remove(&target.schema, &target.name);
                Ok(())
            }
            None if if_exists => Ok(()),
            _ => {
                let kind = if wants_view { "View" } else { "Table" };
                let message = format!("{kind} '{target}' does not exist");
                Err(QueryError::refused_at("TABLE_NOT_FOUND", message, START))
            }
        }
    }

    /// The kind of a table or view that there is.
    fn scratch_relation(&self, target: &FullName) -> Result<RelationKind, QueryError> {
        let relation = self.directory.relation(MEMORY, &target.schema, &target.name);
        relation.map(|relation| relation.kind).ok_or_else(|| missing_table(target))
    }

    fn rename(&self, name: &Name, to: &Name, if_exists: bool) -> Result<(), QueryError> {
        let from = self.writable(name, "rename table", "renaming tables")?;
        if self.directory.relation(MEMORY, &from.schema, &from.name).is_none() {
            return if if_exists { Ok(()) } else { Err(missing_table(&from)) };
        }
        let parts = to.parts();
        let to = match parts.as_slice() {
            [name] => FullName { name: (*name).to_owned(), ..from.clone() },
            _ => self.scope().table(to)?,
        };
        if to.catalog != from.catalog {
            return Err(QueryError::refused_at(
                "NOT_SUPPORTED",
                "Table rename across catalogs is not supported",
                START,
            ));
        }
        self.check_may_write(&to.catalog, &to.schema, &to.to_string(), "rename table to", "renaming tables")?;
        if self.directory.relation(MEMORY, &to.schema, &to.name).is_some() {
            let message = format!("Target table '{to}' already exists");
            return Err(QueryError::refused_at("TABLE_ALREADY_EXISTS", message, START));
        }
        self.database.scratch().rename((&from.schema, &from.name), (&to.schema, &to.name))
    }

    /// A table of scratch whose rows or columns may be changed.
    pub(super) fn scratch_table(
        &self,
        table: &Name,
        action: &str,
        ability: &str,
    ) -> Result<(FullName, ScratchTable), QueryError> {
        let target = self.writable(table, action, ability)?;
        match self.database.scratch().table(&target.schema, &target.name) {
            Some(found) => Ok((target, found)),
            None if self.scratch_relation(&target)? != RelationKind::Table => {
                let message = format!("{target} is a view, and views are not written to");
                Err(QueryError::refused_at("NOT_SUPPORTED", message, START))
            }
            None => Err(missing_table(&target)),
        }
    }
}

fn missing_table(target: &FullName) -> QueryError {
    QueryError::refused_at("TABLE_NOT_FOUND", format!("Table '{target}' does not exist"), START)
}

fn missing_schema(schema: &str) -> QueryError {
    QueryError::refused_at("SCHEMA_NOT_FOUND", format!("Schema '{MEMORY}.{schema}' does not exist"), START)
}

fn schema_of(columns: &[ColumnDefinition]) -> Result<SchemaRef, QueryError> {
    let fields = columns.iter().map(field_of).collect::<Result<Vec<_>, _>>()?;
    check_names_differ(&fields)?;
    Ok(Arc::new(Schema::new(fields)))
}

pub(super) fn field_of(column: &ColumnDefinition) -> Result<Field, QueryError> {
    let trino = TrinoType::parse(&column.r#type).map_err(|_| {
        let message = format!("Unknown type '{}' for column '{}'", column.r#type, column.name.value);
        QueryError::refused_at("TYPE_NOT_FOUND", message, column.name.position)
    })?;
    let field = trino.to_field(&column.name.value).with_nullable(column.is_nullable);
    let mut metadata = field.metadata().clone();
    metadata.extend(column.comment.clone().map(|comment| (COMMENT.to_owned(), comment)));
    Ok(field.with_metadata(metadata))
}

/// The columns of a query as a table's: each has a name, a type, and may be NULL.
fn kept_schema(
    schema: &Schema,
    names: &[OutputName],
    columns: &[Identifier],
) -> Result<SchemaRef, QueryError> {
    let planned = schema.fields().iter().map(|field| field.name().as_str());
    let written = column_names(names, planned);
    if !columns.is_empty() && columns.len() != written.len() {
        let message = format!(
            "Column alias list has {} entries but relation has {} columns",
            columns.len(),
            written.len()
        );
        return Err(QueryError::refused_at("MISMATCHED_COLUMN_ALIASES", message, START));
    }
    let mut fields = Vec::new();
    for (place, (field, name)) in schema.fields().iter().zip(written).enumerate() {
        let name = columns.get(place).map_or_else(|| name.to_lowercase(), |column| column.value.clone());
        if columns.is_empty() && name == format!("_col{place}") {
            let message = format!("Column name not specified at position {}", place + 1);
            return Err(QueryError::refused_at("MISSING_COLUMN_NAME", message, START));
        }
        if *field.data_type() == DataType::Null {
            let message = format!("Column type is unknown: {name}");
            return Err(QueryError::refused_at("COLUMN_TYPE_UNKNOWN", message, START));
        }
        fields.push(field.as_ref().clone().with_name(name).with_nullable(true));
    }
    check_names_differ(&fields)?;
    Ok(Arc::new(Schema::new(fields)))
}

fn check_names_differ(fields: &[Field]) -> Result<(), QueryError> {
    for (place, field) in fields.iter().enumerate() {
        if fields.iter().take(place).any(|before| before.name() == field.name()) {
            let message = format!("Column name '{}' specified more than once", field.name());
            return Err(QueryError::refused_at("DUPLICATE_COLUMN_NAME", message, START));
        }
    }
    Ok(())
}
