//! The rows of an answer as they are computed, and the end of the query that gives them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::future::BoxFuture;
use futures::stream::TakeUntil;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::error::QueryError;
use crate::session::database::Run;

/// The rows of an answer, computed as they are asked for. Dropping them stops the query.
pub struct Rows {
    schema: SchemaRef,
    batches: TakeUntil<SendableRecordBatchStream, BoxFuture<'static, QueryError>>,
    run: Run,
}

impl Rows {
    pub(super) fn new(batches: SendableRecordBatchStream, run: Run) -> Self {
        let stopped = run.stopped();
        Self { schema: batches.schema(), batches: batches.take_until(stopped), run }
    }

    /// The columns, known before the first row.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// All rows at once.
    ///
    /// # Errors
    /// [`QueryError`] where the query fails, is stopped, or reaches a limit on the way.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.try_collect().await
    }

    /// What the next batch, or the end of the batches, means for the query.
    fn taken(
        &mut self,
        next: Option<Result<RecordBatch, QueryError>>,
    ) -> Option<Result<RecordBatch, QueryError>> {
        let next = match next {
            Some(Ok(batch)) => Some(self.run.count(&batch).map(|()| batch)),
            Some(Err(error)) => Some(Err(error)),
            None => self.batches.take_result().map(Err),
        };
        match &next {
            Some(Ok(_)) => {}
            Some(Err(error)) => self.run.end(Some(error)),
            None => self.run.end(None),
        }
        next
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.run.has_ended() {
            return Poll::Ready(None);
        }
        let next = futures::ready!(self.batches.poll_next_unpin(context));
        Poll::Ready(self.taken(next.map(|batch| batch.map_err(QueryError::of_execution))))
    }
}
