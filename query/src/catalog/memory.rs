//! The catalog `memory`: schemas, tables and views that clients make, gone with the process.
//!
//! A table is replaced as a whole by each change, so a query sees it as it was when the query was planned. All tables
//! together have a limit of bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use crate::catalog::{Catalog, Directory, Relation, RelationKind, ViewQuery};
use crate::error::QueryError;

/// The catalog's name.
pub(crate) const MEMORY: &str = "memory";

/// The schema that is always there.
const DEFAULT: &str = "default";

/// What clients have made. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    schemas: Arc<Mutex<Schemas>>,
    limit: usize,
}

type Schemas = BTreeMap<String, BTreeMap<String, ScratchRelation>>;

#[derive(Debug, Clone)]
enum ScratchRelation {
    Table(ScratchTable),
    View { query: ViewQuery, comment: Option<String> },
}

/// The columns and rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct ScratchTable {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Arc<[RecordBatch]>,
    pub(crate) comment: Option<String>,
}

impl ScratchTable {
    fn bytes(&self) -> usize {
        self.rows.iter().map(RecordBatch::get_array_memory_size).sum()
    }
}

impl Scratch {
    /// Nothing but the schema `default`, and room for so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let schemas = BTreeMap::from([(DEFAULT.to_owned(), BTreeMap::new())]);
        Self { schemas: Arc::new(Mutex::new(schemas)), limit }
    }

    pub(crate) fn has_schema(&self, schema: &str) -> bool {
        self.lock().contains_key(schema)
    }

    pub(crate) fn create_schema(&self, schema: &str) {
        self.lock().entry(schema.to_owned()).or_default();
    }

    /// `SCHEMA_NOT_EMPTY` where it has tables or views and they are not to go with it.
    pub(crate) fn drop_schema(&self, schema: &str, cascade: bool) -> Result<(), QueryError> {
        let mut schemas = self.lock();
        if !cascade && schemas.get(schema).is_some_and(|relations| !relations.is_empty()) {
            let message = format!("Cannot drop non-empty schema '{schema}'");
            return Err(QueryError::refused("SCHEMA_NOT_EMPTY", message));
        }
        schemas.remove(schema);
        Ok(())
    }

    pub(crate) fn rename_schema(&self, schema: &str, to: &str) {
        let mut schemas = self.lock();
        if let Some(relations) = schemas.remove(schema) {
            schemas.insert(to.to_owned(), relations);
        }
    }

    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<ScratchTable> {
        match self.lock().get(schema)?.get(name)? {
            ScratchRelation::Table(table) => Some(table.clone()),
            ScratchRelation::View { .. } => None,
        }
    }

    pub(crate) fn view(&self, schema: &str, name: &str) -> Option<ViewQuery> {
        match self.lock().get(schema)?.get(name)? {
            ScratchRelation::View { query, .. } => Some(query.clone()),
            ScratchRelation::Table(_) => None,
        }
    }

    /// Puts a table in the place of what had its name, where there is room for it.
    pub(crate) fn put_table(&self, schema: &str, name: &str, table: ScratchTable) -> Result<(), QueryError> {
        self.insert_table(&mut self.lock(), schema, name, table)
    }

    fn insert_table(
        &self,
        schemas: &mut Schemas,
        schema: &str,
        name: &str,
        table: ScratchTable,
    ) -> Result<(), QueryError> {
        let others: usize = schemas
            .iter()
            .flat_map(|(of, relations)| relations.iter().map(move |(known, relation)| (of, known, relation)))
            .filter(|(of, known, _)| (of.as_str(), known.as_str()) != (schema, name))
            .map(|(_, _, relation)| relation.bytes())
            .sum();
        if others.saturating_add(table.bytes()) > self.limit {
            return Err(self.full());
        }
        insert(schemas, schema, name, ScratchRelation::Table(table))
    }

    /// Puts a table in the place of the one that it was made from.
    ///
    /// # Errors
    /// `TRANSACTION_CONFLICT` where that has been changed meanwhile.
    pub(crate) fn replace_table(
        &self,
        schema: &str,
        name: &str,
        former: &ScratchTable,
        new: ScratchTable,
    ) -> Result<(), QueryError> {
        let mut schemas = self.lock();
        Self::check_unchanged(&schemas, schema, name, former)?;
        self.insert_table(&mut schemas, schema, name, new)
    }

    /// Adds rows to a table, which must have the schema they are of.
    pub(crate) fn append(
        &self,
        schema: &str,
        name: &str,
        columns: &SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> Result<(), QueryError> {
        let mut schemas = self.lock();
        let Some(ScratchRelation::Table(former)) =
            schemas.get(schema).and_then(|relations| relations.get(name))
        else {
            return Err(conflict(schema, name));
        };
        if former.schema != *columns {
            return Err(conflict(schema, name));
        }
        let new = ScratchTable { rows: former.rows.iter().cloned().chain(rows).collect(), ..former.clone() };
        self.insert_table(&mut schemas, schema, name, new)
    }

    fn check_unchanged(
        schemas: &Schemas,
        schema: &str,
        name: &str,
        former: &ScratchTable,
    ) -> Result<(), QueryError> {
        match schemas.get(schema).and_then(|relations| relations.get(name)) {
            Some(ScratchRelation::Table(now))
                if Arc::ptr_eq(&now.rows, &former.rows) && now.schema == former.schema =>
            {
                Ok(())
            }
            _ => Err(conflict(schema, name)),
        }
    }

    /// The error of a table for which there is no room.
    pub(crate) fn full(&self) -> QueryError {
        let message = format!("Memory limit [{} bytes] for memory connector exceeded", self.limit);
        QueryError::refused("EXCEEDED_LOCAL_MEMORY_LIMIT", message)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn put_view(
        &self,
        schema: &str,
        name: &str,
        query: ViewQuery,
        comment: Option<String>,
    ) -> Result<(), QueryError> {
        insert(&mut self.lock(), schema, name, ScratchRelation::View { query, comment })
    }

    pub(crate) fn comment(&self, schema: &str, name: &str, text: Option<String>) {
        let mut schemas = self.lock();
        match schemas.get_mut(schema).and_then(|relations| relations.get_mut(name)) {
            Some(
                ScratchRelation::Table(ScratchTable { comment, .. }) | ScratchRelation::View { comment, .. },
            ) => {
                *comment = text;
            }
            None => {}
        }
    }

    /// Removes a table or view.
    pub(crate) fn remove(&self, schema: &str, name: &str) {
        if let Some(relations) = self.lock().get_mut(schema) {
            relations.remove(name);
        }
    }

    /// Gives a table or view another name, perhaps in another schema.
    pub(crate) fn rename(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), QueryError> {
        let mut schemas = self.lock();
        if !schemas.contains_key(to.0) {
            return Err(missing_schema(to.0));
        }
        let relation = schemas.get_mut(from.0).and_then(|relations| relations.remove(from.1));
        match relation {
            Some(relation) => insert(&mut schemas, to.0, to.1, relation),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Schemas> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScratchRelation {
    fn bytes(&self) -> usize {
        match self {
            Self::Table(table) => table.bytes(),
            Self::View { query, .. } => query.text.len(),
        }
    }
}

fn insert(
    schemas: &mut Schemas,
    schema: &str,
    name: &str,
    relation: ScratchRelation,
) -> Result<(), QueryError> {
    let relations = schemas.get_mut(schema).ok_or_else(|| missing_schema(schema))?;
    relations.insert(name.to_owned(), relation);
    Ok(())
}

fn conflict(schema: &str, name: &str) -> QueryError {
    let message = format!("Table {MEMORY}.{schema}.{name} was changed by another statement at the same time");
    QueryError::refused("TRANSACTION_CONFLICT", message)
}

fn missing_schema(schema: &str) -> QueryError {
    QueryError::refused("SCHEMA_NOT_FOUND", format!("Schema {schema} not found"))
}

/// What clients have made, as a catalog.
#[derive(Debug)]
pub(crate) struct MemoryCatalog(pub(crate) Scratch);

#[async_trait]
impl Catalog for MemoryCatalog {
    fn name(&self) -> &'static str {
        MEMORY
    }

    fn connector(&self) -> &'static str {
        MEMORY
    }

    fn schemas(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    fn relations(&self, schema: &str) -> Vec<Relation> {
        let schemas = self.0.lock();
        let relations = schemas.get(schema).into_iter().flatten();
        relations
            .map(|(name, relation)| match relation {
                ScratchRelation::Table(table) => {
                    Relation { name: name.clone(), kind: RelationKind::Table, comment: table.comment.clone() }
                }
                ScratchRelation::View { query, comment } => Relation {
                    name: name.clone(),
                    kind: RelationKind::View(query.text.clone()),
                    comment: comment.clone(),
                },
            })
            .collect()
    }

    async fn table(
        &self,
        schema: &str,
        name: &str,
        directory: &Arc<Directory>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(view) = self.0.view(schema, name) {
            return directory.view(&view).await.map(Some);
        }
        let Some(table) = self.0.table(schema, name) else { return Ok(None) };
        Ok(Some(Arc::new(MemTable::try_new(table.schema, vec![table.rows.to_vec()])?)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn table(rows: i64) -> ScratchTable {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let column = Arc::new(Int64Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
        ScratchTable { schema, rows: Arc::from([batch]), comment: None }
    }

    #[test]
    fn there_is_room_for_so_many_bytes() {
        let scratch = Scratch::new(10_000);
        scratch.put_table(DEFAULT, "a", table(1_000)).unwrap();
        let full = scratch.put_table(DEFAULT, "b", table(1_000)).unwrap_err();
        assert!(full.to_string().starts_with("Memory limit [10000 bytes]"), "{full}");
        scratch.put_table(DEFAULT, "a", table(1_100)).unwrap();
        scratch.remove(DEFAULT, "a");
        scratch.put_table(DEFAULT, "b", table(1_000)).unwrap();
        assert!(scratch.put_table("nowhere", "c", table(1)).is_err());
    }

    #[test]
    fn a_schema_goes_when_it_is_empty_or_asked_to_cascade() {
        let scratch = Scratch::new(10_000);
        scratch.create_schema("s");
        scratch.put_table("s", "a", table(1)).unwrap();
        scratch.rename(("s", "a"), ("s", "b")).unwrap();
        assert!(scratch.table("s", "a").is_none() && scratch.table("s", "b").is_some());
        assert_eq!(scratch.drop_schema("s", false).unwrap_err().trino().name, "SCHEMA_NOT_EMPTY");
        scratch.drop_schema("s", true).unwrap();
        assert!(!scratch.has_schema("s"));
    }
}
