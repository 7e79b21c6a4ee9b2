//! Threads for what may wait: carrying the log into the tables and caring for these. A commit or a merge takes the processor for
//! a while, and whoever reads a live book or asks the API is not to notice.

use std::sync::LazyLock;

use depthlake_engine::priority::let_others_go_first;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("lake")
        .on_thread_start(let_others_go_first)
        .build();
    runtime.inspect_err(|error| tracing::warn!(%error, "the lake has no threads of its own")).ok()
});

/// Does the work on these threads; where there are none to be had, on those of the caller.
pub fn spawn<W>(work: W) -> JoinHandle<W::Output>
where
    W: Future<Output: Send> + Send + 'static,
{
    match &*THREADS {
        Some(runtime) => runtime.spawn(work),
        None => tokio::spawn(work),
    }
}
