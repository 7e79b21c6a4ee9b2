//! When a command has to end.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// Completes after `duration`, where there is one, or when the user or the system asks for the end.
pub async fn stop_requested(duration: Option<Duration>) {
    let elapsed = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = elapsed => {}
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
