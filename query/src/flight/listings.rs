//! What there is, in the shape that Flight SQL asks for it.

use std::sync::LazyLock;

use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetDbSchemas, CommandGetTables, SqlInfo, SqlNullOrdering, SqlSupportedTransaction,
};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema};
use tonic::Status;

use super::status;
use crate::catalog::CATALOG;
use crate::error::QueryError;
use crate::listing::{ListedTable, list};
use crate::session::Session;

/// What the server is. It can be built or not, and does not change.
pub(super) static SERVER: LazyLock<Result<SqlInfoData, String>> = LazyLock::new(|| {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "depthlake");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedAtEnd as i32);
    info.build().map_err(|error| error.to_string())
});

/// The catalog that the session looks names up in.
pub(super) fn catalog(session: &Session) -> String {
    session.settings().catalog.clone().unwrap_or_else(|| CATALOG.to_owned())
}

pub(super) async fn schemas(session: &Session, query: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let catalog = catalog(session);
    let mut builder = query.into_builder();
    let mut names: Vec<_> = listed(session).await?.into_iter().map(|table| table.schema).collect();
    names.dedup();
    for name in names {
        builder.append(&catalog, name);
    }
    builder.build().map_err(status::internal)
}

pub(super) async fn tables(session: &Session, query: CommandGetTables) -> Result<RecordBatch, Status> {
    let catalog = catalog(session);
    let mut builder = query.into_builder();
    for table in listed(session).await? {
        let kind = if table.is_view { "VIEW" } else { "TABLE" };
        let fields = table.columns.iter().map(|column| {
            Field::clone(&column.r#type.to_field(&column.name)).with_nullable(column.is_nullable)
        });
        let schema = Schema::new(fields.collect::<Vec<_>>());
        builder.append(&catalog, &table.schema, &table.name, kind, &schema).map_err(status::internal)?;
    }
    builder.build().map_err(status::internal)
}

async fn listed(session: &Session) -> Result<Vec<ListedTable>, Status> {
    list(session).await.map_err(|error: QueryError| status::of_query(&error))
}
