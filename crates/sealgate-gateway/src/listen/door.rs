//! Enters: what a listener currently demands. Leaves: the same, shared by the accept loops of
//! every worker, so that a reload changes certificates under open sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;

use super::spec::ListenerId;
use crate::observe::ProcessMetrics;

/// What a client may cost before its request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a request's head may take, and how long a connection may stand unused.
    pub head: Duration,
    /// The largest head, in bytes. Beyond: 431.
    pub head_size: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// Open connections of one worker, over all its listeners. Beyond: 503 and hang up.
    pub connections: usize,
}

/// The shared side of one listener.
pub struct Door {
    pub(super) id: ListenerId,
    pub(super) tls: ArcSwapOption<ServerConfig>,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<ProcessMetrics>,
}

/// The open connections of one worker.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<AtomicUsize>);

/// A connection's place among them.
pub(super) struct Place {
    crowd: Crowd,
    metrics: Arc<ProcessMetrics>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            head_size: 64 * 1024,
            handshake: Duration::from_secs(10),
            connections: 16 * 1024,
        }
    }
}

// === impl Door ===

impl Door {
    /// A listener's shared side; without `tls` it serves plain HTTP.
    pub fn new(
        id: ListenerId,
        tls: Option<Arc<ServerConfig>>,
        limits: Limits,
        metrics: Arc<ProcessMetrics>,
    ) -> Arc<Self> {
        Arc::new(Self { id, tls: ArcSwapOption::from(tls), limits, metrics })
    }
}

// === impl Crowd ===

impl Crowd {
    /// A place for one more connection, unless `door` says that there are enough.
    pub(super) fn enter(&self, door: &Door) -> Option<Place> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= door.limits.connections {
            self.0.fetch_sub(1, Ordering::Relaxed);
            door.metrics.connection_refused();
            return None;
        }
        door.metrics.connection_opened();
        Some(Place { crowd: self.clone(), metrics: Arc::clone(&door.metrics) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.0.fetch_sub(1, Ordering::Relaxed);
        self.metrics.connection_closed();
    }
}
