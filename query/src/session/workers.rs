//! The threads on which statements are planned and run.
//!
//! They are not those that talk to clients: a plan or a batch of rows may take a processor for a while, and whoever asks the API
//! or reads a stream meanwhile is not to notice. What a client waits for comes to it through a channel, and what it does not want
//! any more ends here at the next batch.

use std::sync::LazyLock;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use depthlake_engine::priority::let_others_go_first;
use futures::{StreamExt, stream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::QueryError;
use crate::session::statements::Begun;

/// Bytes of stack of a thread: long chains of operators are planned by recursion.
const STACK: usize = 16 << 20;

/// Batches that are ready before they are asked for.
const AHEAD: usize = 1;

static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("query")
        .thread_stack_size(STACK)
        .on_thread_start(let_others_go_first)
        .build();
    runtime.inspect_err(|error| tracing::warn!(%error, "queries have no threads of their own")).ok()
});

/// These threads; where there are none to be had, those of the caller, who must be within a runtime.
fn workers() -> Handle {
    THREADS.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
}

/// Does the work on these threads. Who drops the result before it is there stops the work.
///
/// # Errors
/// Those of the work, and [`QueryError::Failed`] where it panics.
pub(super) async fn worked<T: Send + 'static>(
    work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
) -> Result<T, QueryError> {
    let mut task = JoinSet::new();
    task.spawn_on(work, &workers());
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(_)) | None => Err(QueryError::ended_unexpectedly()),
    }
}

/// Begins an answer on these threads and computes its rows there, a batch or two before they are asked for. Who drops the answer
/// stops the work.
///
/// # Errors
/// As [`worked`].
pub(super) async fn begun_by_workers(
    begin: impl Future<Output = Result<Begun, QueryError>> + Send + 'static,
) -> Result<Begun, QueryError> {
    let (head, answered) = oneshot::channel();
    let (batches, computed) = mpsc::channel(AHEAD);
    let mut task = JoinSet::new();
    task.spawn_on(
        async move {
            let (begun, rows) = match begin.await {
                Ok(begun) => begun.apart(),
                Err(error) => {
                    let _ = head.send(Err(error));
                    return;
                }
            };
            if head.send(Ok((rows.schema(), begun))).is_ok() {
                hand_on(rows, &batches).await;
            }
        },
        &workers(),
    );
    let (schema, begun) = answered.await.map_err(|_| QueryError::ended_unexpectedly())??;
    Ok(begun(received(schema, computed, task)))
}

/// Hands batches on for as long as somebody takes them.
async fn hand_on(mut rows: SendableRecordBatchStream, batches: &mpsc::Sender<Result<RecordBatch>>) {
    while let Some(batch) = rows.next().await {
        if batches.send(batch).await.is_err() {
            return;
        }
    }
}

/// The batches that a task sends, and an error where it ends otherwise than it should.
fn received(
    schema: SchemaRef,
    computed: mpsc::Receiver<Result<RecordBatch>>,
    task: JoinSet<()>,
) -> SendableRecordBatchStream {
    let batches = stream::unfold((computed, task), |(mut computed, mut task)| async move {
        if let Some(batch) = computed.recv().await {
            return Some((batch, (computed, task)));
        }
        match task.join_next().await {
            Some(Err(_)) => {
                let failed = DataFusionError::External(Box::new(QueryError::ended_unexpectedly()));
                Some((Err(failed), (computed, task)))
            }
            Some(Ok(())) | None => None,
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// The batches, and something that is held until the last of them is there.
pub(super) fn holding<T: Send + 'static>(
    batches: SendableRecordBatchStream,
    held: T,
) -> SendableRecordBatchStream {
    let schema = batches.schema();
    let batches = stream::unfold((batches, held), |(mut batches, held)| async move {
        batches.next().await.map(|batch| (batch, (batches, held)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;
    use futures::TryStreamExt;

    use super::*;

    fn empty() -> SchemaRef {
        Arc::new(Schema::empty())
    }

    #[tokio::test]
    async fn work_is_done_on_threads_of_its_own() {
        let name = worked(async { Ok(std::thread::current().name().map(ToOwned::to_owned)) }).await.unwrap();
        assert_eq!(name.as_deref(), Some("query"));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_no_end() {
        let rows = async {
            let broken = stream::once(async { Ok(RecordBatch::new_empty(empty())) })
                .chain(stream::once(async { panic!("a fault") }));
            Ok(Begun::rows(Box::pin(RecordBatchStreamAdapter::new(empty(), broken))))
        };
        let batches = begun_by_workers(rows).await.unwrap().batches;
        let error = batches.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("unexpectedly"), "{error}");
        let never = begun_by_workers(async { panic!("another fault") }).await;
        assert!(matches!(never.err(), Some(QueryError::Failed { .. })));
    }

    #[tokio::test]
    async fn who_drops_an_answer_stops_the_work() {
        let (held, mut let_go) = mpsc::channel::<()>(1);
        let endless = async move {
            let batches = stream::repeat_with(|| Ok(RecordBatch::new_empty(empty())));
            let batches = Box::pin(RecordBatchStreamAdapter::new(empty(), batches));
            Ok(Begun::rows(holding(batches, held)))
        };
        let begun = begun_by_workers(endless).await.unwrap();
        drop(begun);
        assert!(let_go.recv().await.is_none());
    }
}
