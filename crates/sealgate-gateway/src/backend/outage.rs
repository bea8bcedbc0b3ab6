//! Enters: a backend that cannot be reached any more. Leaves: word to the clients of its route
//! when its tools leave their lists, and when it is back.
//!
//! Calls find out for themselves; a client that only listens would not, nor would it come back to
//! a backend whose tools it does not see.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sealgate_mcp::method::Method;
use sealgate_mcp::version::LATEST;
use tokio::time::Instant;

use super::{Exchange, Speaker};
use crate::changes::Changes;
use crate::plan::{BackendPlan, RoutePlan};
use crate::upstream::Pool;

/// Who hears of a backend's outages.
pub(crate) struct Outages {
    pub(crate) changes: Arc<Changes>,
    /// [`RoutePlan::tag`](crate::plan::RoutePlan).
    pub(crate) route: u64,
}

/// A backend that is tried now and then.
struct Outage {
    backend: Arc<BackendPlan>,
    /// A reload may leave it behind.
    route: Weak<RoutePlan>,
    index: usize,
    pool: Arc<Pool>,
    /// When its tools leave the lists.
    ends: Instant,
}

/// The shortest pause between tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows the outage of a backend that `exchange` could not reach.
pub(super) fn follow(exchange: &Exchange) {
    let backend = exchange.backend();
    tracing::warn!(backend = %backend.name, "backend cannot be reached");
    let outage = Outage {
        backend: Arc::clone(backend),
        route: Arc::downgrade(&exchange.route),
        index: exchange.index,
        pool: Arc::clone(&exchange.pool),
        ends: Instant::now() + backend.lists.grace(),
    };
    tokio::spawn(outage.follow());
}

impl Outage {
    async fn follow(self) {
        let backend = &self.backend;
        let Outages { changes, route } = &backend.outages;
        let mut has_left = false;
        while let Some(pause) = backend.health.retry_in() {
            if !has_left && Instant::now() >= self.ends {
                has_left = true;
                tracing::warn!(backend = %backend.name, "backend is gone: its lists are left out");
                changes.tell_outage(*route);
            }
            let next = Instant::now() + pause.max(PAUSE);
            let until = if has_left { next } else { next.min(self.ends) };
            tokio::time::sleep_until(until).await;
            let Some(exchange) = self.exchange() else {
                if has_left {
                    changes.tell_outage(*route);
                }
                return;
            };
            if backend.health.retry_in().is_some_and(|pause| pause.is_zero()) {
                probe(exchange).await;
            }
        }
        tracing::info!(backend = %backend.name, "backend is back");
        // It may be another version, with other tools.
        backend.lists.changed_all();
        changes.tell_outage(*route);
    }

    /// The way to the backend, while anybody still uses it.
    fn exchange(&self) -> Option<Exchange> {
        Some(Exchange {
            pool: Arc::clone(&self.pool),
            route: self.route.upgrade()?,
            index: self.index,
            session: None,
            version: Some(LATEST),
            forwarded: Arc::from([]),
            reopen: None,
            speaker: Some(Speaker::gateway().into()),
            mirror: None,
        })
    }
}

/// Any answer will do, even one that refuses: it is noted where it is sent.
async fn probe(exchange: Exchange) {
    let (exchange, body) = exchange.own(&Method::ServerDiscover, "{}", "\"probe\"");
    let within = exchange.backend().deadlines.initialize;
    let draft = exchange.post(body);
    let _ = tokio::time::timeout(within, exchange.send(&draft, within)).await;
}
