//! The catalog `tpch`: the tables of the TPC-H benchmark, generated when they are read, with the names and types that they
//! have in Trino.

mod columns;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream::iter;

use crate::catalog::{Catalog, Directory, Relation, RelationKind};
use columns::TpchTable;

/// Schemas with their scale factors.
const SCHEMAS: [(&str, f64); 2] = [("sf1", 1.0), ("tiny", 0.01)];

/// Parts in which a table is generated at once.
const PARTS: i32 = 2;

/// The catalog of generated tables.
#[derive(Debug)]
pub(crate) struct TpchCatalog;

#[async_trait]
impl Catalog for TpchCatalog {
    fn name(&self) -> &'static str {
        "tpch"
    }

    fn connector(&self) -> &'static str {
        "tpch"
    }

    fn schemas(&self) -> Vec<String> {
        SCHEMAS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn relations(&self, schema: &str) -> Vec<Relation> {
        let relation = |table: TpchTable| Relation {
            name: table.name().to_owned(),
            kind: RelationKind::Table,
            comment: None,
        };
        let is_known = SCHEMAS.iter().any(|(name, _)| *name == schema);
        TpchTable::ALL.into_iter().filter(|_| is_known).map(relation).collect()
    }

    async fn table(
        &self,
        schema: &str,
        name: &str,
        _directory: &Arc<Directory>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let scale = SCHEMAS.iter().find(|(known, _)| *known == schema).map(|(_, scale)| *scale);
        let table = TpchTable::ALL.into_iter().find(|table| table.name() == name);
        let (Some(scale), Some(table)) = (scale, table) else { return Ok(None) };
        let parts = if table.grows() { PARTS } else { 1 };
        let streams = (1..=parts).map(|part| {
            let stream: Arc<dyn PartitionStream> =
                Arc::new(Part { table, scale, number: part, parts, schema: table.schema() });
            stream
        });
        Ok(Some(Arc::new(StreamingTable::try_new(table.schema(), streams.collect())?)))
    }
}

/// A part of a table.
#[derive(Debug)]
struct Part {
    table: TpchTable,
    scale: f64,
    number: i32,
    parts: i32,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = rows::batches(self.table, self.scale, self.number, self.parts);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), iter(batches)))
    }
}
