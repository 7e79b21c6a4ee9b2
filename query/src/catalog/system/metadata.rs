//! `system.metadata`.

use std::sync::Arc;

use super::Tables;
use crate::catalog::Directory;
use crate::catalog::sheet::{Cell, Columns, Kind};

const PROPERTIES: Columns = &[
    ("catalog_name", Kind::Text),
    ("property_name", Kind::Text),
    ("default_value", Kind::Text),
    ("type", Kind::Text),
    ("description", Kind::Text),
];

pub(super) const TABLES: Tables = &[
    ("analyze_properties", PROPERTIES),
    (
        "catalogs",
        &[
            ("catalog_name", Kind::Text),
            ("connector_id", Kind::Text),
            ("connector_name", Kind::Text),
            ("state", Kind::Text),
        ],
    ),
    ("column_properties", PROPERTIES),
    ("materialized_view_properties", PROPERTIES),
    (
        "materialized_views",
        &[
            ("catalog_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("name", Kind::Text),
            ("storage_catalog", Kind::Text),
            ("storage_schema", Kind::Text),
            ("storage_table", Kind::Text),
            ("freshness", Kind::Text),
            ("last_fresh_time", Kind::Time),
            ("comment", Kind::Text),
            ("definition", Kind::Text),
        ],
    ),
    ("schema_properties", PROPERTIES),
    (
        "table_comments",
        &[
            ("catalog_name", Kind::Text),
            ("schema_name", Kind::Text),
            ("table_name", Kind::Text),
            ("comment", Kind::Text),
        ],
    ),
    ("table_properties", PROPERTIES),
];

/// No catalog has materialized views or properties, so of these there are no rows.
pub(super) fn rows(table: &str, directory: &Arc<Directory>) -> Vec<Vec<Cell>> {
    match table {
        "catalogs" => directory
            .catalogs()
            .map(|catalog| {
                vec![catalog.name().into(), catalog.name().into(), catalog.connector().into(), "READY".into()]
            })
            .collect(),
        "table_comments" => comments(directory),
        _ => Vec::new(),
    }
}

fn comments(directory: &Arc<Directory>) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for catalog in directory.catalogs() {
        for schema in directory.schemas(catalog.name()).unwrap_or_default() {
            for relation in directory.relations(catalog.name(), &schema) {
                rows.push(vec![
                    catalog.name().into(),
                    schema.as_str().into(),
                    relation.name.into(),
                    relation.comment.into(),
                ]);
            }
        }
    }
    rows
}
