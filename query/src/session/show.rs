//! `SHOW` and `DESCRIBE`.

use datafusion::sql::TableReference;
use depthlake_dialect::functions::listing;
use depthlake_dialect::statement::{Identifier, Like, Name, Position, Show};
use depthlake_dialect::types::TrinoType;

use crate::catalog::information_schema::COMMENT;
use crate::catalog::sheet::{Cell, Columns, Kind, Sheet};
use crate::catalog::{ANY_SCHEMA, CATALOG, Relation, RelationKind};
use crate::error::QueryError;
use crate::session::plan::{FullName, Wording, missing_with_hint};
use crate::session::properties;
use crate::session::statements::{Begun, Context};
use crate::table::LIVE;
use crate::table::metadata::{ColumnFigures, as_double};

const COLUMNS: Columns =
    &[("Column", Kind::Text), ("Type", Kind::Text), ("Extra", Kind::Text), ("Comment", Kind::Text)];
const GRANTS: Columns = &[
    ("Grantor", Kind::Text),
    ("Grantor Type", Kind::Text),
    ("Grantee", Kind::Text),
    ("Grantee Type", Kind::Text),
    ("Catalog", Kind::Text),
    ("Schema", Kind::Text),
    ("Table", Kind::Text),
    ("Privilege", Kind::Text),
    ("Grantable", Kind::Text),
    ("With Hierarchy", Kind::Text),
];
const FUNCTIONS: Columns = &[
    ("Function", Kind::Text),
    ("Return Type", Kind::Text),
    ("Argument Types", Kind::Text),
    ("Function Type", Kind::Text),
    ("Deterministic", Kind::Flag),
    ("Description", Kind::Text),
];

/// Where such a statement begins, which is where its errors are.
const START: Position = Position { line: 1, column: 1 };

impl Context<'_> {
    pub(super) async fn show(&self, show: Show) -> Result<Begun, QueryError> {
        let sheet = match show {
            Show::Catalogs(like) => {
                let mut names: Vec<_> =
                    self.directory.catalogs().map(|catalog| catalog.name().to_owned()).collect();
                names.sort();
                listed(&[("Catalog", Kind::Text)], names, like.as_ref())
            }
            Show::Schemas { catalog, like } => {
                let catalog = self.known_catalog(catalog.as_ref())?;
                let schemas = self.directory.schemas(&catalog).unwrap_or_default();
                listed(&[("Schema", Kind::Text)], schemas, like.as_ref())
            }
            Show::Tables { schema, like } => {
                let (catalog, schema) = self.known_schema(schema.as_ref())?;
                let relations = self.directory.relations(&catalog, &schema);
                let names = relations.into_iter().map(|relation| relation.name).collect();
                listed(&[("Table", Kind::Text)], names, like.as_ref())
            }
            Show::Columns { table, like } => self.columns(&table, like.as_ref()).await?,
            Show::Functions(like) => functions(like.as_ref()),
            Show::Session(like) => properties::shown(self.settings, like.as_ref()),
            Show::CreateTable(name) => self.create_table(&name).await?,
            Show::CreateView(name) => self.create_view(&name)?,
            Show::CreateSchema(name) => {
                let (catalog, schema) = self.known_schema(Some(&name))?;
                one(&[("Create Schema", Kind::Text)], format!("CREATE SCHEMA {catalog}.{schema}"))
            }
            Show::Stats(table) => self.stats(&table).await?,
            Show::Roles => Sheet::new(&[("Role", Kind::Text)]),
            Show::Grants => Sheet::new(GRANTS),
        };
        Begun::sheet(&sheet)
    }

    fn known_catalog(&self, catalog: Option<&Identifier>) -> Result<String, QueryError> {
        let set = self.scope().catalog.map(str::to_owned);
        let name = catalog.map(|catalog| catalog.value.clone()).or(set).ok_or_else(|| {
            let message = "Catalog must be specified when session catalog is not set";
            QueryError::refused_at("MISSING_CATALOG_NAME", message, START)
        })?;
        if self.directory.catalog(&name).is_none() {
            return Err(QueryError::refused_at(
                "CATALOG_NOT_FOUND",
                format!("Catalog '{name}' not found"),
                START,
            ));
        }
        Ok(name)
    }

    /// The schema of a name, or the one that is set.
    pub(super) fn known_schema(&self, name: Option<&Name>) -> Result<(String, String), QueryError> {
        let (catalog, schema) = self.schema_name(name)?;
        if self.directory.catalog(&catalog).is_none() {
            let message = format!("Catalog '{catalog}' not found");
            return Err(QueryError::refused_at("CATALOG_NOT_FOUND", message, START));
        }
        if !self.directory.has_schema(&catalog, &schema) {
            let message = format!("Schema '{schema}' does not exist");
            return Err(QueryError::refused_at("SCHEMA_NOT_FOUND", message, START));
        }
        Ok((catalog, schema))
    }

    /// A schema's catalog and name, whether or not there is such a schema.
    pub(super) fn schema_name(&self, name: Option<&Name>) -> Result<(String, String), QueryError> {
        let parts = name.map(Name::parts).unwrap_or_default();
        let (catalog, schema) = match parts.as_slice() {
            [] => (None, None),
            [schema] => (None, Some(*schema)),
            [catalog, schema] => (Some(*catalog), Some(*schema)),
            _ => return Err(QueryError::refused_at("SYNTAX_ERROR", "Too many dots in schema name", START)),
        };
        let catalog = catalog.or(self.scope().catalog).ok_or_else(|| {
            let message = "Catalog must be specified when session catalog is not set";
            QueryError::refused_at("MISSING_CATALOG_NAME", message, START)
        })?;
        let schema = schema.or(self.settings.schema.as_deref()).ok_or_else(|| {
            let message = "Schema must be specified when session schema is not set";
            QueryError::refused_at("MISSING_SCHEMA_NAME", message, START)
        })?;
        Ok((catalog.to_owned(), schema.to_owned()))
    }

    /// A table or view that there is. Tables about tables, such as `"t$files"`, have no entry of their own.
    fn known_relation(&self, name: &Name) -> Result<(FullName, Option<Relation>), QueryError> {
        let mut full = self.scope().table(name)?;
        if self.wording() == Wording::Hints {
            let written = TableReference::from(name.parts().join("."));
            let position = Some(name.position().into());
            if let Some(missing) = missing_with_hint(&self.directory, &written, &full, position) {
                return Err(missing);
            }
        }
        if full.schema == ANY_SCHEMA {
            let base = full.name.split(['$', '@']).next().unwrap_or_default();
            let has_it = |schema: &&String| self.directory.relation(&full.catalog, schema, base).is_some();
            let schemas = self.directory.schemas(&full.catalog).unwrap_or_default();
            // A bare name is that of a table of the lake, never of a live one.
            let found = schemas.iter().filter(|schema| *schema != LIVE).find(has_it);
            if let Some(schema) = found {
                full.schema.clone_from(schema);
            }
        } else {
            let schema = Name::clone(name).split_last().and_then(|(schema, _)| schema);
            self.known_schema(schema.as_ref())?;
        }
        let base = full.name.split(['$', '@']).next().unwrap_or_default();
        let relation = self.directory.relation(&full.catalog, &full.schema, base).ok_or_else(|| {
            QueryError::refused_at("TABLE_NOT_FOUND", format!("Table '{full}' does not exist"), START)
        })?;
        let is_itself = base == full.name;
        Ok((full, is_itself.then_some(relation)))
    }

    async fn columns(&self, table: &Name, like: Option<&Like>) -> Result<Sheet, QueryError> {
        let (name, _) = self.known_relation(table)?;
        let columns = self.schema_of(&name).await?;
        let fits = |name: &str| like.is_none_or(|like| like.fits(name));
        let fields = columns.fields().iter().filter(|field| fits(field.name()));
        let rows = fields.map(|field| {
            let comment = field.metadata().get(COMMENT).map_or("", String::as_str);
            vec![
                field.name().as_str().into(),
                TrinoType::of_field(field).to_string().into(),
                "".into(),
                comment.into(),
            ]
        });
        Ok(Sheet::of(COLUMNS, rows.collect()))
    }

    async fn schema_of(
        &self,
        name: &FullName,
    ) -> Result<datafusion::arrow::datatypes::SchemaRef, QueryError> {
        let table = self.directory.table(&name.catalog, &name.schema, &name.name).await;
        let table = table.map_err(QueryError::of_trino_planning)?;
        table.map(|table| table.schema()).ok_or_else(|| {
            QueryError::refused_at("TABLE_NOT_FOUND", format!("Table '{name}' does not exist"), START)
        })
    }

    async fn create_table(&self, table: &Name) -> Result<Sheet, QueryError> {
        let (name, relation) = self.known_relation(table)?;
        if relation.as_ref().is_some_and(Relation::is_view) {
            let message = format!("Relation '{name}' is a view, not a table");
            return Err(QueryError::refused_at("NOT_SUPPORTED", message, START));
        }
        let columns = self.schema_of(&name).await?;
        let lines: Vec<String> = columns
            .fields()
            .iter()
            .map(|field| {
                let required = if field.is_nullable() { "" } else { " NOT NULL" };
                format!("   {} {}{required}", quoted(field.name()), TrinoType::of_field(field))
            })
            .collect();
        let comment = relation.and_then(|relation| relation.comment);
        let comment =
            comment.map(|text| format!("\nCOMMENT '{}'", text.replace('\'', "''"))).unwrap_or_default();
        let text = format!("CREATE TABLE {} (\n{}\n){comment}", quoted_name(&name), lines.join(",\n"));
        Ok(one(&[("Create Table", Kind::Text)], text))
    }

    fn create_view(&self, view: &Name) -> Result<Sheet, QueryError> {
        let (name, relation) = self.known_relation(view)?;
        let Some(Relation { kind: RelationKind::View(text), .. }) = relation else {
            let message = format!("Relation '{name}' is a table, not a view");
            return Err(QueryError::refused_at("NOT_SUPPORTED", message, START));
        };
        let text = format!("CREATE VIEW {} SECURITY DEFINER AS\n{text}", quoted_name(&name));
        Ok(one(&[("Create View", Kind::Text)], text))
    }

    /// The number of rows and what is known of the columns, as far as that needs no reading of rows.
    async fn stats(&self, table: &Name) -> Result<Sheet, QueryError> {
        let (name, _) = self.known_relation(table)?;
        let provider = self.directory.table(&name.catalog, &name.schema, &name.name).await;
        let provider = provider.map_err(QueryError::of_trino_planning)?;
        let columns = self.schema_of(&name).await?;
        let state = self.state();
        let rows = match provider {
            Some(provider) => {
                let plan = provider.scan(&state, None, &[], None).await.map_err(QueryError::of_execution)?;
                let statistics = plan.partition_statistics(None).map_err(QueryError::of_execution)?;
                statistics.num_rows.get_value().copied()
            }
            None => None,
        };
        let sheet: Columns = &[
            ("column_name", Kind::Text),
            ("data_size", Kind::Double),
            ("distinct_values_count", Kind::Double),
            ("nulls_fraction", Kind::Double),
            ("row_count", Kind::Double),
            ("low_value", Kind::Text),
            ("high_value", Kind::Text),
        ];
        let figures = match name.catalog.as_str() {
            CATALOG => self.database.tables().figures(&name.schema, &name.name).await,
            _ => Ok(Vec::new()),
        };
        let figures = figures.map_err(QueryError::of_execution)?;
        let figures = figures.into_iter().chain(std::iter::repeat(ColumnFigures::default()));
        let mut cells: Vec<Vec<Cell>> = columns
            .fields()
            .iter()
            .zip(figures)
            .map(|(field, known)| of_column(field.name(), known))
            .collect();
        let rows = rows.and_then(|rows| u64::try_from(rows).ok());
        cells.push(vec![Cell::Null, Cell::Null, Cell::Null, Cell::Null, count(rows)]);
        Ok(Sheet::of(sheet, cells))
    }
}

/// A row of the figures of a table.
fn of_column(name: &str, known: ColumnFigures) -> Vec<Cell> {
    let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    let nulls = known.nulls.map_or(Cell::Null, Cell::Double);
    let (least, greatest) = (text(known.least), text(known.greatest));
    vec![name.into(), count(known.bytes), Cell::Null, nulls, Cell::Null, least, greatest]
}

/// Counts are told as doubles.
fn count(count: Option<u64>) -> Cell {
    count.map_or(Cell::Null, |count| Cell::Double(as_double(count)))
}

fn functions(like: Option<&Like>) -> Sheet {
    let fits = |name: &str| like.is_none_or(|like| like.fits(name));
    let rows = listing().into_iter().filter(|function| fits(&function.name)).map(|function| {
        vec![
            function.name.into(),
            function.return_type.into(),
            function.argument_types.into(),
            function.kind.to_string().into(),
            function.deterministic.into(),
            function.description.into(),
        ]
    });
    Sheet::of(FUNCTIONS, rows.collect())
}

fn listed(columns: Columns, names: Vec<String>, like: Option<&Like>) -> Sheet {
    let fits = |name: &String| like.is_none_or(|like| like.fits(name));
    Sheet::of(columns, names.into_iter().filter(fits).map(|name| vec![name.into()]).collect())
}

fn one(columns: Columns, text: String) -> Sheet {
    Sheet::of(columns, vec![vec![text.into()]])
}

fn quoted_name(name: &FullName) -> String {
    format!("{}.{}.{}", quoted(&name.catalog), quoted(&name.schema), quoted(&name.name))
}

/// A name as it has to be written.
fn quoted(name: &str) -> String {
    let starts_well = name.starts_with(|character: char| character.is_ascii_lowercase() || character == '_');
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if starts_well && is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
