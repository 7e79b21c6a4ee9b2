//! The memory of one query: a share of its own within what all queries have together.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

use crate::session::queries::Query;

/// Grants memory where both the query's own limit and that of all queries allow it.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    own: FairSpillPool,
    all: Arc<dyn MemoryPool>,
    query: Arc<Query>,
}

impl QueryMemory {
    pub(crate) fn new(bytes: usize, all: Arc<dyn MemoryPool>, query: Arc<Query>) -> Self {
        Self { own: FairSpillPool::new(bytes), all, query }
    }
}

impl MemoryPool for QueryMemory {
    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.all.grow(reservation, additional);
        self.query.saw_memory(self.own.reserved());
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.own.try_grow(reservation, additional)?;
        if let Err(error) = self.all.try_grow(reservation, additional) {
            self.own.shrink(reservation, additional);
            return Err(error);
        }
        self.query.saw_memory(self.own.reserved());
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}
