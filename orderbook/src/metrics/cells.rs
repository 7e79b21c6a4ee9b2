//! The cells themselves: atomics on cache lines of their own, so that two writers never slow each other down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::distribution::{CELLS, Distribution, cell_of};

/// A count that any thread may raise.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down; any thread may set it.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// A count that one thread raises: a load and a store, no locked instruction.
#[derive(Debug, Default)]
pub struct SoleCounter(Arc<Counter>);

/// Reads a [`SoleCounter`] from any thread.
#[derive(Debug, Clone)]
pub struct SoleCounterReader(Arc<Counter>);

impl SoleCounter {
    #[inline]
    pub fn add(&mut self, count: u64) {
        advance(&self.0.0, count);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }

    #[must_use]
    pub fn reader(&self) -> SoleCounterReader {
        SoleCounterReader(Arc::clone(&self.0))
    }
}

impl SoleCounterReader {
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// How values are distributed; any thread may record one. Values are whole numbers of a unit that the owner chooses.
#[derive(Debug, Default)]
pub struct Histogram(Cells);

impl Histogram {
    /// Two atomic additions.
    pub fn record(&self, value: u64) {
        if let Some(cell) = self.0.counts.get(cell_of(value)) {
            cell.fetch_add(1, Relaxed);
        }
        self.0.sum.fetch_add(value, Relaxed);
    }

    /// What was recorded so far. O(cells), some thousand.
    #[must_use]
    pub fn snapshot(&self) -> Distribution {
        self.0.snapshot()
    }
}

/// How values are distributed that one thread records.
#[derive(Debug, Default)]
pub struct SoleHistogram(Arc<Cells>);

/// Reads a [`SoleHistogram`] from any thread.
#[derive(Debug, Clone)]
pub struct HistogramReader(Arc<Cells>);

impl SoleHistogram {
    /// Two loads and two stores.
    #[inline]
    pub fn record(&mut self, value: u64) {
        if let Some(cell) = self.0.counts.get(cell_of(value)) {
            advance(cell, 1);
        }
        advance(&self.0.sum, value);
    }

    #[must_use]
    pub fn reader(&self) -> HistogramReader {
        HistogramReader(Arc::clone(&self.0))
    }
}

impl HistogramReader {
    /// What was recorded up to a moment ago. O(cells), some thousand.
    #[must_use]
    pub fn snapshot(&self) -> Distribution {
        self.0.snapshot()
    }
}

#[derive(Debug)]
struct Cells {
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Default for Cells {
    fn default() -> Self {
        Self { counts: (0..CELLS).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }
}

impl Cells {
    fn snapshot(&self) -> Distribution {
        let counts = self.counts.iter().map(|cell| cell.load(Relaxed)).collect();
        Distribution::new(counts, self.sum.load(Relaxed))
    }
}

/// Only right where one thread writes, which the types above see to.
#[inline]
fn advance(cell: &AtomicU64, by: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(by), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_thread_counts_and_none_is_lost() {
        let (counter, histogram) = (Counter::default(), Histogram::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|value| (counter.add(2), histogram.record(value)).0));
            }
        });
        assert_eq!((counter.get(), histogram.snapshot().count()), (80_000, 40_000));
        assert_eq!(histogram.snapshot().sum(), 4 * 49_995_000);
    }

    #[test]
    fn one_thread_writes_and_others_read() {
        let (mut counter, mut histogram) = (SoleCounter::default(), SoleHistogram::default());
        let (count, values) = (counter.reader(), histogram.reader());
        counter.add(3);
        histogram.record(7);
        assert_eq!(std::thread::spawn(move || count.get()).join().unwrap(), 3);
        assert_eq!((values.snapshot().count(), values.snapshot().percentile(50.0)), (1, 7));
        assert_eq!(counter.get(), 3);
    }

    #[test]
    fn a_gauge_holds_what_was_set_last() {
        let gauge = Gauge::default();
        gauge.set(-1.5);
        assert!((gauge.get() + 1.5).abs() < f64::EPSILON);
    }
}
