//! The line to the API server, shared by every watch of a process: while it is down, one of them
//! tries and the others wait for it, so that a fleet does not fall upon a server that comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The line.
#[derive(Clone, Default)]
pub(crate) struct Line {
    turn: Arc<Mutex<()>>,
    /// How often it came back.
    repairs: Arc<AtomicU64>,
}

/// The right to try, while it is held.
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
    line: Line,
}

// === impl Line ===

impl Line {
    /// How often the line came back; taken when something fails, for [`Line::wait`].
    pub(crate) fn repairs(&self) -> u64 {
        self.repairs.load(Ordering::Acquire)
    }

    /// Waits for a turn to try, or for the line to come back since `seen`: then `None`.
    pub(crate) async fn wait(&self, seen: u64) -> Option<Turn> {
        let guard = Arc::clone(&self.turn).lock_owned().await;
        (self.repairs() == seen).then(|| Turn { _guard: guard, line: self.clone() })
    }
}

// === impl Turn ===

impl Turn {
    /// The line is back: everybody may go on.
    pub(crate) fn succeeded(self) {
        self.line.repairs.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
