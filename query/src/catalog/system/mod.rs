//! The catalog `system`: what clients ask of the server itself.

mod jdbc;
mod metadata;
mod runtime;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::error::Result;
use futures::FutureExt;

use crate::catalog::sheet::{Columns, Compute, Sheet, SheetTable};
use crate::catalog::{Catalog, Directory, Relation, RelationKind};

/// The tables `system.jdbc.*`, `system.metadata.*` and `system.runtime.*`.
#[derive(Debug)]
pub(crate) struct SystemCatalog;

/// The tables of a schema: their names, and their columns.
type Tables = &'static [(&'static str, Columns)];

const SCHEMAS: [(&str, Tables); 3] =
    [("jdbc", jdbc::TABLES), ("metadata", metadata::TABLES), ("runtime", runtime::TABLES)];

fn tables(schema: &str) -> Tables {
    SCHEMAS.iter().find(|(name, _)| *name == schema).map_or(&[], |(_, tables)| tables)
}

#[async_trait]
impl Catalog for SystemCatalog {
    fn name(&self) -> &'static str {
        "system"
    }

    fn connector(&self) -> &'static str {
        "system"
    }

    fn schemas(&self) -> Vec<String> {
        SCHEMAS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn relations(&self, schema: &str) -> Vec<Relation> {
        let relation = |(name, _): &(&str, Columns)| Relation {
            name: (*name).to_owned(),
            kind: RelationKind::Table,
            comment: None,
        };
        tables(schema).iter().map(relation).collect()
    }

    async fn table(
        &self,
        schema: &str,
        name: &str,
        directory: &Arc<Directory>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let schema = SCHEMAS.iter().find(|(known, _)| *known == schema);
        let Some((schema, (name, columns))) = schema
            .and_then(|(schema, tables)| Some((*schema, *tables.iter().find(|(known, _)| *known == name)?)))
        else {
            return Ok(None);
        };
        let directory = Arc::clone(directory);
        let compute: Compute = Arc::new(move || {
            let directory = Arc::clone(&directory);
            async move {
                let rows = match schema {
                    "jdbc" => jdbc::rows(name, &directory).await,
                    "metadata" => metadata::rows(name, &directory),
                    _ => runtime::rows(name, &directory),
                };
                Ok(Sheet::of(columns, rows))
            }
            .boxed()
        });
        Ok(Some(Arc::new(SheetTable::new(columns, compute))))
    }
}
