//! The names of the lake's tables: `depthlake.SCHEMA.TABLE`, `SCHEMA.TABLE`, and `TABLE` alone where only one schema
//! has it; and of its views, the models that are no tables.
//!
//! A table's name may tell which state of it is meant, as [`StateOfTable`] has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::Result;
use datafusion::sql::TableReference;
use depthlake_lake::model::{Model, Targets};
use depthlake_lake::table::Table;

use crate::catalog::{ANY_SCHEMA, CATALOG, Catalog, Directory, INFORMATION_SCHEMA, Relation, RelationKind};
use crate::error::{Position, QueryError, nearest};
use crate::session::plan_in_engine;
use crate::table::state::StateOfTable;
use crate::table::{LIVE, Tables};

/// The catalog of one lake for one query, and of a table of rows that are in no lake, where one is given by its full name.
/// However often the query and its views name a table, they see the same rows.
#[derive(Debug)]
pub(crate) struct LakeCatalog {
    tables: Tables,
    given: Option<(&'static str, Arc<MemTable>)>,
    opened: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl LakeCatalog {
    pub(crate) fn new(tables: Tables, given: Option<(&'static str, Arc<MemTable>)>) -> Self {
        Self { tables, given, opened: Mutex::default() }
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

#[async_trait]
impl Catalog for LakeCatalog {
    fn name(&self) -> &'static str {
        CATALOG
    }

    fn connector(&self) -> &'static str {
        "iceberg"
    }

    fn schemas(&self) -> Vec<String> {
        let of_tables = Table::ALL.iter().map(|table| table.namespace());
        let mut names: Vec<String> = vec![LIVE.to_owned()];
        for name in of_tables.chain(views().map(Model::layer)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn relations(&self, schema: &str) -> Vec<Relation> {
        let table = |name: &str| Relation {
            name: name.to_owned(),
            kind: RelationKind::Table,
            comment: format!("{schema}.{name}").parse().ok().map(|table: Table| table.comment().to_owned()),
        };
        let view = |view: &Model| Relation {
            name: view.short_name().to_owned(),
            kind: RelationKind::View(view.sql.to_owned()),
            comment: Some(view.declaration.doc.clone()),
        };
        let views = views().filter(|view| view.layer() == schema).map(view);
        Tables::names(schema).into_iter().map(table).chain(views).collect()
    }

    async fn table(
        &self,
        schema: &str,
        name: &str,
        directory: &Arc<Directory>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(rows) = self.given(schema, name) {
            return Ok(Some(rows));
        }
        let mut views = views();
        if let Some(view) =
            views.find(|view| (schema == ANY_SCHEMA || view.layer() == schema) && view.short_name() == name)
        {
            let plan = plan_in_engine(directory, &view.view(&Targets::default())).await?;
            return Ok(Some(Arc::new(ViewTable::new(plan, Some(view.sql.to_owned())))));
        }
        if schema != ANY_SCHEMA {
            return Ok(self.open(schema, name));
        }
        let (of_table, _) = StateOfTable::split(name);
        let of_table = of_table.split('$').next().unwrap_or_default();
        let [table] = named(&Table::ALL, of_table)[..] else { return Ok(None) };
        Ok(self.open(table.namespace(), name))
    }
}

/// The models that are no tables.
fn views() -> impl Iterator<Item = &'static Model> {
    Model::all().iter().filter(|model| model.declaration.incremental.is_none())
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
    let tables: Vec<_> = Table::ALL.into_iter().filter(|table| belongs(*table, schema)).collect();
    let (name, state) = StateOfTable::split(reference.table());
    if state.is_none() {
        return Some(unknown(reference, position));
    }
    let candidates = named(&tables, name.split('$').next().unwrap_or_default());
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
