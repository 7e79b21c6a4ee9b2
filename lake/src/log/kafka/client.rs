//! What all of our Kafka clients share: where they connect, and where their messages go.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::Brokers;

/// The longest a single question to the broker may take.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// Our consumers that read by position name this group, which nobody joins.
const READER_GROUP: &str = "depthlake-reader";

/// Bytes that a consumer fetches ahead.
const FETCH_AHEAD_KILOBYTES: &str = "4096";

/// A client's context that keeps quiet: what matters about a connection, who uses it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        log(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Passes a line of librdkafka's on.
pub(super) fn log(facility: &str, message: &str) {
    tracing::debug!(facility, message, "librdkafka");
}

/// What every client begins with.
pub(super) fn config(brokers: &Brokers) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers.list())
        .set("client.id", "depthlake")
        .set("allow.auto.create.topics", "false")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "2000");
    config
}

/// A consumer that is told what to read.
pub(super) fn consumer(brokers: &Brokers) -> KafkaResult<BaseConsumer<Quiet>> {
    config(brokers)
        .set("group.id", READER_GROUP)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_uncommitted")
        .set("fetch.wait.max.ms", "20")
        .set("queued.max.messages.kbytes", FETCH_AHEAD_KILOBYTES)
        .create_with_context(Quiet)
}

/// Waits for a future that another thread completes, as the broker's answers to an administrator are.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
