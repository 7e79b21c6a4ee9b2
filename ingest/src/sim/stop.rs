//! The signal that the venue closes.

use tokio::sync::watch;

/// Says when to stop. Every task of the venue holds one.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until the venue closes or is gone.
    pub(super) async fn requested(&mut self) {
        // An error means that the venue is gone.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
