//! Telling subscribers of rows as they are read.

use std::collections::BTreeMap;
use std::sync::Mutex;

use arrow_array::RecordBatch;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

use super::lock;
use crate::log::TopicPartition;
use crate::table::Table;

/// Arrivals that wait for a slow subscriber.
const WAITING: usize = 1_024;

/// Rows that were read, of records of one partition that follow each other.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub at: TopicPartition,
    /// With the columns of the table.
    pub rows: RecordBatch,
}

/// What a subscriber gets.
#[derive(Debug, Clone)]
pub enum Told {
    Rows(Arrival),
    /// So many arrivals came and went before this subscriber asked for them.
    Missed(u64),
}

/// The rows of one table as they come.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<Arrival>,
}

#[derive(Debug, Default)]
pub(super) struct Arrivals {
    senders: Mutex<BTreeMap<Table, Sender<Arrival>>>,
}

impl Subscription {
    /// Waits for the next rows; `None` when the tail has ended. May be cancelled without a loss.
    pub async fn next(&mut self) -> Option<Told> {
        match self.receiver.recv().await {
            Ok(arrival) => Some(Told::Rows(arrival)),
            Err(RecvError::Lagged(missed)) => Some(Told::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Arrivals {
    pub(super) fn subscribe(&self, table: Table) -> Subscription {
        let mut senders = lock(&self.senders);
        let sender = senders.entry(table).or_insert_with(|| Sender::new(WAITING));
        Subscription { receiver: sender.subscribe() }
    }

    pub(super) fn are_awaited(&self, table: Table) -> bool {
        lock(&self.senders).get(&table).is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(super) fn tell(&self, table: Table, arrival: Arrival) {
        if let Some(sender) = lock(&self.senders).get(&table) {
            // Nobody may listen any more.
            let _ = sender.send(arrival);
        }
    }
}
