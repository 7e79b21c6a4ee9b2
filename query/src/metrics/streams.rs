//! Live streams over WebSocket and server-sent events.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use depthlake_orderbook::metrics::{Page, Source};

use crate::api::StreamCounts;

/// Tells of the clients of live streams.
#[derive(Debug)]
pub struct StreamFigures(Arc<StreamCounts>);

impl StreamFigures {
    #[must_use]
    pub const fn of(counts: Arc<StreamCounts>) -> Self {
        Self(counts)
    }
}

impl Source for StreamFigures {
    fn tell(&self, page: &mut Page) {
        page.gauge("depthlake_stream_clients", "Clients of live streams.")
            .whole(&[], self.0.clients.load(Relaxed));
        page.counter(
            "depthlake_stream_dropped_clients_total",
            "Clients let go because they did not keep up.",
        )
        .whole(&[], self.0.dropped.load(Relaxed));
        page.counter("depthlake_stream_messages_total", "Messages handed to clients of live streams.")
            .whole(&[], self.0.messages.load(Relaxed));
    }
}
