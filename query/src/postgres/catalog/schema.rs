//! `pg_catalog` as a schema: the tables of what is there, and behind them those of what `PostgreSQL` is.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::Result;

use super::World;
use super::relations::relations;

#[derive(Debug)]
pub(super) struct PgCatalog {
    own: BTreeMap<&'static str, Arc<dyn TableProvider>>,
    fixed: Arc<dyn SchemaProvider>,
}

impl PgCatalog {
    pub(super) fn new(
        world: &World,
        same_for_all: &[(&'static str, Arc<dyn TableProvider>)],
        fixed: Arc<dyn SchemaProvider>,
    ) -> Result<Self> {
        let own = relations(world).into_iter().map(super::relation::Relation::into_table);
        let mut own = own.collect::<Result<BTreeMap<_, _>>>()?;
        own.extend(same_for_all.iter().cloned());
        Ok(Self { own, fixed })
    }
}

#[async_trait]
impl SchemaProvider for PgCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        let fixed = self.fixed.table_names().into_iter();
        let own = self.own.keys().map(|name| (*name).to_owned());
        own.chain(fixed.filter(|name| !self.own.contains_key(name.as_str()))).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.own.get(name) {
            Some(table) => Ok(Some(Arc::clone(table))),
            None => self.fixed.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.own.contains_key(name) || self.fixed.table_exist(name)
    }
}
