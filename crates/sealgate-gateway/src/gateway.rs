//! Enters: a configuration, then HTTP requests. Leaves: their answers. Holds what all workers of
//! the process share, and nothing that a second process would miss.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use sealgate_config::resolved::Resolved;
use sealgate_mcp::keyring::Keyring;
use tokio::sync::watch;

use crate::authenticate::Principal;
use crate::backend::task_id::Binding;
use crate::backend::{Lists, Pooled, Reopened};
use crate::changes::Changes;
use crate::identities::Identities;
use crate::in_flight::InFlight;
use crate::observe::Metrics;
use crate::plan::{Foundation, Plan};
use crate::reply::Parked;
use crate::session::{Bridged, Ended, Openings, Tethers};

/// What bounds a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body: usize,
    /// How long a request body may take to arrive.
    pub body_patience: Duration,
    /// Largest answer that is held whole (lists, `initialize`), in bytes.
    pub held_answer: usize,
    /// How often an idle event stream says that it lives.
    pub keep_alive: Duration,
}

/// Everything that the workers of one process share.
pub struct Gateway {
    plan: ArcSwap<Plan>,
    foundation: Foundation,
    keyring: ArcSwap<Keyring>,
    pub(crate) limits: Limits,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) reopened: Reopened,
    pub(crate) pooled: Arc<Pooled>,
    pub(crate) bridged: Arc<Bridged>,
    pub(crate) parked: Parked,
    pub(crate) ended: Ended,
    pub(crate) openings: Arc<Openings>,
    pub(crate) tethers: Tethers,
    /// What reloads and outages change, for open streams.
    pub(crate) changes: Arc<Changes>,
    next_upstream_id: AtomicU64,
    draining: watch::Sender<bool>,
}

/// How long a new plan waits for identities that it is the first to use.
const IDENTITY_PATIENCE: Duration = Duration::from_secs(3);

impl Gateway {
    /// Compiles the first plan. Identities refresh themselves on `runtime`.
    pub fn new(
        resolved: &Resolved,
        keyring: Keyring,
        limits: Limits,
        metrics: Arc<Metrics>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let foundation = Foundation::new(metrics, runtime);
        let plan = Plan::compile(resolved, 1, &foundation);
        let changes = Arc::clone(&foundation.changes);
        Self {
            plan: ArcSwap::from_pointee(plan),
            foundation,
            keyring: ArcSwap::from_pointee(keyring),
            limits,
            in_flight: Arc::default(),
            reopened: Reopened::default(),
            pooled: Arc::default(),
            bridged: Arc::default(),
            parked: Parked::default(),
            ended: Ended::default(),
            openings: Arc::default(),
            tethers: Tethers::default(),
            changes,
            next_upstream_id: AtomicU64::new(first_upstream_id()),
            draining: watch::Sender::new(false),
        }
    }

    /// The plan that new requests get.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The keys of tokens.
    pub(crate) fn keyring(&self) -> Guard<Arc<Keyring>> {
        self.keyring.load()
    }

    /// Puts other keys into force, for whatever is sealed or opened from now on.
    pub fn rotate(&self, keyring: Keyring) {
        self.keyring.store(Arc::new(keyring));
    }

    /// The identities in use.
    pub fn identities(&self) -> &Identities {
        &self.foundation.identities
    }

    /// What is kept of backends' lists.
    pub(crate) fn lists(&self) -> &Lists {
        &self.foundation.lists
    }

    /// Puts a new configuration into force. Running requests keep the plan that they began with.
    /// Identities that are new get a moment to resolve first, so that a rotation costs no call.
    pub async fn reload(&self, resolved: &Resolved) -> Arc<Plan> {
        let generation = self.plan().generation + 1;
        let plan = Arc::new(Plan::compile(resolved, generation, &self.foundation));
        let ready = async {
            for identity in self.identities().all() {
                let _ = identity.ready().await;
            }
        };
        let _ = tokio::time::timeout(IDENTITY_PATIENCE, ready).await;
        let before = self.plan.swap(Arc::clone(&plan));
        self.changes.tell(&before, &plan);
        plan
    }

    /// Ends the streams that would otherwise stay open, so that their clients come back to another
    /// replica.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Ends the sessions with backends that are held for modern clients and not in use.
    pub async fn close_unused_sessions(&self) {
        self.pooled.close_unused().await;
    }

    /// Ends all of them. Calls that wait for their clients are given up.
    pub async fn close_sessions(&self) {
        self.parked.clear();
        self.pooled.close_all().await;
    }

    /// Waits for [`Gateway::drain`].
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as the gateway.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// What binds ids to a caller.
    pub(crate) fn binding(&self, principal: &Principal) -> Binding {
        Binding { keyring: Arc::clone(&self.keyring()), digest: principal.digest() }
    }

    /// An id for a request to a backend, as JSON: an integer that no other request of this
    /// process has, and that one of another replica in the same session hardly can have.
    pub(crate) fn upstream_id(&self) -> Arc<str> {
        self.next_upstream_id.fetch_add(1, Ordering::Relaxed).to_string().into()
    }
}

/// 20 random bits above 32 counted ones: below 2^53, which every JSON reader takes exactly.
fn first_upstream_id() -> u64 {
    let mut random = [0_u8; 4];
    // Without entropy the id is still unique in this process.
    let _ = aws_lc_rs::rand::fill(&mut random);
    (u64::from(u32::from_be_bytes(random)) & 0xF_FFFF) << 32 | 1
}
