//! The names of the lake's tables: `depthlake.SCHEMA.TABLE`, `SCHEMA.TABLE`, and `TABLE` alone where only one schema
//! has it; and of its views, the models that are no tables.
//!
//! A table's name may tell which state of it is meant, as [`StateOfTable`] has it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::{MemTable, TableType, ViewTable};
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use datafusion::sql::TableReference;
use depthlake_lake::model::{Model, Targets};
use depthlake_lake::table::Table;

use crate::error::{Position, QueryError, nearest};
use crate::session::config;
use crate::table::metadata::MetadataTable;
use crate::table::state::StateOfTable;
use crate::table::{LIVE, Tables};

/// The catalog of the tables.
pub(crate) const CATALOG: &str = "depthlake";

/// The schema in which a name without one is looked up. It is listed nowhere.
pub(crate) const ANY_SCHEMA: &str = "any";

const INFORMATION_SCHEMA: &str = "information_schema";

/// The catalog of one lake for one query, and of a table of rows that are in no lake, where one is given by its full name.
/// However often the query names a table, it is the same.
#[derive(Debug, Clone)]
pub(crate) struct LakeCatalog {
    tables: Tables,
    given: Option<(&'static str, Arc<MemTable>)>,
    opened: Arc<Mutex<HashMap<String, Arc<dyn TableProvider>>>>,
}

impl LakeCatalog {
    pub(crate) fn new(tables: Tables) -> Self {
        Self { tables, given: None, opened: Arc::default() }
    }

    pub(crate) fn with_rows(tables: Tables, name: &'static str, rows: Arc<MemTable>) -> Self {
        Self { given: Some((name, rows)), ..Self::new(tables) }
    }

    fn open(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let full_name = format!("{schema}.{name}");
        if let Some(known) = opened.get(&full_name) {
            return Some(Arc::clone(known));
        }
        let table = self.tables.provider(schema, name)?;
        opened.insert(full_name, Arc::clone(&table));
        Some(table)
    }

    fn given(&self, schema: &str, name: &str) -> Option<Arc<MemTable>> {
        let (full_name, rows) = self.given.as_ref()?;
        (full_name.split_once('.') == Some((schema, name))).then(|| Arc::clone(rows))
    }
}

impl CatalogProvider for LakeCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        let of_tables = Table::ALL.iter().map(|table| table.namespace());
        let mut names: Vec<String> = Vec::new();
        for name in of_tables.chain(views().map(Model::layer)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names.push(LIVE.to_owned());
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let tables: Vec<_> = Table::ALL.into_iter().filter(|table| belongs(*table, name)).collect();
        let views: Vec<_> = views().filter(|view| name == ANY_SCHEMA || view.layer() == name).collect();
        let is_given = self
            .given
            .as_ref()
            .is_some_and(|(given, _)| given.split_once('.').is_some_and(|(s, _)| s == name));
        if tables.is_empty() && views.is_empty() && !is_given && name != LIVE {
            return None;
        }
        Some(Arc::new(LakeSchema { catalog: self.clone(), name: name.to_owned(), tables, views }))
    }
}

/// The tables and views of one schema, or of all.
#[derive(Debug)]
struct LakeSchema {
    catalog: LakeCatalog,
    name: String,
    tables: Vec<Table>,
    views: Vec<&'static Model>,
}

impl LakeSchema {
    /// The schema that has a table of this name, or of this name before a state or what is asked about it.
    fn schema_of(&self, name: &str) -> Option<&str> {
        if self.name != ANY_SCHEMA {
            return Some(&self.name);
        }
        let of_table = name.split(['@', '$']).next().unwrap_or_default();
        match named(&self.tables, of_table)[..] {
            [table] => Some(table.namespace()),
            _ => None,
        }
    }

    fn view(&self, name: &str) -> Option<&'static Model> {
        self.views.iter().find(|view| view.short_name() == name).copied()
    }
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        let of_lake = self.tables.iter().map(|table| table.name());
        let live = Tables::names(LIVE).into_iter().filter(|_| self.name == LIVE);
        of_lake
            .chain(live)
            .chain(self.views.iter().map(|view| view.short_name()))
            .map(str::to_owned)
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(rows) = self.catalog.given(&self.name, name) {
            return Ok(Some(rows));
        }
        if let Some(view) = self.view(name) {
            return Ok(Some(Arc::new(planned(view, &self.catalog).await?)));
        }
        Ok(self.schema_of(name).and_then(|schema| self.catalog.open(schema, name)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        let kind = if self.view(name).is_some() { TableType::View } else { TableType::Base };
        Ok(self.table_exist(name).then_some(kind))
    }

    fn table_exist(&self, name: &str) -> bool {
        let is_table = self.schema_of(name).is_some_and(|schema| self.catalog.tables.exists(schema, name));
        is_table || self.view(name).is_some() || self.catalog.given(&self.name, name).is_some()
    }
}

/// The models that are no tables.
fn views() -> impl Iterator<Item = &'static Model> {
    Model::all().iter().filter(|model| model.declaration.incremental.is_none())
}

/// A view over the tables as they are now.
async fn planned(view: &Model, catalog: &LakeCatalog) -> Result<ViewTable> {
    let context = SessionContext::new_with_config(config());
    context.register_catalog(CATALOG, Arc::new(catalog.clone()));
    let plan = context.state().create_logical_plan(&view.view(&Targets::default())).await?;
    Ok(ViewTable::new(plan, Some(view.sql.to_owned())))
}

/// Why a reference names no table; `None` where it does.
pub(crate) fn why_unknown(reference: &TableReference, position: Option<Position>) -> Option<QueryError> {
    let schema = reference.schema().unwrap_or(ANY_SCHEMA);
    let in_this_catalog = reference.catalog().is_none_or(|catalog| catalog == CATALOG);
    if in_this_catalog && schema == INFORMATION_SCHEMA {
        return None;
    }
    let is_view = |view: &Model| {
        (schema == ANY_SCHEMA || view.layer() == schema) && view.short_name() == reference.table()
    };
    if in_this_catalog && views().any(is_view) {
        return None;
    }
    if in_this_catalog && schema == LIVE && Tables::names(LIVE).contains(&reference.table()) {
        return None;
    }
    let tables: Vec<_> = Table::ALL.into_iter().filter(|table| belongs(*table, schema)).collect();
    let (name, state) = StateOfTable::split(reference.table());
    if state.is_none() {
        return Some(unknown(reference, position));
    }
    let name = match name.rsplit_once('$') {
        Some((table, about)) if MetadataTable::named(about).is_some() => table,
        _ => name,
    };
    let candidates = named(&tables, name);
    match candidates.len() {
        1 if in_this_catalog => None,
        0 | 1 => Some(unknown(reference, position)),
        _ => Some(QueryError::AmbiguousTable { name: reference.to_string(), candidates, position }),
    }
}

fn unknown(reference: &TableReference, position: Option<Position>) -> QueryError {
    let full_names = || Table::ALL.iter().map(Table::to_string).chain(views().map(ToString::to_string));
    let nearest = match reference.schema() {
        Some(schema) => nearest(&format!("{schema}.{}", reference.table()), full_names()),
        None => nearest(
            reference.table(),
            full_names().filter_map(|full| Some(full.split_once('.')?.1.to_owned())),
        )
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
