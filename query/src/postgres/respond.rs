//! A request, carried out.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;
use depthlake_dialect::types::TrinoType;
use futures::{Stream, StreamExt, stream};
use pgwire::api::portal::Format;
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;

use super::connection::Connection;
use super::copy::copied;
use super::request::Request;
use super::types::{ColumnType, fields};
use super::{Door, encode, error};
use crate::session::Column;

/// Carries out a request; `text` is its statement, and `format` how rows are to be written.
pub(super) async fn respond(
    door: &Door,
    connection: &Connection,
    request: &Request,
    text: &str,
    values: Vec<ScalarValue>,
    format: &Format,
) -> PgWireResult<Response> {
    let tag = || Tag::new(request.tag());
    let busy = connection.busy();
    Ok(match request {
        Request::Session(text) => {
            let answer = connection.execute(door, text, values).await?;
            if let Some(update) = &answer.update {
                let tag = Tag::new(update.kind);
                let count = update.count.and_then(|count| usize::try_from(count).ok());
                finish(answer.rows, text).await?;
                return Ok(Response::Execution(count.into_iter().fold(tag, Tag::with_rows)));
            }
            if answer.columns.is_empty() {
                finish(answer.rows, text).await?;
                return Ok(Response::Execution(Tag::new("SET")));
            }
            let text = text.clone();
            let rows = answer.rows.map(move |batch| {
                let _busy = &busy;
                batch.map_err(|failed| error::of_query(&failed, &text))
            });
            Response::Query(rows_response(&answer.columns, format, rows))
        }
        Request::Catalog(text) => {
            let plan = connection.plan(door, text).await?;
            let columns = plan.columns();
            let rows = plan.run(values).await.map_err(|failed| error::of_catalog(failed, text))?;
            let rows = rows.map(move |batch| {
                let _busy = &busy;
                batch.map_err(|failed| error::of_query(&crate::error::QueryError::of_execution(failed), ""))
            });
            Response::Query(rows_response(&columns, format, rows))
        }
        Request::Begin => Response::TransactionStart(tag()),
        Request::Commit | Request::Rollback => {
            connection.cursors().lock().await.clear();
            Response::TransactionEnd(tag())
        }
        Request::Set { name, value } => {
            connection.assign(door, name, value.as_deref(), text).await?;
            Response::Execution(tag())
        }
        Request::ResetAll => {
            connection.reset();
            Response::Execution(tag())
        }
        Request::Show { name } => {
            let settings = connection.settings();
            let unknown =
                || error::plain("42704", format!("unrecognized configuration parameter \"{name}\""));
            let value = settings.get(name).ok_or_else(unknown)?;
            texts(&[name.as_str()], &[vec![value]], format)?
        }
        Request::ShowAll => {
            let settings = connection.settings();
            let (names, values): (Vec<_>, Vec<_>) = settings.all().unzip();
            let descriptions = vec![""; names.len()];
            texts(&["name", "setting", "description"], &[names, values, descriptions], format)?
        }
        Request::Declare { cursor, query } => {
            let opened = Box::pin(respond(door, connection, query, text, values, format)).await?;
            if let Response::Query(rows) = opened {
                connection.cursors().lock().await.insert(cursor.clone(), rows);
            }
            Response::Execution(tag())
        }
        Request::Fetch { cursor, rows } => fetch(connection, cursor, *rows).await?,
        Request::Close { cursor } => {
            let mut cursors = connection.cursors().lock().await;
            match cursor {
                Some(cursor) => drop(cursors.remove(cursor)),
                None => cursors.clear(),
            }
            Response::Execution(tag())
        }
        Request::Copy { query, form } => {
            let text_only = Format::UnifiedText;
            match Box::pin(respond(door, connection, query, text, values, &text_only)).await? {
                Response::Query(rows) => Response::CopyOut(copied(rows, form.clone())),
                _ => return Err(error::plain("42601", "only the rows of a query can be copied")),
            }
        }
        Request::NoCopy(why) => return Err(error::plain("0A000", *why)),
        Request::Nothing("") => Response::EmptyQuery,
        Request::Nothing(_) => Response::Execution(tag()),
    })
}

/// The columns of the answer to a request, before it is carried out; none where it has no rows.
pub(super) async fn columns(
    door: &Door,
    connection: &Connection,
    request: &Request,
) -> PgWireResult<(Vec<TrinoType>, Vec<Column>)> {
    let text = |name: &str| Column { name: name.to_owned(), r#type: TrinoType::Varchar { length: None } };
    let _busy = connection.busy();
    Ok(match request {
        Request::Session(text) => {
            let described = connection.session(door).describe(text).await;
            let described = described.map_err(|failed| error::of_query(&failed, text))?;
            (described.parameters, described.columns)
        }
        Request::Catalog(text) => {
            let plan = connection.plan(door, text).await?;
            let parameters = plan.parameters().map_err(|failed| error::of_catalog(failed, text))?;
            (parameters, plan.columns())
        }
        Request::Show { name } => (Vec::new(), vec![text(name)]),
        Request::ShowAll => (Vec::new(), ["name", "setting", "description"].map(text).into()),
        _ => (Vec::new(), Vec::new()),
    })
}

fn rows_response(
    columns: &[Column],
    format: &Format,
    batches: impl Stream<Item = PgWireResult<RecordBatch>> + Send + 'static,
) -> QueryResponse {
    let fields = Arc::new(fields(columns, format));
    let types: Vec<_> = columns
        .iter()
        .zip(fields.iter())
        .map(|(column, field)| (ColumnType::of(&column.r#type), field.format()))
        .collect();
    let rows = batches.flat_map(move |batch| {
        let rows = batch.and_then(|batch| {
            encode::rows(&batch, &types).map_err(|failed| error::plain("22000", failed.to_string()))
        });
        let rows: Vec<PgWireResult<DataRow>> = match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(failed) => vec![Err(failed)],
        };
        stream::iter(rows)
    });
    QueryResponse::new(fields, rows)
}

/// Rows that are there already.
fn texts(names: &[&str], columns: &[Vec<&str>], format: &Format) -> PgWireResult<Response> {
    let fields: Vec<_> = names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    let arrays = columns.iter().map(|values| Arc::new(StringArray::from(values.clone())) as _).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    let batch = batch.map_err(|failed| PgWireError::ApiError(Box::new(failed)))?;
    let columns = crate::session::answer::columns_of(&batch.schema());
    Ok(Response::Query(rows_response(&columns, format, stream::iter([Ok(batch)]))))
}

async fn fetch(connection: &Connection, cursor: &str, rows: Option<usize>) -> PgWireResult<Response> {
    let mut cursors = connection.cursors().lock().await;
    let open = cursors.get_mut(cursor);
    let open = open.ok_or_else(|| error::plain("34000", format!("cursor \"{cursor}\" does not exist")))?;
    let mut taken = Vec::new();
    while rows.is_none_or(|rows| taken.len() < rows) {
        match open.data_rows().next().await {
            Some(row) => taken.push(Ok(row?)),
            None => break,
        }
    }
    let mut response = QueryResponse::new(open.row_schema(), stream::iter(taken));
    response.set_command_tag("FETCH");
    Ok(Response::Query(response))
}

/// Runs a statement without rows to its end.
async fn finish(mut rows: crate::session::Rows, text: &str) -> PgWireResult<()> {
    while let Some(batch) = rows.next().await {
        batch.map_err(|failed| error::of_query(&failed, text))?;
    }
    Ok(())
}
