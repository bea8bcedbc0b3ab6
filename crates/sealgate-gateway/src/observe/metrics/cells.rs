//! Enters: how long something took and how it ended. Leaves: counts by operation, outcome and
//! duration.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::operation::{Operation, Outcome};

/// Upper bounds in microseconds; the last bucket has none.
const BOUNDS: [u64; 15] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

const BUCKETS: usize = BOUNDS.len() + 1;
const OUTCOMES: usize = Outcome::ALL.len();

/// Durations by operation; an operation takes memory once it was seen.
#[derive(Default)]
pub(super) struct Durations {
    cells: [OnceLock<Box<Cell>>; Operation::COUNT],
}

/// One operation: a histogram per outcome, whose total is the request counter as well.
pub(super) struct Cell {
    label: &'static str,
    counts: [[AtomicU64; BUCKETS]; OUTCOMES],
    /// Microseconds, by outcome.
    sums: [AtomicU64; OUTCOMES],
}

/// A copy of some outcomes of a cell, added up.
#[derive(Clone, Default)]
pub(super) struct Histogram {
    pub(super) seconds: f64,
    pub(super) count: u64,
    buckets: [u64; BUCKETS],
}

// === impl Durations ===

impl Durations {
    pub(super) fn observe(&self, operation: Operation, outcome: Outcome, took: Duration) {
        let cell = self.cells[operation.index()].get_or_init(|| Box::new(Cell::new(operation)));
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|&bound| bound < micros);
        cell.counts[outcome as usize][bucket].fetch_add(1, Ordering::Relaxed);
        cell.sums[outcome as usize].fetch_add(micros, Ordering::Relaxed);
    }

    /// The operations that were seen.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter_map(|cell| cell.get().map(Box::as_ref))
    }
}

// === impl Cell ===

impl Cell {
    fn new(operation: Operation) -> Self {
        Self { label: operation.label(), counts: Default::default(), sums: Default::default() }
    }

    pub(super) fn label(&self) -> &'static str {
        self.label
    }

    /// How often it ended so.
    pub(super) fn count(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Adds the outcomes that `wanted` picks to `histogram`.
    pub(super) fn add_to(&self, histogram: &mut Histogram, wanted: impl Fn(Outcome) -> bool) {
        for outcome in Outcome::ALL.into_iter().filter(|&outcome| wanted(outcome)) {
            for (sum, count) in histogram.buckets.iter_mut().zip(&self.counts[outcome as usize]) {
                let count = count.load(Ordering::Relaxed);
                *sum += count;
                histogram.count += count;
            }
            let micros = self.sums[outcome as usize].load(Ordering::Relaxed);
            histogram.seconds += Duration::from_micros(micros).as_secs_f64();
        }
    }
}

// === impl Histogram ===

impl Histogram {
    /// Upper bound in seconds, and how many fell between it and the one before.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        BOUNDS
            .iter()
            .map(|&micros| Duration::from_micros(micros).as_secs_f64())
            .chain([f64::INFINITY])
            .zip(self.buckets)
            .collect()
    }
}
