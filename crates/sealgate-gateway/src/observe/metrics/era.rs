//! Enters: in which eras requests were spoken. Leaves: how often in which.

use std::sync::atomic::{AtomicU64, Ordering};

/// The eras of one request: of the client, where its message could be read, and of the backend,
/// where one answered. `true` is the modern one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpokenEras {
    /// The client's.
    pub client: Option<bool>,
    /// The backend's.
    pub backend: Option<bool>,
}

/// Every era as a label.
const LABELS: [&str; 3] = ["none", "legacy", "modern"];

/// Counts by both eras, the client's first.
#[derive(Default)]
pub(super) struct EraCounts([[AtomicU64; LABELS.len()]; LABELS.len()]);

impl EraCounts {
    pub(super) fn count(&self, eras: SpokenEras) {
        let index = |era: Option<bool>| era.map_or(0, |is_modern| 1 + usize::from(is_modern));
        self.0[index(eras.client)][index(eras.backend)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was seen: the client's era, the backend's, how often.
    pub(super) fn seen(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let rows = LABELS.into_iter().zip(&self.0);
        let counts = rows.flat_map(|(client, row)| {
            let cells = LABELS.into_iter().zip(row);
            cells.map(move |(backend, count)| (client, backend, count.load(Ordering::Relaxed)))
        });
        counts.filter(|(_, _, count)| *count > 0)
    }
}
