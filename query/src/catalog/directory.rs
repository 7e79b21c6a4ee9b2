//! What one principal sees during one query.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::{TableType, ViewTable};
use datafusion::error::{DataFusionError, Result};

use crate::access::{Grants, Principal};
use crate::catalog::{ANY_SCHEMA, Catalog, INFORMATION_SCHEMA, Relation, RelationKind, information_schema};
use crate::error::QueryError;
use crate::session::{Database, plan_view};

/// How many views may lie in each other.
const VIEWS_IN_VIEWS: usize = 16;

/// The catalogs of one query. A table that is asked for twice is the same, and shows the same rows.
pub(crate) struct Directory {
    database: Database,
    principal: Principal,
    catalogs: Vec<Arc<dyn Catalog>>,
    /// Whether names without a schema are looked up in all.
    finds_anywhere: bool,
    /// How many views this query lies in.
    depth: usize,
    found: Mutex<Found>,
}

/// Tables by catalog, schema and name.
type Found = HashMap<(String, String, String), Arc<dyn TableProvider>>;

/// The query that a view is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ViewQuery {
    pub(crate) text: String,
    /// Where the view's names are looked up.
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    /// On whose behalf the view's tables are read.
    pub(crate) definer: Principal,
}

impl Directory {
    pub(crate) fn new(
        database: Database,
        principal: Principal,
        catalogs: Vec<Arc<dyn Catalog>>,
        finds_anywhere: bool,
    ) -> Arc<Self> {
        Arc::new(Self { database, principal, catalogs, finds_anywhere, depth: 0, found: Mutex::default() })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    fn grants(&self) -> &Grants {
        &self.principal.grants
    }

    /// The catalogs of which something may be read.
    pub(crate) fn catalogs(&self) -> impl Iterator<Item = &Arc<dyn Catalog>> {
        self.catalogs.iter().filter(|catalog| self.grants().reads_some_of(catalog.name()))
    }

    pub(crate) fn catalog(&self, name: &str) -> Option<&Arc<dyn Catalog>> {
        self.catalogs().find(|catalog| catalog.name() == name)
    }

    /// The schemas of a catalog that may be read, `information_schema` among them, in the order of their names.
    pub(crate) fn schemas(&self, catalog: &str) -> Option<Vec<String>> {
        let mut schemas = self.catalog(catalog)?.schemas();
        schemas.retain(|schema| self.grants().reads(catalog, schema));
        schemas.push(INFORMATION_SCHEMA.to_owned());
        schemas.sort();
        Some(schemas)
    }

    pub(crate) fn has_schema(&self, catalog: &str, schema: &str) -> bool {
        self.schemas(catalog).is_some_and(|schemas| schemas.iter().any(|known| known == schema))
    }

    /// Whether there is a schema that may not be read.
    pub(crate) fn denies(&self, catalog: &str, schema: &str) -> bool {
        !self.grants().reads(catalog, schema)
            && self
                .catalogs
                .iter()
                .any(|known| known.name() == catalog && known.schemas().iter().any(|known| known == schema))
    }

    /// The tables and views of a schema that may be read, in the order of their names.
    pub(crate) fn relations(&self, catalog: &str, schema: &str) -> Vec<Relation> {
        let mut relations = match self.catalog(catalog) {
            Some(_) if schema == INFORMATION_SCHEMA => information_schema::relations(),
            Some(known) if self.grants().reads(catalog, schema) => known.relations(schema),
            _ => Vec::new(),
        };
        relations.sort_by(|a, b| a.name.cmp(&b.name));
        relations
    }

    pub(crate) fn relation(&self, catalog: &str, schema: &str, name: &str) -> Option<Relation> {
        self.relations(catalog, schema).into_iter().find(|relation| relation.name == name)
    }

    /// A table or view, to be read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` where it may not be read.
    pub(crate) async fn table(
        self: &Arc<Self>,
        catalog: &str,
        schema: &str,
        name: &str,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let key = (catalog.to_owned(), schema.to_owned(), name.to_owned());
        if let Some(found) = self.found().get(&key) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(known) = self.catalogs.iter().find(|known| known.name() == catalog) else { return Ok(None) };
        let table = if schema == INFORMATION_SCHEMA {
            information_schema::table(catalog, name, self)
        } else {
            self.check_may_read(catalog, schema, name)?;
            known.table(schema, name, self).await?
        };
        if let Some(table) = &table {
            self.found().insert(key, Arc::clone(table));
        }
        Ok(table)
    }

    /// The columns of a table or view; `None` where there is none, or it cannot be planned any more.
    pub(crate) async fn columns(
        self: &Arc<Self>,
        catalog: &str,
        schema: &str,
        name: &str,
    ) -> Option<SchemaRef> {
        match self.table(catalog, schema, name).await {
            Ok(table) => table.map(|table| table.schema()),
            Err(error) => {
                tracing::debug!(%error, catalog, schema, name, "the columns of a relation are not known");
                None
            }
        }
    }

    /// A view, planned on its definer's behalf over the tables as they are now.
    pub(crate) async fn view(self: &Arc<Self>, query: &ViewQuery) -> Result<Arc<dyn TableProvider>> {
        if self.depth >= VIEWS_IN_VIEWS {
            return Err(external(QueryError::refused(
                "VIEW_IS_RECURSIVE",
                "Statement stack is recursive: a view is in itself",
            )));
        }
        let plan = plan_view(&self.inside(query.definer.clone(), false), query).await.map_err(external)?;
        Ok(Arc::new(ViewTable::new(plan, Some(query.text.clone()))))
    }

    /// What somebody sees in a view of this query.
    pub(crate) fn inside(&self, principal: Principal, finds_anywhere: bool) -> Arc<Self> {
        Arc::new(Self {
            database: self.database.clone(),
            principal,
            catalogs: self.catalogs.clone(),
            finds_anywhere,
            depth: self.depth + 1,
            found: Mutex::default(),
        })
    }

    fn check_may_read(&self, catalog: &str, schema: &str, name: &str) -> Result<()> {
        if self.grants().reads(catalog, schema) && (schema != ANY_SCHEMA || self.finds_anywhere) {
            return Ok(());
        }
        let message = format!("Access Denied: Cannot select from table {catalog}.{schema}.{name}");
        Err(external(QueryError::refused("PERMISSION_DENIED", message)))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn external(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("catalogs", &self.catalogs).finish_non_exhaustive()
    }
}

impl Relation {
    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind, RelationKind::View(_))
    }
}

/// A directory as the planner asks it.
#[derive(Debug)]
pub(crate) struct QueryCatalogs(pub(crate) Arc<Directory>);

#[derive(Debug)]
struct QueryCatalog {
    name: String,
    directory: Arc<Directory>,
}

/// A schema as the planner asks it.
#[derive(Debug)]
struct QuerySchema {
    catalog: String,
    name: String,
    directory: Arc<Directory>,
}

impl CatalogProviderList for QueryCatalogs {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.0.catalogs().map(|catalog| catalog.name().to_owned()).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(QueryCatalog { name: name.to_owned(), directory: Arc::clone(&self.0) }))
    }
}

impl CatalogProvider for QueryCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        self.directory.schemas(&self.name).unwrap_or_default()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let (catalog, name) = (self.name.clone(), name.to_owned());
        Some(Arc::new(QuerySchema { catalog, name, directory: Arc::clone(&self.directory) }))
    }
}

#[async_trait]
impl SchemaProvider for QuerySchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        let relations = self.directory.relations(&self.catalog, &self.name);
        relations.into_iter().map(|relation| relation.name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.directory.table(&self.catalog, &self.name, name).await
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table(name).await?.map(|table| table.table_type()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.directory.relation(&self.catalog, &self.name, name).is_some()
    }
}
