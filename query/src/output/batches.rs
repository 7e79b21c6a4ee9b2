//! Rows to be written, wherever they come from.

use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};

use super::OutputError;
use crate::session::Rows;

/// Rows of known columns as they come.
pub struct Batches<'a> {
    schema: SchemaRef,
    batches: BoxStream<'a, Result<RecordBatch, OutputError>>,
}

impl<'a> Batches<'a> {
    /// The batches of a stream, whose columns are those of the schema.
    #[must_use]
    pub fn new(schema: SchemaRef, batches: BoxStream<'a, Result<RecordBatch, OutputError>>) -> Self {
        Self { schema, batches }
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl From<Rows> for Batches<'static> {
    fn from(rows: Rows) -> Self {
        Self { schema: rows.schema(), batches: rows.map_err(OutputError::from).boxed() }
    }
}

impl Stream for Batches<'_> {
    type Item = Result<RecordBatch, OutputError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context)
    }
}
