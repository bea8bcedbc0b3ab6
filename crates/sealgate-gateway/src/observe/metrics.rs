//! Enters: events. Leaves: the text that Prometheus reads. What a plan needs is looked up once,
//! when it is compiled; counting is then two atomic additions, without lock or allocation.

mod cells;
mod collect;
mod era;
mod operation;
mod process;

pub use era::SpokenEras;
pub use operation::{Operation, Outcome};
pub use process::{IdentityFacts, ProcessMetrics, ReloadResult};

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::registry::Registry;

use cells::Durations;
use collect::Families;
use era::EraCounts;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    tables: Arc<Tables>,
}

/// The counters of one route; cloning shares them.
#[derive(Clone)]
pub struct RouteMetrics(Arc<RouteCells>);

/// The counters of one backend of one route; cloning shares them.
#[derive(Clone)]
pub struct BackendMetrics(Arc<BackendCells>);

/// Counts one open stream until it is dropped.
pub struct OpenStream(Arc<RouteCells>);

/// Counters live as long as a plan holds them; a reload finds them again by name.
#[derive(Default)]
struct Tables {
    process: Arc<ProcessMetrics>,
    routes: Mutex<HashMap<Arc<str>, Weak<RouteCells>>>,
    backends: Mutex<HashMap<BackendKey, Weak<BackendCells>>>,
}

/// Route, then backend.
type BackendKey = (Arc<str>, Arc<str>);

struct RouteCells {
    name: Arc<str>,
    /// Requests that no single backend answered.
    requests: Durations,
    eras: EraCounts,
    sessions: AtomicU64,
    streams: AtomicI64,
}

struct BackendCells {
    route: Arc<str>,
    name: Arc<str>,
    /// Requests of clients that this backend answered.
    requests: Durations,
    eras: EraCounts,
    signatures: AtomicU64,
    /// Lists that were looked for in memory: found, not found.
    lists: [AtomicU64; 2],
    /// Lists of before, given while the backend was down.
    lists_kept: AtomicU64,
    /// Requests sent again, by why.
    resends: Mutex<HashMap<&'static str, u64>>,
    /// Rare, so a lock does no harm.
    errors: Mutex<HashMap<&'static str, u64>>,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> Self {
        let tables = Arc::<Tables>::default();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Families(Arc::clone(&tables))));
        Self { registry, tables }
    }

    /// What belongs to no route: connections, reloads, identities.
    pub fn process(&self) -> &Arc<ProcessMetrics> {
        &self.tables.process
    }

    /// The counters of a route, for its plan.
    pub fn route(&self, name: &str) -> RouteMetrics {
        let mut routes = lock(&self.tables.routes);
        if let Some(cells) = routes.get(name).and_then(Weak::upgrade) {
            return RouteMetrics(cells);
        }
        routes.retain(|_, cells| cells.strong_count() > 0);
        let cells = Arc::new(RouteCells {
            name: name.into(),
            requests: Durations::default(),
            eras: EraCounts::default(),
            sessions: AtomicU64::new(0),
            streams: AtomicI64::new(0),
        });
        routes.insert(Arc::clone(&cells.name), Arc::downgrade(&cells));
        RouteMetrics(cells)
    }

    /// The counters of a backend of a route, for its plan.
    pub fn backend(&self, route: &str, name: &str) -> BackendMetrics {
        let key = (Arc::from(route), Arc::from(name));
        let mut backends = lock(&self.tables.backends);
        if let Some(cells) = backends.get(&key).and_then(Weak::upgrade) {
            return BackendMetrics(cells);
        }
        backends.retain(|_, cells| cells.strong_count() > 0);
        let cells = Arc::new(BackendCells {
            route: Arc::clone(&key.0),
            name: Arc::clone(&key.1),
            requests: Durations::default(),
            eras: EraCounts::default(),
            signatures: AtomicU64::new(0),
            lists: Default::default(),
            lists_kept: AtomicU64::new(0),
            resends: Mutex::default(),
            errors: Mutex::default(),
        });
        backends.insert(key, Arc::downgrade(&cells));
        BackendMetrics(cells)
    }

    /// Everything, in the OpenMetrics text format 1.0.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // Writing to a `String` does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

// === impl RouteMetrics ===

impl RouteMetrics {
    /// A client's request that no single backend answered: a merged one, or a refused one. See
    /// [`BackendMetrics::request`] for the others; each request is counted once.
    pub fn request(&self, operation: impl Into<Operation>, outcome: Outcome, took: Duration) {
        self.0.requests.observe(operation.into(), outcome, took);
    }

    /// The eras of such a request.
    pub fn spoken(&self, eras: SpokenEras) {
        self.0.eras.count(eras);
    }

    /// A session was opened.
    pub fn session_opened(&self) {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// A stream was opened; it is closed when the value is dropped.
    pub fn stream_opened(&self) -> OpenStream {
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.0))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl BackendMetrics ===

impl BackendMetrics {
    /// A client's request that this backend answered, or failed to answer.
    pub fn request(&self, operation: impl Into<Operation>, outcome: Outcome, took: Duration) {
        self.0.requests.observe(operation.into(), outcome, took);
    }

    /// The eras of such a request.
    pub fn spoken(&self, eras: SpokenEras) {
        self.0.eras.count(eras);
    }

    /// A request to the backend went out with a signature.
    pub fn signed(&self) {
        self.0.signatures.fetch_add(1, Ordering::Relaxed);
    }

    /// A page of a list that may be kept was looked for, and was there or was not.
    pub fn list_found(&self, is_there: bool) {
        self.0.lists[usize::from(!is_there)].fetch_add(1, Ordering::Relaxed);
    }

    /// A list of before was given because the backend is down.
    pub fn list_kept(&self) {
        self.0.lists_kept.fetch_add(1, Ordering::Relaxed);
    }

    /// A request to the backend is sent again because of what the backend said. `reason` is a
    /// stable code such as [`Refusal::code`](sealgate_aws::refusal::Refusal::code).
    pub fn resent(&self, reason: &'static str) {
        *lock(&self.0.resends).entry(reason).or_default() += 1;
    }

    /// An exchange with the backend failed. `kind` is a stable code such as
    /// [`SendError::code`](crate::upstream::SendError::code).
    pub fn failed(&self, kind: &'static str) {
        *lock(&self.0.errors).entry(kind).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
