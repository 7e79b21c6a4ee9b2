//! The tables that a session may read, with their columns, for doors that list them in their own words.

use std::collections::BTreeMap;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use depthlake_dialect::types::TrinoType;
use depthlake_lake::table::Table;

use crate::catalog::CATALOG;
use crate::error::QueryError;
use crate::session::Session;

const COLUMNS: &str = "SELECT table_schema, table_name, column_name, data_type, is_nullable \
    FROM information_schema.columns ORDER BY table_schema, table_name, ordinal_position";
const VIEWS: &str =
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'VIEW'";

/// A table or view.
#[derive(Debug, Clone)]
pub(crate) struct ListedTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_view: bool,
    /// What a row means, where that is written down.
    pub(crate) comment: Option<&'static str>,
    pub(crate) columns: Vec<ListedColumn>,
}

#[derive(Debug, Clone)]
pub(crate) struct ListedColumn {
    pub(crate) name: String,
    pub(crate) r#type: TrinoType,
    pub(crate) is_nullable: bool,
}

/// What the session lists in its catalog, in the order of schemas and names.
///
/// # Errors
/// Those of a query.
pub(crate) async fn list(session: &Session) -> Result<Vec<ListedTable>, QueryError> {
    let mut tables: BTreeMap<(String, String), ListedTable> = BTreeMap::new();
    for row in rows(session, COLUMNS).await? {
        let [schema, name, column, r#type, is_nullable] = row;
        if schema == "information_schema" {
            continue;
        }
        let table = tables.entry((schema, name)).or_insert_with_key(|(schema, name)| ListedTable {
            schema: schema.clone(),
            name: name.clone(),
            is_view: false,
            comment: comment(session, schema, name),
            columns: Vec::new(),
        });
        let r#type = TrinoType::parse(&r#type).unwrap_or(TrinoType::Varchar { length: None });
        table.columns.push(ListedColumn { name: column, r#type, is_nullable: is_nullable == "YES" });
    }
    for [schema, name] in rows(session, VIEWS).await? {
        if let Some(view) = tables.get_mut(&(schema, name)) {
            view.is_view = true;
        }
    }
    Ok(tables.into_values().collect())
}

fn comment(session: &Session, schema: &str, name: &str) -> Option<&'static str> {
    if session.settings().catalog.as_deref().is_some_and(|catalog| catalog != CATALOG) {
        return None;
    }
    format!("{schema}.{name}").parse::<Table>().ok().map(Table::comment)
}

/// The rows of an answer whose columns are texts.
async fn rows<const N: usize>(session: &Session, text: &str) -> Result<Vec<[String; N]>, QueryError> {
    let batches = session.sql(text).await?.collect().await?;
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = texts(batch)?;
        for row in 0..batch.num_rows() {
            rows.push(std::array::from_fn(|column| {
                columns
                    .get(column)
                    .map(|texts| texts.as_string::<i32>().value(row).to_owned())
                    .unwrap_or_default()
            }));
        }
    }
    Ok(rows)
}

fn texts(batch: &RecordBatch) -> Result<Vec<ArrayRef>, QueryError> {
    let texts = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
    texts.collect::<Result<_, _>>().map_err(|error| QueryError::Failed { message: error.to_string() })
}
