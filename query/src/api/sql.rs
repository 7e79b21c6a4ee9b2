//! `POST /api/v1/sql`: one statement, answered as JSON, or as a file to be kept.

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use futures::{Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use utoipa::ToSchema;

use super::authentication::Asker;
use super::extract::{Json, within};
use super::problem::Problem;
use super::rows::{Written, session_of};
use super::schema::{ProblemAnswer, SqlAnswer};
use super::state::ApiState;
use super::{TAG_LAKE, answer};
use crate::error::QueryError;
use crate::json_text::JsonText;
use crate::output::{OutputError, batch_as_csv};
use crate::session::{Column, Rows};

const DEFAULT_ROWS: usize = 1_000;

/// The most rows of an answer in JSON, which is held in memory.
const MOST_JSON_ROWS: usize = 100_000;

/// The most rows of a file.
const MOST_FILE_ROWS: usize = 10_000_000;

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SqlQuestion {
    /// One statement of SQL, as Trino writes it.
    query: String,
    /// The rows that are wanted at most: 1,000 if not given; 100,000 of JSON and 10 million of a file at most.
    max_rows: Option<usize>,
    #[serde(default)]
    format: FileFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileFormat {
    #[default]
    Json,
    Csv,
    Parquet,
}

/// Answers one statement.
#[utoipa::path(post, path = "/api/v1/sql", tag = TAG_LAKE, request_body = SqlQuestion,
    responses((status = 200, body = SqlAnswer), (status = 400, body = ProblemAnswer),
        (status = 413, body = ProblemAnswer), (status = 422, body = ProblemAnswer),
        (status = 429, body = ProblemAnswer)))]
pub(crate) async fn sql(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Json(question): Json<SqlQuestion>,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let (most, default) = match question.format {
        FileFormat::Json => (MOST_JSON_ROWS, DEFAULT_ROWS),
        FileFormat::Csv | FileFormat::Parquet => (MOST_FILE_ROWS, MOST_FILE_ROWS),
    };
    let limit = within("max_rows", question.max_rows, default, most)?;
    let answer = session_of(&state, &principal).execute(&question.query).await?;
    match question.format {
        FileFormat::Json => as_json(&answer.columns, answer.rows, limit, begun).await,
        FileFormat::Csv => Ok(as_csv(answer.rows, limit)),
        FileFormat::Parquet => as_parquet(answer.rows, limit).await,
    }
}

async fn as_json(
    columns: &[Column],
    mut rows: Rows,
    limit: usize,
    begun: Instant,
) -> Result<Response, Problem> {
    let mut json = JsonText::with_capacity(16 << 10);
    json.raw("{\"columns\":");
    write_columns(&mut json, columns);
    json.raw(",\"rows\":[");
    let (mut count, mut truncated) = (0, false);
    while let Some(batch) = rows.try_next().await? {
        let written = Written::of(&batch);
        for row in 0..written.rows() {
            if count == limit {
                truncated = true;
                break;
            }
            json.raw(if count == 0 { "" } else { "," });
            written.write_array(&mut json, row);
            count += 1;
        }
        if truncated {
            break;
        }
    }
    json.raw("],\"elapsed_ms\":");
    json.double(Some(begun.elapsed().as_secs_f64() * 1e3));
    json.raw(if truncated { ",\"truncated\":true}" } else { ",\"truncated\":false}" });
    Ok(answer::json(json.into_bytes()))
}

/// Streamed as it is computed. An error on the way breaks the connection off, so that no one takes a part for the whole.
fn as_csv(rows: Rows, limit: usize) -> Response {
    let head = RecordBatch::new_empty(rows.schema());
    let head = futures::stream::once(async move { batch_as_csv(&head, true).map(Bytes::from) });
    let lines =
        limited(rows, limit).map(|batch| Ok::<_, OutputError>(Bytes::from(batch_as_csv(&batch?, false)?)));
    file(Body::from_stream(head.chain(lines)), "text/csv; charset=utf-8", "answer.csv")
}

async fn as_parquet(rows: Rows, limit: usize) -> Result<Response, Problem> {
    let failed = |error: datafusion::parquet::errors::ParquetError| {
        Problem::from(QueryError::Failed {
            message: format!("the answer cannot be written as Parquet: {error}"),
        })
    };
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).map_err(failed)?;
    let mut batches = std::pin::pin!(limited(rows, limit));
    while let Some(batch) = batches.try_next().await? {
        writer.write(&batch).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(failed)?;
    Ok(file(Body::from(bytes), "application/vnd.apache.parquet", "answer.parquet"))
}

/// The first rows.
fn limited(rows: Rows, limit: usize) -> impl Stream<Item = Result<RecordBatch, QueryError>> {
    rows.scan(limit, |left, batch| {
        let cut = batch.map(|batch| {
            let taken = batch.num_rows().min(*left);
            *left -= taken;
            batch.slice(0, taken)
        });
        let is_past = matches!(&cut, Ok(batch) if batch.num_rows() == 0 && *left == 0);
        futures::future::ready((!is_past).then_some(cut))
    })
}

fn file(body: Body, kind: &'static str, name: &str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// Writes columns as `[{"name":…,"type":…},…]`.
pub(crate) fn write_columns(json: &mut JsonText, columns: &[Column]) {
    json.raw("[");
    for (index, column) in columns.iter().enumerate() {
        json.raw(if index == 0 { "{\"name\":" } else { ",{\"name\":" });
        json.string(&column.name);
        json.raw(",\"type\":");
        json.string(&column.r#type.to_string());
        json.raw("}");
    }
    json.raw("]");
}
