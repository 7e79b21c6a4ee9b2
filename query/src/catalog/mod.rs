//! The catalogs: what there is to ask, under which names, and who may see it.
//!
//! A [`Directory`] is what one principal sees during one query. Every catalog has an `information_schema` of ours, in
//! Trino's terms. Names are lower case.

mod directory;
pub(crate) mod information_schema;
mod lake;
mod memory;
pub(crate) mod sheet;
mod system;
mod tpch;

pub(crate) use directory::{Directory, QueryCatalogs, ViewQuery};
pub(crate) use lake::{LakeCatalog, why_unknown};
pub(crate) use memory::{MEMORY, MemoryCatalog, Scratch, ScratchTable};
pub(crate) use system::SystemCatalog;
pub(crate) use tpch::TpchCatalog;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::error::Result;

/// The catalog of the lake's tables.
pub(crate) const CATALOG: &str = "depthlake";

/// The schema in which a name without one is looked up by this process's own sessions. It is listed nowhere.
pub(crate) const ANY_SCHEMA: &str = "any";

/// The schema that every catalog has, about itself.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// A catalog: schemas of tables and views.
#[async_trait]
pub(crate) trait Catalog: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// What Trino calls the connector.
    fn connector(&self) -> &'static str;

    fn schemas(&self) -> Vec<String>;

    /// The tables and views of a schema; none where there is no such schema.
    fn relations(&self, schema: &str) -> Vec<Relation>;

    /// A table or view for one query; `None` where there is none of the name. There may be more names than
    /// [`Catalog::relations`] lists, such as those of a table's states.
    async fn table(
        &self,
        schema: &str,
        name: &str,
        directory: &Arc<Directory>,
    ) -> Result<Option<Arc<dyn TableProvider>>>;
}

/// A table or view as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) kind: RelationKind,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Table,
    /// With the query that it is.
    View(String),
}
