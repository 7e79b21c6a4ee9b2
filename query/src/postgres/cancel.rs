//! Requests to cancel, which come on a connection of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pgwire::api::cancel::CancelHandler;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;

use super::Door;
use crate::session::{QueryId, StopReason};

/// The connections that could be meant, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Cancellations(Mutex<HashMap<i32, (SecretKey, Running)>>);

/// The query that a connection is busy with.
pub(super) type Running = Arc<Mutex<Option<QueryId>>>;

impl Cancellations {
    /// Takes a connection into the list, from which the guard takes it.
    pub(super) fn enter(door: &Arc<Door>, process: i32, key: SecretKey, running: Running) -> Listed {
        let mut listed = door.cancellations.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(process, (key, running));
        Listed { door: Arc::clone(door), process }
    }

    fn find(&self, process: i32, key: &SecretKey) -> Option<QueryId> {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, running) = listed.get(&process)?;
        if own != key {
            return None;
        }
        running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that is in the list.
pub(super) struct Listed {
    door: Arc<Door>,
    process: i32,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut listed = self.door.cancellations.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.remove(&self.process);
    }
}

pub(super) struct Cancel(pub(super) Arc<Door>);

#[async_trait]
impl CancelHandler for Cancel {
    async fn on_cancel_request(&self, request: CancelRequest) {
        if let Some(query) = self.0.cancellations.find(request.pid, &request.secret_key) {
            self.0.database.queries().cancel(&query, StopReason::Cancelled);
        }
    }
}
