//! The names of the lake's tables: `depthlake.SCHEMA.TABLE`, `SCHEMA.TABLE`, and `TABLE` alone where only one schema
//! has it.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::sql::TableReference;
use depthlake_lake::commit::Lake;
use depthlake_lake::table::Table;

use crate::error::{Position, QueryError, nearest};
use crate::snapshot_table::SnapshotTable;

/// The catalog of the tables.
pub(crate) const CATALOG: &str = "depthlake";

/// The schema in which a name without one is looked up. It is listed nowhere.
pub(crate) const ANY_SCHEMA: &str = "any";

const INFORMATION_SCHEMA: &str = "information_schema";

/// The catalog of one lake.
#[derive(Debug)]
pub(crate) struct LakeCatalog {
    lake: Lake,
}

impl LakeCatalog {
    pub(crate) fn new(lake: Lake) -> Self {
        Self { lake }
    }
}

impl CatalogProvider for LakeCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        let mut names: Vec<_> = Table::ALL.iter().map(|table| table.namespace().to_owned()).collect();
        names.dedup();
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let tables: Vec<_> = Table::ALL.into_iter().filter(|table| belongs(*table, name)).collect();
        if tables.is_empty() {
            return None;
        }
        Some(Arc::new(LakeSchema { lake: self.lake.clone(), tables }))
    }
}

/// The tables of one schema, or of all.
#[derive(Debug)]
struct LakeSchema {
    lake: Lake,
    tables: Vec<Table>,
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let [table] = named(&self.tables, name)[..] else { return Ok(None) };
        Ok(Some(Arc::new(SnapshotTable::new(self.lake.clone(), table))))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        named(&self.tables, name).len() == 1
    }
}

/// Why a reference names no table; `None` where it does.
pub(crate) fn why_unknown(reference: &TableReference, position: Option<Position>) -> Option<QueryError> {
    let schema = reference.schema().unwrap_or(ANY_SCHEMA);
    let in_this_catalog = reference.catalog().is_none_or(|catalog| catalog == CATALOG);
    if in_this_catalog && schema == INFORMATION_SCHEMA {
        return None;
    }
    let tables: Vec<_> = Table::ALL.into_iter().filter(|table| belongs(*table, schema)).collect();
    let candidates = named(&tables, reference.table());
    match candidates.len() {
        1 if in_this_catalog => None,
        0 | 1 => Some(unknown(reference, position)),
        _ => Some(QueryError::AmbiguousTable { name: reference.to_string(), candidates, position }),
    }
}

fn unknown(reference: &TableReference, position: Option<Position>) -> QueryError {
    let full_names = || Table::ALL.iter().map(Table::to_string);
    let nearest = match reference.schema() {
        Some(schema) => nearest(&format!("{schema}.{}", reference.table()), full_names()),
        None => nearest(reference.table(), Table::ALL.iter().map(|table| table.name().to_owned()))
            .and_then(|name| full_names().find(|full| full.ends_with(&format!(".{name}")))),
    };
    QueryError::UnknownTable { name: reference.to_string(), nearest: nearest.unwrap_or_default(), position }
}

fn belongs(table: Table, schema: &str) -> bool {
    schema == ANY_SCHEMA || table.namespace() == schema
}

fn named(tables: &[Table], name: &str) -> Vec<Table> {
    tables.iter().copied().filter(|table| table.name() == name).collect()
}
