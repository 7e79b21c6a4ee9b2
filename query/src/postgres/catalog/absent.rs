//! Tables about what no table here has: keys, indexes, defaults, sequences, collations. Tools look there whatever they ask of a
//! table, and are to find nothing, in columns of the right types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result;

const TABLES: [&str; 5] = ["pg_attrdef", "pg_collation", "pg_constraint", "pg_index", "pg_sequence"];

/// Columns that hold several numbers each. The tables as `PostgreSQL` has them at its start give those as text.
const LISTS: [&str; 11] = [
    "indkey",
    "indcollation",
    "indclass",
    "indoption",
    "conkey",
    "confkey",
    "conpfeqop",
    "conppeqop",
    "conffeqop",
    "confdelsetcols",
    "conexclop",
];

/// Whether a table of this name has no rows.
pub(super) fn is_absent(name: &str) -> bool {
    TABLES.contains(&name)
}

/// The tables, each with the columns that it has in `fixed`.
pub(super) async fn tables(
    fixed: &dyn SchemaProvider,
) -> Result<Vec<(&'static str, Arc<dyn TableProvider>)>> {
    let mut tables = Vec::new();
    for name in TABLES {
        let Some(table) = fixed.table(name).await? else { continue };
        let fields = table.schema().fields().iter().map(|field| with_lists(field)).collect::<Vec<_>>();
        let empty: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(Arc::new(Schema::new(fields))));
        tables.push((name, empty));
    }
    Ok(tables)
}

fn with_lists(field: &Field) -> Field {
    let list = || DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true)));
    let is_list = LISTS.contains(&field.name().as_str());
    Field::new(field.name(), if is_list { list() } else { field.data_type().clone() }, true)
}
