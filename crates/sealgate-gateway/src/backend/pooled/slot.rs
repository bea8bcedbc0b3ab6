//! Enters: the wish to use a session of the pool. Leaves: its place, which outlives the session;
//! at the end the session is closed with its backend.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Upstream;
use crate::backend::{Exchange, Memory};
use crate::upstream::Pool;

/// The place of one session.
pub(super) struct Slot {
    /// Keeps the address of the memory from being taken by another.
    _memory: Arc<Memory>,
    pub(super) session: tokio::sync::Mutex<Option<Arc<Upstream>>>,
    used: Mutex<Instant>,
    /// The way to the backend, under the plan of the last request.
    way: Mutex<Exchange>,
    is_taken: AtomicBool,
}

/// Keeps a place for one call; dropping it gives it back.
pub(super) struct Taken(Arc<Slot>);

impl Slot {
    pub(super) fn new(base: &Exchange) -> Self {
        Self {
            _memory: Arc::clone(&base.backend().memory),
            session: tokio::sync::Mutex::default(),
            used: Mutex::new(Instant::now()),
            way: Mutex::new(base.clone()),
            is_taken: AtomicBool::new(false),
        }
    }

    /// A request uses it, or has used it until now.
    pub(super) fn touch(&self, base: &Exchange) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&way.route, &base.route) {
            *way = base.clone();
        }
    }

    pub(super) fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether only the pool knows of it.
    pub(super) fn is_unused(slot: &Arc<Self>) -> bool {
        Arc::strong_count(slot) == 1
    }

    /// Ends its session, if there is one.
    pub(super) async fn close(self: Arc<Self>, pool: Arc<Pool>) {
        let Some(upstream) = self.session.lock().await.take() else { return };
        upstream.end();
        if upstream.session.is_none() {
            return;
        }
        let way = self.way.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let exchange = upstream.exchange(&Exchange { pool, ..way });
        if let Err(error) = exchange.close().await {
            let backend = &exchange.backend().name;
            tracing::debug!(%backend, %error, "pooled session not closed");
        }
    }
}

impl Taken {
    /// `None` if another call has it.
    pub(super) fn take(slot: &Arc<Slot>) -> Option<Self> {
        let is_free = !slot.is_taken.swap(true, Ordering::Relaxed);
        is_free.then(|| Self(Arc::clone(slot)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Relaxed);
    }
}
