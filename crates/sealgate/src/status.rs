//! Enters: what the gateway runs. Leaves: what the admin address tells about it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sealgate_config::Finding;
use sealgate_gateway::Gateway;
use sealgate_gateway::admin::{
    BackendOverview, IdentityOverview, Overview, Readiness, RouteOverview, Status,
};
use sealgate_gateway::observe::{IdentityFacts, ProcessMetrics};

/// What is known of the process.
pub(crate) struct State {
    gateway: Arc<Gateway>,
    phase: AtomicU8,
    findings: Mutex<Vec<Finding>>,
    /// What is wrong with the file of session keys.
    keys: Mutex<Option<String>>,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl State {
    pub(crate) fn new(gateway: Arc<Gateway>, findings: Vec<Finding>) -> Self {
        let (phase, findings) = (AtomicU8::new(STARTING), Mutex::new(findings));
        Self { gateway, phase, findings, keys: Mutex::default() }
    }

    pub(crate) fn ready(&self) {
        self.phase.store(READY, Ordering::Relaxed);
    }

    pub(crate) fn draining(&self) {
        self.phase.store(DRAINING, Ordering::Relaxed);
    }

    /// What the last load found.
    pub(crate) fn found(&self, findings: Vec<Finding>) {
        *self.findings.lock().unwrap_or_else(PoisonError::into_inner) = findings;
    }

    /// What the last look at the session keys found; whether that is new.
    pub(crate) fn keys_are(&self, trouble: Option<String>) -> bool {
        let mut held = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *held != trouble;
        *held = trouble;
        new
    }

    /// Lets the metrics ask for the identities.
    pub(crate) fn tell(self: &Arc<Self>, metrics: &ProcessMetrics) {
        let state = Arc::downgrade(self);
        metrics.identities(move || {
            let Some(state) = state.upgrade() else { return Vec::new() };
            let identities = state.gateway.identities().all();
            let facts = identities.iter().map(|identity| {
                let status = identity.status();
                IdentityFacts {
                    name: status.description,
                    expires_at: status.expires_at,
                    refreshes: status.refreshes,
                    failures: status.refusals,
                }
            });
            facts.collect()
        });
    }
}

impl Status for State {
    fn readiness(&self) -> Readiness {
        match self.phase.load(Ordering::Relaxed) {
            READY => Readiness::Ready,
            DRAINING => Readiness::Draining,
            _ => Readiness::Starting,
        }
    }

    fn overview(&self) -> Overview {
        let plan = self.gateway.plan();
        let routes = plan.routes.iter().map(|route| RouteOverview {
            name: route.name.to_string(),
            path: route.path.clone(),
            backends: route
                .backends
                .iter()
                .map(|backend| BackendOverview {
                    name: backend.name.to_string(),
                    target: backend.url(),
                    seal: backend.seal_kind().to_owned(),
                    trouble: backend.trouble(),
                })
                .collect(),
        });
        let identities = self.gateway.identities().all();
        let findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.iter().map(|problem| format!("error: {problem}"));
        Overview {
            routes: routes.collect(),
            identities: identities
                .iter()
                .map(|identity| identity.status())
                .map(|status| IdentityOverview {
                    name: status.description,
                    expires_at: status.expires_at,
                    trouble: status.last_error.map(|error| error.to_string()),
                })
                .collect(),
            findings: findings.iter().map(|finding| finding.render(false)).chain(keys).collect(),
        }
    }
}
