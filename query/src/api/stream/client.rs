//! A client as the pump sees it: a queue, and whether it keeps up.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// The messages that wait for a client at most.
pub(crate) const QUEUE: usize = 256;

/// The pump's end of a client.
#[derive(Debug)]
pub(crate) struct Client {
    queue: Sender<Utf8Bytes>,
    is_slow: AtomicBool,
    fell_behind: Notify,
}

impl Client {
    /// A client, and the end of the queue that its connection takes from.
    pub(crate) fn new() -> (Self, Receiver<Utf8Bytes>) {
        let (queue, taken) = mpsc::channel(QUEUE);
        (Self { queue, is_slow: AtomicBool::new(false), fell_behind: Notify::new() }, taken)
    }

    /// Puts a message into the queue. `false` where the client is to be told nothing more: it is gone, or the queue is full
    /// and the client with it done for.
    pub(crate) fn tell(&self, message: &Utf8Bytes) -> bool {
        if self.is_slow.load(Ordering::Relaxed) {
            return false;
        }
        match self.queue.try_send(message.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.is_slow.store(true, Ordering::Release);
                self.fell_behind.notify_one();
                false
            }
        }
    }

    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Acquire)
    }

    /// Completes when the client has not kept up.
    pub(crate) async fn fell_behind(&self) {
        while !self.is_slow() {
            self.fell_behind.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_ends_a_client() {
        let (client, mut queue) = Client::new();
        let message = Utf8Bytes::from_static("{}");
        for _ in 0..QUEUE {
            assert!(client.tell(&message));
        }
        assert!(!client.is_slow());
        assert!(!client.tell(&message));
        client.fell_behind().await;
        queue.recv().await.unwrap();
        assert!(!client.tell(&message), "once slow, always slow: it has missed a message");
    }
}
