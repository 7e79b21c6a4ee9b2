//! `information_schema`, which every catalog has, about itself.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::Result;
use depthlake_dialect::types::TrinoType;
use futures::FutureExt;

use crate::catalog::sheet::{Cell, Columns, Compute, Kind, Sheet, SheetTable};
use crate::catalog::{Directory, Relation, RelationKind};

const NAMES: [&str; 8] = [
    "applicable_roles",
    "columns",
    "enabled_roles",
    "roles",
    "schemata",
    "table_privileges",
    "tables",
    "views",
];

pub(crate) fn relations() -> Vec<Relation> {
    let table = |name: &str| Relation { name: name.to_owned(), kind: RelationKind::Table, comment: None };
    NAMES.into_iter().map(table).collect()
}

/// One of the tables, about a catalog as a directory has it.
pub(crate) fn table(catalog: &str, name: &str, directory: &Arc<Directory>) -> Option<Arc<dyn TableProvider>> {
    let name = NAMES.into_iter().find(|known| *known == name)?;
    let (catalog, directory) = (catalog.to_owned(), Arc::clone(directory));
    let compute: Compute = Arc::new(move || {
        let (catalog, directory) = (catalog.clone(), Arc::clone(&directory));
        async move { sheet(name, &catalog, &directory).await }.boxed()
    });
    Some(Arc::new(SheetTable::new(columns_of(name), compute)))
}

fn columns_of(name: &str) -> Columns {
    match name {
        "applicable_roles" => &[
            ("grantee", Kind::Text),
            ("grantee_type", Kind::Text),
            ("role_name", Kind::Text),
            ("is_grantable", Kind::Text),
        ],
        "columns" => &[
            ("table_catalog", Kind::Text),
            ("table_schema", Kind::Text),
            ("table_name", Kind::Text),
            ("column_name", Kind::Text),
            ("ordinal_position", Kind::Number),
            ("column_default", Kind::Text),
            ("is_nullable", Kind::Text),
            ("data_type", Kind::Text),
            ("comment", Kind::Text),
        ],
        "enabled_roles" | "roles" => &[("role_name", Kind::Text)],
        "schemata" => &[("catalog_name", Kind::Text), ("schema_name", Kind::Text)],
        "table_privileges" => &[
            ("grantor", Kind::Text),
            ("grantor_type", Kind::Text),
            ("grantee", Kind::Text),
            ("grantee_type", Kind::Text),
            ("table_catalog", Kind::Text),
            ("table_schema", Kind::Text),
            ("table_name", Kind::Text),
            ("privilege_type", Kind::Text),
            ("is_grantable", Kind::Text),
            ("with_hierarchy", Kind::Text),
        ],
        "tables" => &[
            ("table_catalog", Kind::Text),
            ("table_schema", Kind::Text),
            ("table_name", Kind::Text),
            ("table_type", Kind::Text),
        ],
        _ => &[
            ("table_catalog", Kind::Text),
            ("table_schema", Kind::Text),
            ("table_name", Kind::Text),
            ("view_definition", Kind::Text),
        ],
    }
}

async fn sheet(name: &str, catalog: &str, directory: &Arc<Directory>) -> Result<Sheet> {
    let columns = columns_of(name);
    let schemas = directory.schemas(catalog).unwrap_or_default();
    let each = || {
        schemas.iter().flat_map(|schema| {
            let relations = directory.relations(catalog, schema);
            relations.into_iter().map(move |relation| (schema, relation))
        })
    };
    let rows = match name {
        "schemata" => schemas.iter().map(|schema| vec![catalog.into(), schema.as_str().into()]).collect(),
        "tables" => each()
            .map(|(schema, relation)| {
                let kind = if relation.is_view() { "VIEW" } else { "BASE TABLE" };
                vec![catalog.into(), schema.as_str().into(), relation.name.into(), kind.into()]
            })
            .collect(),
        "views" => each()
            .filter_map(|(schema, relation)| match relation.kind {
                RelationKind::View(text) => {
                    Some(vec![catalog.into(), schema.as_str().into(), relation.name.into(), text.into()])
                }
                RelationKind::Table => None,
            })
            .collect(),
        "columns" => {
            let mut rows = Vec::new();
            for (schema, relation) in each() {
                rows.extend(columns_of_relation(directory, catalog, schema, &relation.name).await);
            }
            rows
        }
        "table_privileges" => {
            each().map(|(schema, relation)| privilege(catalog, schema, relation.name, directory)).collect()
        }
        _ => Vec::new(),
    };
    Ok(Sheet::of(columns, rows))
}

async fn columns_of_relation(
    directory: &Arc<Directory>,
    catalog: &str,
    schema: &str,
    name: &str,
) -> Vec<Vec<Cell>> {
    let columns = directory.columns(catalog, schema, name).await;
    let fields = columns.iter().flat_map(|columns| columns.fields());
    (1..)
        .zip(fields)
        .map(|(place, field)| {
            vec![
                catalog.into(),
                schema.into(),
                name.into(),
                field.name().as_str().into(),
                Cell::Number(place),
                Cell::Null,
                if field.is_nullable() { "YES" } else { "NO" }.into(),
                TrinoType::of_field(field).to_string().into(),
                field.metadata().get(COMMENT).map(String::as_str).into(),
            ]
        })
        .collect()
}

/// The key of a field's metadata that holds the comment of the column.
pub(crate) const COMMENT: &str = "comment";

fn privilege(catalog: &str, schema: &str, table: String, directory: &Directory) -> Vec<Cell> {
    vec![
        Cell::Null,
        Cell::Null,
        directory.principal().user.as_str().into(),
        "USER".into(),
        catalog.into(),
        schema.into(),
        table.into(),
        "SELECT".into(),
        "NO".into(),
        Cell::Null,
    ]
}
